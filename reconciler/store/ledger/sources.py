"""Sources: which mapped table a booking's id is of. Two tables may have a booking 7 each."""

from dataclasses import dataclass, field

from sqlalchemy import Connection, text

FIRST = ""
"""The key of the source that is registered first. Ids derived from it are those of ledgers that knew one table only."""
# to_regclass raises an error without USAGE on the schema. The catalog may be read by everyone.
_OID = """(
    SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE '"' || replace(n.nspname, '"', '""') || '"."' || replace(c.relname, '"', '""') || '"' = {})"""
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('reconciler'), hashtext('sources'))")
_KEY = text("SELECT key FROM reconciler.source WHERE relation = :relation")
_KNOWN = text("SELECT EXISTS (SELECT FROM reconciler.source)")
# A renamed table keeps its oid; a restored one does not. In both cases the old name is free, and the table is taken for
# the same source, so that nothing is made again.
_RENAMED = text(f"""
    UPDATE reconciler.source SET relation = :relation, relation_oid = coalesce({_OID.format(":relation")}, 0)
    WHERE key = (SELECT key FROM reconciler.source WHERE {_OID.format("source.relation")} IS NULL
                 ORDER BY relation_oid = {_OID.format(":relation")} DESC NULLS LAST, since LIMIT 1)
    RETURNING key
""")
_ADD = text(f"""
    INSERT INTO reconciler.source (key, relation, relation_oid, since)
    VALUES (:key, :relation, coalesce({_OID.format(":relation")}, 0), clock_timestamp())
""")


def register(connection: Connection, relation: str) -> str:
    """Return the key of a table, which is registered if the ledger does not know it yet.

    ``relation`` is its quoted name with the schema.
    """
    known = connection.scalar(_KEY, {"relation": relation})
    if known is not None:
        return str(known)
    connection.execute(_LOCK)
    known = connection.scalar(_KEY, {"relation": relation})
    if known is None:
        known = connection.scalar(_RENAMED, {"relation": relation})
    if known is None:
        known = relation if connection.scalar(_KNOWN) else FIRST
        connection.execute(_ADD, {"key": known, "relation": relation})
    return str(known)


@dataclass(slots=True)
class SourceKey:
    """The key of one table. It never changes once it is registered, so it is read once."""

    relation: str
    _registered: str | None = field(default=None, init=False)

    def of(self, connection: Connection) -> str:
        """Return the key; before the table is registered, the one it would get."""
        if self._registered is None:
            self._registered = connection.scalar(_KEY, {"relation": self.relation})
        if self._registered is not None:
            return self._registered
        return self.relation if connection.scalar(_KNOWN) else FIRST
