"""SQL over the application's tables: the mapping, the conditions, the scan, and the reads of a repair.

Never imports `store.schema`, `store.ledger` or any other wing.
"""
