"""``reconciler adopt``: a cron.yaml from the catalog of a database, with at most three questions."""
