"""SQL over our own schema `reconciler`: intents, gaps, runs, incidents, the outbox. Imports no other wing."""
