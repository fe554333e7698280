"""SQL over the application's tables: mapping, conditions, the scan, and what a repair reads there.

Never imports `store.schema`, `store.ledger` or any other wing.
"""
