"""What the ledger keeps of the beacon: one row, which all processes of the installation share."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from reconciler.domain.beacon import MOST_NONCES, Beacon, BeaconStatus, LedgerView
from reconciler.store.ledger import intent_sql
from reconciler.store.ledger.installation.place import read_place

MOST_TABLES = 60
"""Google keeps at most 1024 characters of a private property."""
_VIEW = text("""
    SELECT i.id::text AS installation, i.since, b.*, extract(epoch FROM pg_postmaster_start_time())::text AS server,
           EXISTS (SELECT FROM reconciler.intent) AS has_repairs
    FROM reconciler.installation i CROSS JOIN reconciler.beacon b
""")
_ISSUE = text(f"""
    UPDATE reconciler.beacon
    SET mark = mark + 1,
        tables = CASE WHEN CAST(:tables AS text) = ANY(tables) OR cardinality(tables) >= {MOST_TABLES} THEN tables
                      ELSE tables || CAST(:tables AS text) END,
        nonces = array_remove(ARRAY[CAST(:shown AS text)], NULL)
                 || (array_remove(nonces, CAST(:shown AS text)))[greatest(1, cardinality(nonces) - {MOST_NONCES} + 2):]
                 || CAST(:nonce AS text)
    RETURNING generation, mark, tables
""")
"""The shown nonce stays, however often the calendar refuses to be written to."""
_ACCEPT = text(
    "UPDATE reconciler.beacon SET nonces = array_remove(nonces, CAST(:nonce AS text)) || CAST(:nonce AS text)"
)
_NOTE = text("UPDATE reconciler.beacon SET status = :status, code = :code, asked_at = clock_timestamp()")
_CONFIRM = text("""
    UPDATE reconciler.beacon
    SET made = true, looked = true, accepts = false, renewed_at = clock_timestamp(),
        accepted = ARRAY(SELECT DISTINCT unnest(accepted || CAST(:strangers AS text[])))
""")
_NEXT = text("UPDATE reconciler.beacon SET generation = generation + 1 WHERE generation = :generation")
_SETTLE = text("UPDATE reconciler.beacon SET accepts = true, looked = false, status = ''")
_MAY_BE_LOST = text("""
    SELECT NOT looked AND NOT made AND NOT EXISTS (SELECT FROM reconciler.intent) FROM reconciler.beacon
""")
_LOOKED = text("UPDATE reconciler.beacon SET looked = true")
_LOCK = text("SELECT FROM reconciler.installation FOR UPDATE")
_BECOME = text("""
    UPDATE reconciler.installation SET id = CAST(:id AS uuid), since = least(since, :since)
    WHERE NOT EXISTS (SELECT FROM reconciler.intent)
""")
_CONTINUE = text("""
    UPDATE reconciler.beacon
    SET generation = :generation, mark = greatest(mark, :mark), nonces = nonces || CAST(:nonce AS text),
        made = true, looked = true, accepts = false
""")


@dataclass(frozen=True, slots=True)
class BeaconRow:
    """What was found last, for whoever looks."""

    status: BeaconStatus | None
    """``None``: nobody has asked yet."""
    code: str
    asked_at: datetime | None
    renewed_at: datetime | None


def read_beacon(connection: Connection) -> BeaconRow:
    row = connection.execute(text("SELECT status, code, asked_at, renewed_at FROM reconciler.beacon")).one()
    return BeaconRow(BeaconStatus(row.status) if row.status else None, row.code, row.asked_at, row.renewed_at)


@dataclass(frozen=True, slots=True)
class PostgresBeacon:
    """``ports.BeaconLedger`` over one connection in one transaction."""

    connection: Connection
    tables: str
    """The digest of the mapped tables and of our scope."""

    def view(self) -> LedgerView:
        row = self.connection.execute(_VIEW).mappings().one()
        return LedgerView(
            installation=row["installation"],
            generation=row["generation"],
            since=row["since"],
            here=read_place(self.connection),
            server=row["server"],
            tables=self.tables,
            nonces=frozenset(row["nonces"]),
            mark=row["mark"],
            made=row["made"],
            accepts=row["accepts"],
            accepted=frozenset(row["accepted"]),
            has_repairs=row["has_repairs"],
        )

    def may_be_lost(self) -> bool:
        return bool(self.connection.scalar(_MAY_BE_LOST))

    def issue(self, shown: str | None) -> Beacon:
        # A nonce that a power cut takes from the ledger, but not from the calendar, would look like another copy's.
        self.connection.execute(intent_sql.DURABLE)
        nonce, ours = secrets.token_hex(16), self.view()
        row = self.connection.execute(_ISSUE, {"shown": shown, "nonce": nonce, "tables": self.tables}).one()
        return Beacon(
            installation=ours.installation,
            generation=row.generation,
            place=ours.here,
            server=ours.server,
            nonce=nonce,
            mark=row.mark,
            tables=tuple(sorted(row.tables)),
            since=ours.since,
        )

    def accept(self, nonce: str) -> None:
        self.connection.execute(intent_sql.DURABLE)
        self.connection.execute(_ACCEPT, {"nonce": nonce})

    def note(self, status: BeaconStatus, code: str = "") -> None:
        self.connection.execute(_NOTE, {"status": status, "code": code})

    def confirm(self, strangers: Collection[str] = ()) -> None:
        self.connection.execute(_CONFIRM, {"strangers": sorted(strangers)})

    def next_generation(self, generation: int) -> None:
        self.connection.execute(_NEXT, {"generation": generation})

    def last(self) -> BeaconStatus | None:
        return read_beacon(self.connection).status

    def settle(self) -> None:
        self.connection.execute(_SETTLE)

    def looked(self) -> None:
        self.connection.execute(_LOOKED)

    def continue_lost(self, lost: Beacon) -> bool:
        self.connection.execute(_LOCK)
        changed = self.connection.execute(_BECOME, {"id": lost.installation, "since": lost.since}).rowcount
        if changed:
            values = {"generation": lost.generation, "mark": lost.mark, "nonce": lost.nonce}
            self.connection.execute(_CONTINUE, values)
        return bool(changed)
