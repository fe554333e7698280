"""What `reconciler adopt` reads of a database: its catalog, and a sample of the values that decide a proposal."""
