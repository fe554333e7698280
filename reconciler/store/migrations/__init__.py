"""The ledger's schema, step by step, under Alembic. A step that was released is never edited."""
