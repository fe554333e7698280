"""Whether the database fits the mapping: requirements, the catalog, checks, privileges, trial writes."""
