"""Only a write proves that a write works: each of ours is tried with our role and rolled back.

A row for a booking that does not exist passes every CHECK, policy and BEFORE trigger of the table before the foreign
key rejects it. If only the foreign key rejects it, everything else accepts our rows, and no row was ever visible.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from itertools import product
from typing import Any

from psycopg import errors as pg
from sqlalchemy import Connection, Table, Text, and_, cast, select

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide import calendar_event
from reconciler.domain.decide.policies import Record
from reconciler.domain.doctor import CheckResult, Note
from reconciler.domain.gaps import Effect, IntegrationFault
from reconciler.errors import SQLSTATE, DatabaseDisagrees
from reconciler.ports import TextState
from reconciler.store.app import writes
from reconciler.store.app.app_tables import is_marked
from reconciler.store.app.conditions import AppTables
from reconciler.store.app.evidence.column_records import ColumnRecords
from reconciler.store.app.evidence.queue_conditions import OURS
from reconciler.store.app.mapping import TEXTED
from reconciler.store.schema.catalog import CatalogTable
from reconciler.store.schema.requirements import written_statuses
from reconciler.store.schema.trials.rows import TrialRows
from reconciler.store.schema.trials.trial import describe_error, is_raised, trial_fault, try_write, what_was_lost


def _try_queue_rows(connection: Connection, tables: AppTables) -> CheckResult:
    """Try a queue row for every trigger and every status that we write, or whatever else says that a text was sent."""
    match tables.application.records[Effect.SMS]:
        case Record.LEDGER:
            return NOTHING_WRITTEN
        case Record.COLUMN:
            return _try_mark(connection, tables)
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
        refusal, written = try_write(connection, partial(writes.insert_row, connection, queue, row))
        if written or (isinstance(refusal, pg.ForeignKeyViolation) and refusal.diag.constraint_name in keys):
            continue
        named = describe_error(refusal) if refusal else "the table accepts the row but does not keep it"
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
            found = what_was_lost(connection, partial(_write_and_read, connection, queue, values, status))
            if found:
                seen.setdefault(str(found), found)
                changed = True
        if not changed:
            return
    for error in seen.values():
        yield trial_fault(error.code, str(error), error.advice)


def _write_and_read(connection: Connection, queue: Table, values: Mapping[Any, Any], status: str) -> None:
    writes.insert_row(connection, queue, values)
    key = values[queue.c.id]
    writes.require_kept(connection, queue, key, values)
    # The answer of the provider comes by an update, with its id.
    answer = {queue.c.status: status, queue.c.error: f"{OURS}trial update"}
    sid = {queue.c.provider_id: f"SM{uuid.uuid4().hex}"} if "provider_id" in queue.c else {}
    writes.update_row(connection, queue, key, answer | sid)


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
        return trial_fault("row_vanishes", seen, remedy.format(", ".join(rows.table.triggers()) or "no trigger"))
    if isinstance(refusal, pg.NotNullViolation) and rows.is_filled_by_trigger(refusal.diag.column_name or ""):
        return Note(message=seen, remedy=_CHECK_FILLED)
    if is_raised(refusal):
        return Note(message=seen, remedy=_CHECK_TRIGGERS.format(", ".join(rows.table.triggers())))
    if isinstance(refusal, pg.CheckViolation):
        checked = set(rows.table.checked_by(refusal.diag.constraint_name or ""))
        data = {rows.mapped.columns[ours] for ours in _DATA if ours in rows.mapped.columns}
        if not checked or data & checked:  # a domain's CHECK is not listed among the table's
            return Note(message=seen, remedy=_CHECK_DATA)
        later = sorted(checked.intersection(rows.update_only))
        if later:
            return Note(message=seen, remedy=_CHECK_UPDATE.format(", ".join(later)))
    return trial_fault(
        f"{SQLSTATE}{refusal.sqlstate}", seen, "change the constraint or trigger it names so that it accepts this row"
    )


_ACCEPT = "change what it names so that it accepts the update"
NOTHING_WRITTEN = CheckResult(notes=[Note(message="nothing: our word goes into the ledger alone")])


def _try_mark(connection: Connection, tables: AppTables) -> CheckResult:
    """Try to mark the newest booking whose text is not shown yet, as a repair does, and read it back."""
    row, mapped, records = tables.booking, tables.application.bookings, ColumnRecords(connection, tables)
    column = row.c[TEXTED]
    open_ones = and_(tables.in_scope(), row.c.id.is_not(None), ~is_marked(column))
    newest = select(cast(row.c.id, Text)).where(open_ones).order_by(tables.made.column.desc()).limit(1)
    key = connection.scalar(newest)
    if key is None:
        return CheckResult(notes=[Note(message=f"no row of {mapped.name} to try it on")])
    sid, at = f"SM{'0' * 32}", datetime.now(UTC)
    mark = partial(records.mark_record, "", BookingId(key), TextState(status="sent", provider_id=sid, at=at))
    refused: list[pg.Error | None] = []
    found = what_was_lost(connection, lambda: refused.append(try_write(connection, mark)[0]))
    if found:
        return CheckResult(faults=[trial_fault(found.code, str(found), found.advice)])
    if refused[0] is None:
        return CheckResult(notes=[Note(message=f"{mapped.name}.{column.name}")])
    seen = f"{mapped.label} rejects a trial update of {column.name}: {describe_error(refused[0])}"
    if is_raised(refused[0]) or isinstance(refused[0], pg.CheckViolation):
        return CheckResult(notes=[Note(message=seen, remedy=_CHECK_BOOKINGS)])
    return CheckResult(faults=[trial_fault(f"{SQLSTATE}{refused[0].sqlstate}", seen, _ACCEPT)])


_TRIED_BOOKINGS = 3
"""Bookings to try: one may be rejected for a reason that others do not share (a CHECK newer than its row)."""


def _try_event_id(connection: Connection, tables: AppTables) -> CheckResult:
    """Try to write a booking's event id unchanged. Rows that are locked are skipped."""
    if tables.application.records[Effect.CALENDAR] is Record.LEDGER:
        return NOTHING_WRITTEN
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
            tried.append(try_write(connection, again))
        return len(tried)

    unlockable: pg.Error | None = None
    for rank in range(_TRIED_BOOKINGS):
        unlockable, _ = try_write(connection, partial(write, rank))
        if unlockable or any(written for _, written in tried):
            break
    if any(written for _, written in tried):
        return _try_our_id(connection, tables)
    refusal = unlockable or next((refusal for refusal, _ in tried if refusal), None)
    if refusal:
        seen = f"{mapped.label} rejects a trial update of an event id: {describe_error(refusal)}"
        if is_raised(refusal):
            return CheckResult(notes=[Note(message=seen, remedy=_CHECK_BOOKINGS)])
        fault = trial_fault(f"{SQLSTATE}{refusal.sqlstate}", seen, _ACCEPT)
        return CheckResult(faults=[fault])
    if tried:
        seen = f"{mapped.label} accepts a trial update of an event id but changes no row"
        remedy = "find the policy, rule or trigger of the table that drops the update"
        return CheckResult(faults=[trial_fault("update_vanishes", seen, remedy)])
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
            refused.append(try_write(connection, again)[0])

    found = what_was_lost(connection, write)
    if found:
        return CheckResult(faults=[trial_fault(found.code, str(found), found.advice)])
    refusal = next((refusal for refusal in refused if refusal), None)
    if refusal is None:
        return CheckResult(notes=[Note(message="an event id")])
    seen = f"{mapped.label} rejects an event id of {len(trial_id)} characters: {describe_error(refusal)}"
    if is_raised(refusal) or isinstance(refusal, pg.CheckViolation):
        return CheckResult(notes=[Note(message=seen, remedy=_CHECK_BOOKINGS)])
    fault = trial_fault(f"{SQLSTATE}{refusal.sqlstate}", seen, _ACCEPT)
    return CheckResult(faults=[fault])


_CHECK_BOOKINGS = (
    "a trigger raised it: this is fine if it only protects these bookings; a repair tries its own booking, rolled "
    "back, before it creates the event"
)


TRIAL_WRITES: Mapping[Effect, Callable[[Connection, AppTables], CheckResult]] = {
    Effect.SMS: _try_queue_rows,
    Effect.CALENDAR: _try_event_id,
}
