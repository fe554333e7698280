"""PostgreSQL: the connection, the application's tables through their mapping, the rules, and our ledger.

Belongs here: every SQL statement of the product, the schema's checks and the migrations. Does not belong here: what a
gap means or what may be done about it (``domain``), in which order (``engine``), whose settings these are
(``bootstrap``).
"""
