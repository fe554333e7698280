"""The place that the ledger is bound to, and the caution that starts when the ledger may have lost something."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, TextClause, text
from sqlalchemy.exc import DBAPIError

from reconciler.domain.place import Caution, CautionReason, Place, PlaceView, judge_place

_READABLE = text("""
    SELECT has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE') AS system,
           has_function_privilege('pg_catalog.pg_current_wal_lsn()', 'EXECUTE')
           AND has_function_privilege('pg_catalog.pg_walfile_name(pg_lsn)', 'EXECUTE')
           AND NOT pg_catalog.pg_is_in_recovery() AS timeline,
           (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) AS database
""")
_SYSTEM = text("SELECT system_identifier::text FROM pg_catalog.pg_control_system()")
# The first eight digits of a WAL file's name are the timeline, in base 16. The control file has it only later.
_TIMELINE = text("SELECT left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8)")
_BOUND = text("""
    SELECT system_identifier, database_oid, timeline, caution_since, caution_reason,
           database_oid IS NULL AND EXISTS (SELECT FROM reconciler.intent) AS has_repairs
    FROM reconciler.installation
""")
_NEW = text("SELECT NOT EXISTS (SELECT FROM reconciler.intent) AND NOT EXISTS (SELECT FROM reconciler.run)")
_BIND = text("""
    UPDATE reconciler.installation
    SET system_identifier = :system, database_oid = :database, timeline = :timeline
""")
_CAUTION = text("""
    UPDATE reconciler.installation SET caution_since = clock_timestamp(), caution_reason = :reason
""")
_NEW_ID = text("UPDATE reconciler.installation SET id = gen_random_uuid(), since = clock_timestamp()")
# What the original has planned is for the original to do.
_DROP_PLANNED = text("""
    UPDATE reconciler.intent SET state = 'dropped', code = 'new_installation', updated_at = clock_timestamp()
    WHERE state = 'planned'
""")
_LOCK = text("SELECT FROM reconciler.installation FOR UPDATE")
# What the calendar shows is the original's, and it was said that both live on.
_NEW_BEACON = text("""
    UPDATE reconciler.beacon
    SET generation = 0, mark = 0, nonces = '{}', tables = '{}', made = false, accepts = true, looked = true,
        status = '', code = '', renewed_at = NULL
""")


def read_place(connection: Connection) -> Place:
    """The place of this connection."""
    may = connection.execute(_READABLE).mappings().one()
    timeline = _answer(connection, _TIMELINE) if may["timeline"] else ""
    return Place(
        system=_answer(connection, _SYSTEM) if may["system"] else "",
        database=may["database"],
        timeline=int(timeline, 16) if timeline else None,
    )


def _answer(connection: Connection, statement: TextClause) -> str:
    """What the server tells, '' if it refuses.

    A managed server refuses more than its privileges say: Aurora has no WAL of its own to name.
    """
    try:
        with connection.begin_nested():
            return str(connection.scalar(statement))
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return ""


def view_place(connection: Connection) -> PlaceView:
    """The place that the ledger is bound to, beside the one of this connection. Writes nothing."""
    row = connection.execute(_BOUND).mappings().one()
    bound, here = _place(row), read_place(connection)
    status = judge_place(bound, here, has_repairs=row["has_repairs"])
    return PlaceView(here=here, bound=bound, status=status, caution=_caution(row))


@dataclass(frozen=True, slots=True)
class PostgresPlaces:
    """``ports.Places`` over one connection in one transaction."""

    connection: Connection
    has_traces: Callable[[], bool]
    """Whether the application's tables hold what an earlier ledger made."""

    def view(self) -> PlaceView:
        return view_place(self.connection)

    def caution(self) -> Caution | None:
        return _caution(self.connection.execute(_BOUND).mappings().one())

    def lock(self) -> None:
        self.connection.execute(_LOCK)

    def is_lost(self) -> bool:
        return bool(self.connection.scalar(_NEW)) and self.has_traces()

    def bind(self, here: Place) -> None:
        values = {"system": here.system, "database": here.database, "timeline": here.timeline}
        self.connection.execute(_BIND, values)

    def start_caution(self, reason: CautionReason) -> None:
        self.connection.execute(_CAUTION, {"reason": reason})

    def become_new(self) -> None:
        """Take another installation id, so that nothing derived from it is the original's."""
        self.connection.execute(_NEW_ID)
        self.connection.execute(_DROP_PLANNED)
        self.connection.execute(_NEW_BEACON)


def _place(row: RowMapping) -> Place | None:
    if row["database_oid"] is None:
        return None
    return Place(system=row["system_identifier"], database=row["database_oid"], timeline=row["timeline"])


def _caution(row: RowMapping) -> Caution | None:
    since: datetime | None = row["caution_since"]
    return Caution(since=since, reason=CautionReason(row["caution_reason"])) if since else None
