"""Only a write proves that a write works: each of ours is tried with our role and rolled back.

A row for a booking that does not exist passes every CHECK, policy and BEFORE trigger of the table before the foreign
key rejects it. If only the foreign key rejects it, everything else accepts our rows, and no row was ever visible.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import product
from typing import Any

from psycopg import errors as pg
from sqlalchemy import Connection, Table, Text, and_, cast, select
from sqlalchemy.exc import DBAPIError, OperationalError

from reconciler.domain.decide import calendar_event
from reconciler.domain.doctor import CheckResult, Note
from reconciler.domain.gaps import Effect, GapKind, IntegrationFault
from reconciler.errors import SQLSTATE, DatabaseDisagrees
from reconciler.store.app import writes
from reconciler.store.app.conditions import OURS, AppTables
from reconciler.store.schema.catalog import CatalogTable
from reconciler.store.schema.requirements import written_statuses
from reconciler.store.schema.trial_rows import TrialRows


def _try_queue_rows(connection: Connection, tables: AppTables) -> CheckResult:
    """Try a queue row for every trigger and every status that we write."""
    mapped, queue = tables.application.queue, tables.queue
    table = CatalogTable.find(connection, mapped) if mapped else None
    if mapped is None or queue is None or table is None:
        return CheckResult()
    rows = TrialRows.of(queue, table, mapped)
    keys = table.foreign_keys(mapped.columns["booking_id"])
    tried = list(product(tables.application.triggers, written_statuses(tables.application)))
    refused: dict[str, list[str]] = {}
    why: dict[str, pg.Error | None] = {}
    for trigger, status in tried:
        row = rows.values(trigger, status)
        refusal, written = _try_write(connection, partial(writes.insert_row, connection, queue, row))
        if written or (isinstance(refusal, pg.ForeignKeyViolation) and refusal.diag.constraint_name in keys):
            continue
        named = _describe_error(refusal) if refusal else "the table accepts the row but does not keep it"
        why[named] = refusal
        refused.setdefault(named, []).append(f"{trigger} {status}")
    said = {
        named: f"{mapped.label} rejects {'every trial row' if len(which) == len(tried) else ', '.join(which)}: {named}"
        for named, which in refused.items()
    }
    results = [_fault_or_note(why[named], seen, rows) for named, seen in said.items()]
    if not results:
        results = list(_read_back(connection, tables, queue, rows))
    return CheckResult(
        faults=[one for one in results if isinstance(one, IntegrationFault)],
        notes=[one for one in results if isinstance(one, Note)]
        or [Note(message=f"{len(tried)} trial rows of {mapped.name}")],
    )


def _read_back(connection: Connection, tables: AppTables, queue: Table, rows: TrialRows) -> Iterator[IntegrationFault]:
    """Write a row of each status for real bookings, as a repair does, and read it back; all of it is rolled back.

    A trigger that rewrites a row shows only in a row that the foreign key accepts. What the table rejects here may be
    about these bookings, and so may be what it rewrites for some of them: a repair reads back its own.
    """
    own = tables.booking
    newest = select(own.c.id).where(tables.in_scope(), own.c.id.is_not(None)).order_by(tables.made.column.desc())
    seen: dict[str, DatabaseDisagrees] = {}
    for booking in connection.scalars(newest.limit(_TRIED_BOOKINGS)).all():
        changed = False
        for trigger, status in product(tables.application.triggers[:1], written_statuses(tables.application)):
            values = {**rows.values(trigger, status), queue.c.booking_id: booking}
            found = _kept(connection, partial(_write_and_read, connection, queue, values, status))
            if found:
                seen.setdefault(str(found), found)
                changed = True
        if not changed:
            return
    for error in seen.values():
        yield _fault(error.code, str(error), error.advice)


def _write_and_read(connection: Connection, queue: Table, values: Mapping[Any, Any], status: str) -> None:
    writes.insert_row(connection, queue, values)
    key = values[queue.c.id]
    writes.require_kept(connection, queue, key, values)
    # The answer of the provider comes by an update, with its id.
    answer = {queue.c.status: status, queue.c.error: f"{OURS}trial update"}
    sid = {queue.c.provider_id: f"SM{uuid.uuid4().hex}"} if "provider_id" in queue.c else {}
    writes.update_row(connection, queue, key, answer | sid)


def _kept(connection: Connection, write: Callable[[], None]) -> DatabaseDisagrees | None:
    """What was not kept as it was written; ``None`` also if the table rejects the write. It is always rolled back."""
    trial = connection.begin_nested()
    found = None
    try:
        write()
    except DatabaseDisagrees as error:
        found = error
    except OperationalError:
        raise  # unreachable or busy: that says nothing about the write
    except DBAPIError as error:
        if not isinstance(error.orig, pg.Error):
            raise
    trial.rollback()
    return found


_DATA = ("body", "customer_phone", "recipient_phone", "customer_name")
_CHECK_DATA = "it restricts numbers, names or texts: this is fine if those of real bookings comply"
_CHECK_TRIGGERS = (
    "a trigger raised it ({}): this is fine if it only requires an existing booking; otherwise it rejects our texts too"
)
_CHECK_FILLED = (
    "a trigger may fill it from the booking, and the trial's booking does not exist: this is fine if one does; "
    "otherwise give the column a default"
)
_CHECK_UPDATE = "it checks {}, which our role may only update: a repair tries that before it sends, rolled back"


def _fault_or_note(refusal: pg.Error | None, seen: str, rows: TrialRows) -> IntegrationFault | Note:
    """A fault if a real text would be rejected too; a warning if the rejection may concern only the trial row."""
    if refusal is None:
        remedy = "find the trigger or rule of the table that drops the row ({}), and make it keep the row"
        return _fault("row_vanishes", seen, remedy.format(", ".join(rows.table.triggers()) or "no trigger"))
    if isinstance(refusal, pg.NotNullViolation) and rows.is_filled_by_trigger(refusal.diag.column_name or ""):
        return Note(message=seen, remedy=_CHECK_FILLED)
    if _is_raised(refusal):
        return Note(message=seen, remedy=_CHECK_TRIGGERS.format(", ".join(rows.table.triggers())))
    if isinstance(refusal, pg.CheckViolation):
        checked = set(rows.table.checked_by(refusal.diag.constraint_name or ""))
        data = {rows.mapped.columns[ours] for ours in _DATA if ours in rows.mapped.columns}
        if not checked or data & checked:  # a domain's CHECK is not listed among the table's
            return Note(message=seen, remedy=_CHECK_DATA)
        later = sorted(checked.intersection(rows.update_only))
        if later:
            return Note(message=seen, remedy=_CHECK_UPDATE.format(", ".join(later)))
    return _fault(
        f"{SQLSTATE}{refusal.sqlstate}", seen, "change the constraint or trigger it names so that it accepts this row"
    )


def _is_raised(refusal: pg.Error) -> bool:
    """Whether a trigger raised the error on purpose, perhaps for want of an existing booking; not if it is broken."""
    context = refusal.diag.context or ""
    raised_on_purpose = isinstance(refusal, pg.RaiseException | pg.NoDataFound) or " at RAISE" in context
    return raised_on_purpose or (isinstance(refusal, pg.ForeignKeyViolation) and bool(context))


_TRIED_BOOKINGS = 3
"""Bookings to try: one may be rejected for a reason that others do not share (a CHECK newer than its row)."""


def _try_event_id(connection: Connection, tables: AppTables) -> CheckResult:
    """Try to write a booking's event id unchanged. Rows that are locked are skipped."""
    row, mapped = tables.booking, tables.application.bookings
    named = row.c.id.is_not(None)  # an id that was added to rows afterwards may be missing in them
    eligible = and_(cast(row.c.status, Text).in_(tables.application.statuses), tables.in_scope(), named)
    # The newest: an old one may be rejected (by a trigger that protects past bookings) where a repair would not be.
    newest = select(row.c.id).where(eligible).order_by(tables.made.column.desc()).limit(1)
    tried: list[tuple[pg.Error | None, int | None]] = []

    def write(rank: int) -> int:
        # One at a time, and released at once: the application may need the row.
        for key in connection.scalars(newest.offset(rank).with_for_update(skip_locked=True, of=row)).all():
            again = partial(writes.update_locked, connection, row, key, {row.c.event_id: row.c.event_id})
            tried.append(_try_write(connection, again))
        return len(tried)

    unlockable: pg.Error | None = None
    for rank in range(_TRIED_BOOKINGS):
        unlockable, _ = _try_write(connection, partial(write, rank))
        if unlockable or any(written for _, written in tried):
            break
    if any(written for _, written in tried):
        return _try_our_id(connection, tables)
    refusal = unlockable or next((refusal for refusal, _ in tried if refusal), None)
    if refusal:
        seen = f"{mapped.label} rejects a trial update of an event id: {_describe_error(refusal)}"
        if _is_raised(refusal):
            return CheckResult(notes=[Note(message=seen, remedy=_CHECK_BOOKINGS)])
        fault = _fault(f"{SQLSTATE}{refusal.sqlstate}", seen, "change what it names so that it accepts the update")
        return CheckResult(faults=[fault])
    if tried:
        seen = f"{mapped.label} accepts a trial update of an event id but changes no row"
        remedy = "find the policy, rule or trigger of the table that drops the update"
        return CheckResult(faults=[_fault("update_vanishes", seen, remedy)])
    return CheckResult(notes=[Note(message=f"no unlocked row of {mapped.name} to try it on")])


def _try_our_id(connection: Connection, tables: AppTables) -> CheckResult:
    """Try an event id of ours, which may be longer than those of the application, and read it back."""
    row, mapped = tables.booking, tables.application.bookings
    eligible = and_(cast(row.c.status, Text).in_(tables.application.statuses), tables.in_scope(), row.c.id.is_not(None))
    newest = select(row.c.id).where(eligible).order_by(tables.made.column.desc()).limit(1)
    trial_id = calendar_event.event_id("", "", 0)
    refused: list[pg.Error | None] = []

    def write() -> None:
        for key in connection.scalars(newest.with_for_update(skip_locked=True, of=row)).all():
            again = partial(writes.update_row, connection, row, key, {row.c.event_id: trial_id})
            refused.append(_try_write(connection, again)[0])

    found = _kept(connection, write)
    if found:
        return CheckResult(faults=[_fault(found.code, str(found), found.advice)])
    refusal = next((refusal for refusal in refused if refusal), None)
    if refusal is None:
        return CheckResult(notes=[Note(message="an event id")])
    seen = f"{mapped.label} rejects an event id of {len(trial_id)} characters: {_describe_error(refusal)}"
    if _is_raised(refusal) or isinstance(refusal, pg.CheckViolation):
        return CheckResult(notes=[Note(message=seen, remedy=_CHECK_BOOKINGS)])
    fault = _fault(f"{SQLSTATE}{refusal.sqlstate}", seen, "change what it names so that it accepts the update")
    return CheckResult(faults=[fault])


_CHECK_BOOKINGS = (
    "a trigger raised it: this is fine if it only protects these bookings; a repair tries its own booking, rolled "
    "back, before it creates the event"
)


TRIAL_WRITES: Mapping[Effect, Callable[[Connection, AppTables], CheckResult]] = {
    Effect.SMS: _try_queue_rows,
    Effect.CALENDAR: _try_event_id,
}


def _try_write(connection: Connection, write: Callable[[], int | None]) -> tuple[pg.Error | None, int | None]:
    """The database's error, or else the number of rows written. The write is always rolled back."""
    trial = connection.begin_nested()
    try:
        written = write()  # deferred triggers included
    except DatabaseDisagrees:
        trial.rollback()
        raise
    except OperationalError:
        raise  # unreachable or busy: that says nothing about the write
    except DBAPIError as error:
        trial.rollback()
        if isinstance(error.orig, pg.Error):
            return error.orig, None
        raise
    trial.rollback()
    return None, written


def _describe_error(refusal: pg.Error) -> str:
    """Names and SQLSTATE only: a database's own message may quote a row."""
    names = list(_error_names(refusal))
    return f"{type(refusal).__name__} (SQLSTATE {refusal.sqlstate}{', ' if names else ''}{'.'.join(names)})"


def _error_names(refusal: pg.Error) -> Iterator[str]:
    for part in (refusal.diag.column_name, refusal.diag.constraint_name):
        if part:
            yield part


def _fault(code: str, seen: str, remedy: str) -> IntegrationFault:
    return IntegrationFault(kind=GapKind.INTEGRATION_SCHEMA, code=code, seen=seen, remedy=remedy)
