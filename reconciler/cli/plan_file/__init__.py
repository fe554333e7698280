"""The file of a backfill's plan: written by a look, applied by ``--do --plan``."""
