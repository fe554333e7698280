"""From a catalog to a proposed cron.yaml: words, weights and pure functions. Nothing here reads a database.

Belongs here: which table and which columns are probably meant, with what confidence and why. Reading the catalog is
``store.schema.adopt``; asking a person is ``cli.adopt``.
"""
