"""The place that the ledger is bound to, and the caution that starts when the ledger may have lost something."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, TextClause, text
from sqlalchemy.exc import DBAPIError

from reconciler.domain.place import Caution, CautionReason, Place, PlaceStatus, PlaceView, judge_place

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
    SELECT system_identifier, database_oid, timeline, caution_since, caution_reason
    FROM reconciler.installation
""")
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


def read_place(connection: Connection) -> Place:
    """The place of this connection."""
    may = connection.execute(_READABLE).mappings().one()
    timeline = _told(connection, _TIMELINE) if may["timeline"] else ""
    return Place(
        system=_told(connection, _SYSTEM) if may["system"] else "",
        database=may["database"],
        timeline=int(timeline, 16) if timeline else None,
    )


def _told(connection: Connection, statement: TextClause) -> str:
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
    return PlaceView(here=here, bound=bound, status=judge_place(bound, here), caution=_caution(row))


@dataclass(frozen=True, slots=True)
class PostgresPlaces:
    """``ports.Places`` over one connection in one transaction."""

    connection: Connection

    def view(self) -> PlaceView:
        return view_place(self.connection)

    def caution(self) -> Caution | None:
        return _caution(self.connection.execute(_BOUND).mappings().one())

    def enter(self) -> PlaceView:
        """Bind an unbound ledger, and follow a new timeline, which starts caution. The view is the one before that.

        Of several processes that meet a new timeline, the first one alone sees it.
        """
        view = self.view()
        if view.status not in (PlaceStatus.UNBOUND, PlaceStatus.NEW_TIMELINE):
            return view
        self.connection.execute(_LOCK)
        view = self.view()
        if view.status in (PlaceStatus.UNBOUND, PlaceStatus.NEW_TIMELINE):
            self.bind(view.here)
        if view.status is PlaceStatus.NEW_TIMELINE:
            self.start_caution(CautionReason.NEW_TIMELINE)
        return view

    def bind(self, here: Place) -> None:
        values = {"system": here.system, "database": here.database, "timeline": here.timeline}
        self.connection.execute(_BIND, values)

    def start_caution(self, reason: CautionReason) -> None:
        self.connection.execute(_CAUTION, {"reason": reason})

    def become_new(self) -> None:
        """Take another installation id, so that nothing derived from it is the original's."""
        self.connection.execute(_NEW_ID)
        self.connection.execute(_DROP_PLANNED)


def _place(row: RowMapping) -> Place | None:
    if row["database_oid"] is None:
        return None
    return Place(system=row["system_identifier"], database=row["database_oid"], timeline=row["timeline"])


def _caution(row: RowMapping) -> Caution | None:
    since: datetime | None = row["caution_since"]
    return Caution(since=since, reason=CautionReason(row["caution_reason"])) if since else None
