"""Only a write proves that a write works: each of ours is tried as our role, and rolled back.

A row under the id of a booking that does not exist goes through every CHECK, trigger and policy of the table, and is
refused by the foreign key in the end: then all the rest is well, and nothing was there for anybody to see.
"""

import random
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from psycopg import errors as pg
from sqlalchemy import Connection, Table, Text, and_, cast, insert, select, text, update
from sqlalchemy.exc import DBAPIError, OperationalError

from reconciler.domain.bookings import Booking, BookingId
from reconciler.domain.diagnosis import Examined, Remark
from reconciler.domain.gaps import Effect, GapKind, IntegrationFault
from reconciler.domain.intents import IntentId
from reconciler.domain.texts import Draft
from reconciler.errors import SQLSTATE
from reconciler.ports import QueueRow
from reconciler.store.app_tables import Mapped
from reconciler.store.catalog import CatalogTable
from reconciler.store.needs import WRITTEN_STATUSES
from reconciler.store.queue_rows import columns_of
from reconciler.store.rules import OURS, Tables

_LARGEST = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}
_NUMBER = "+15550100000"
"""Nobody's: kept free for fiction."""


def _text_rows(connection: Connection, tables: Tables) -> Examined:
    """Try a row of the queue for every trigger and every status that we write."""
    mapped, queue = tables.application.queue, tables.queue
    table = CatalogTable.find(connection, mapped) if mapped else None
    if mapped is None or queue is None or table is None:
        return Examined()
    theirs = mapped.columns["booking_id"]
    expected = table.foreign_keys(theirs)
    booking = _nobody(table.columns[theirs].type)
    faults: list[IntegrationFault] = []
    remarks: list[Remark] = []
    tried = 0
    for trigger in tables.application.triggers:
        for status in WRITTEN_STATUSES[tables.application.deliver]:
            row = insert(queue).values(_values(queue, table, mapped, _row(booking, trigger), status))
            tried += 1
            refusal = _refusal(connection, lambda row=row: connection.execute(row))  # type: ignore[misc]  # bound now
            if refusal is None or _is_expected(refusal, expected):
                continue
            seen = f"{mapped.label} refuses a trial row ({trigger}, {status}): {_named(refusal)}"
            if isinstance(refusal, pg.RaiseException):
                remarks.append(Remark(said=seen, remedy=_ASK_TRIGGERS.format(", ".join(table.triggers()))))
            elif isinstance(refusal, pg.CheckViolation) and _is_about_data(refusal, table, mapped):
                remarks.append(Remark(said=seen, remedy=_ASK_DATA))
            else:
                faults.append(_fault(refusal, seen))
    return Examined(faults=faults, remarks=remarks or [Remark(said=f"{tried} trial rows of {mapped.name}")])


_DATA = ("body", "customer_phone", "recipient_phone", "customer_name")
_ASK_DATA = "it asks for a number, a name or a text of a certain kind: if those of a real booking are, all is well"
_ASK_TRIGGERS = (
    "a trigger raised it ({}): if it only wants a booking that exists, all is well; if not, it refuses our texts too"
)


def _event_id(connection: Connection, tables: Tables) -> Examined:
    """Try to write one booking's event id as it is. A row that somebody has locked is passed over."""
    row, mapped = tables.booking, tables.application.bookings
    eligible = and_(cast(row.c.status, Text).in_(tables.application.statuses), tables.mine())
    one = select(row.c.id).where(eligible).limit(1).with_for_update(skip_locked=True, of=row)
    written: list[int] = []

    def write() -> None:
        for (key,) in connection.execute(one):
            again = update(row).values({row.c.event_id: row.c.event_id}).where(row.c.id == key)
            written.append(connection.execute(again).rowcount)

    refusal = _refusal(connection, write)
    if refusal is not None:
        fault = _fault(refusal, f"{mapped.label} refuses a trial update of an event id: {_named(refusal)}")
        return Examined(faults=[fault])
    if written == [0]:
        return Examined(faults=[_vanished(mapped)])
    return Examined(remarks=[Remark(said="an event id" if written else f"no free row of {mapped.name} to try it on")])


REHEARSALS: Mapping[Effect, Callable[[Connection, Tables], Examined]] = {
    Effect.TEXT: _text_rows,
    Effect.EVENT: _event_id,
}


def _refusal(connection: Connection, write: Callable[[], object]) -> pg.Error | None:
    """What the database says against it. Whatever it says, nothing of it stays."""
    trial = connection.begin_nested()
    try:
        write()
        connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    except OperationalError:
        raise  # it is away, or busy: that says nothing about the write
    except DBAPIError as error:
        trial.rollback()
        if isinstance(error.orig, pg.Error):
            return error.orig
        raise
    trial.rollback()
    return None


def _is_expected(refusal: pg.Error, keys: Collection[str]) -> bool:
    return isinstance(refusal, pg.ForeignKeyViolation) and refusal.diag.constraint_name in keys


def _is_about_data(refusal: pg.CheckViolation, table: CatalogTable, mapped: Mapped) -> bool:
    """Whether the CHECK looks at what a booking says, of which a trial row knows nothing."""
    data = {mapped.columns[ours] for ours in _DATA if ours in mapped.columns}
    looked_at = table.checked_by(refusal.diag.constraint_name or "")
    return not looked_at or bool(data & set(looked_at))  # a domain's CHECK is none of the table's


def _nobody(type_: str) -> str | int:
    """An id that no booking has."""
    if type_ in _LARGEST:
        largest = _LARGEST[type_]
        return random.randint(largest - largest // 10, largest)  # noqa: S311 - no secret
    return str(uuid.uuid4())


def _row(booking: str | int, trigger: str) -> QueueRow:
    at = datetime.now(UTC)
    nobody = Booking(
        id=BookingId(booking),  # type: ignore[arg-type]  # bound as it is: AsStored
        status="",
        created_at=at,
        starts_at=None,
        ends_at=None,
        event_id=None,
        first_name="",
        name="trial",
        phones=(),
    )
    draft = Draft(number=_NUMBER, body="trial row, rolled back", trigger=trigger, segments=1)
    return QueueRow(
        id=str(uuid.uuid4()),
        intent=IntentId("trial"),
        booking=nobody,
        draft=draft,
        template="reconciler",
        at=at,
    )


def _values(queue: Table, table: CatalogTable, mapped: Mapped, row: QueueRow, status: str) -> dict[Any, Any]:
    """As it stands in the end: what we add by an update is there at once, where our role may insert it."""
    error = None if status in ("sent", "approved") else f"{OURS}trial"
    values: dict[Any, Any] = {**columns_of(queue, row, status=status, error=error)}
    added = {"provider_id": f"SM{'0' * 32}", "sent_at": row.at} if status == "sent" else {}
    for ours, value in added.items():
        if ours in queue.c and not table.lacks("INSERT", [mapped.columns[ours]]):
            values[queue.c[ours]] = value
    return values


def _named(refusal: pg.Error) -> str:
    """Names and SQLSTATE; a database's own message may quote a row."""
    names = list(_names(refusal))
    return f"{type(refusal).__name__} (SQLSTATE {refusal.sqlstate}{', ' if names else ''}{'.'.join(names)})"


def _names(refusal: pg.Error) -> Iterator[str]:
    for part in (refusal.diag.column_name, refusal.diag.constraint_name):
        if part:
            yield part


def _fault(refusal: pg.Error, seen: str) -> IntegrationFault:
    return IntegrationFault(
        kind=GapKind.INTEGRATION_SCHEMA,
        code=f"{SQLSTATE}{refusal.sqlstate}",
        seen=seen,
        remedy="change what it names, so that it takes this row; nothing of the trial was kept",
    )


def _vanished(mapped: Mapped) -> IntegrationFault:
    return IntegrationFault(
        kind=GapKind.INTEGRATION_SCHEMA,
        code="update_vanishes",
        seen=f"{mapped.label} takes a trial update of an event id and changes no row",
        remedy="find the policy, rule or trigger of the table that drops it",
    )
