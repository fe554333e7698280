"""What shows that a booking has its text or its event: each way is a condition of its own, and one of them is enough.

The bookings' table has to be in the statement around it.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    DateTime,
    FromClause,
    MetaData,
    Table,
    Text,
    and_,
    cast,
    func,
    literal_column,
    or_,
    true,
)

from reconciler.domain.decide.policies import Record
from reconciler.domain.decide.verdicts import Condition
from reconciler.domain.gaps import Effect, GapKind
from reconciler.domain.intents import EVENT_TRIGGER, State
from reconciler.store.app.app_tables import AppTables, created_at, exists_row, is_filled, is_marked
from reconciler.store.app.due import SOURCE
from reconciler.store.app.evidence.number_key import last_digits
from reconciler.store.app.evidence.queue_conditions import deciding_rows, queue_of, satisfies
from reconciler.store.app.mapping import EvidenceColumn, EvidenceLog, EvidenceRows
from reconciler.store.app.values import times
from reconciler.store.app.values.filters import column_of, row_filters

INTENTS = Table(
    "intent",
    MetaData(),
    *(Column(name, Text) for name in ("tenant", "source", "booking", "effect", "trigger", "state", "provider_id")),
    *(Column(name, Boolean) for name in ("any_source", "effect_gone")),
    Column("updated_at", DateTime(timezone=True)),
    schema="reconciler",
)
_EFFECTS = {Condition.NO_TEXT: Effect.SMS, Condition.NO_EVENT: Effect.CALENDAR}
_ABOUT_QUEUE = frozenset({Condition.NO_TEXT, Condition.UNDECIDED, Condition.OVERDUE, Condition.UNPROVEN})


def by_rows(tables: AppTables) -> frozenset[Condition]:
    """The conditions that need rows of other tables.

    A rule lists them last: only bookings that pass the others are joined.
    """
    events = tables.shown.get(Effect.CALENDAR) or is_in_ledger(tables, Effect.CALENDAR)
    return _ABOUT_QUEUE | {Condition.NO_EVENT} if events else _ABOUT_QUEUE


def shown(
    kind: GapKind, condition: Condition, tables: AppTables, *more: ColumnElement[bool]
) -> list[ColumnElement[bool]]:
    """The ways in which a condition about evidence is decided; never NULL.

    ``more``: without these facts no row of another table counts.
    """
    ways: list[ColumnElement[bool]] = []
    if condition in _ABOUT_QUEUE and tables.queue is not None:
        queue = queue_of(tables)
        decides = and_(queue.c.booking_id == tables.booking.c.id, deciding_rows(kind, condition, tables))
        # The statement around it may join the queue as well, and means other rows of it.
        ways.append(exists_row(decides, *more, of=queue))
    if condition is Condition.NO_EVENT and "event_id" in tables.booking.c:
        ways.append(is_filled(tables.booking.c.event_id))
    effect = _EFFECTS.get(condition)
    return [*ways, *_elsewhere(effect, tables, *more)] if effect else ways


def is_in_ledger(tables: AppTables, effect: Effect) -> bool:
    """Whether our ledger alone knows the effects that we made. Without a ledger there are none."""
    return tables.application.records.get(effect) is Record.LEDGER and tables.moments is not None


def done_for_booking(tables: AppTables, effect: Effect) -> ColumnElement[bool]:
    """Whether an intent is a *done* one of the booking, for what it calls for now, whose effect is there.

    An intent that is older than its booking is about an earlier booking of the same id (``domain.decide.identity``).
    """
    intent = INTENTS.c
    occasion = satisfies(tables, intent.trigger) if effect is Effect.SMS else intent.trigger == EVENT_TRIGGER
    return and_(
        intent.tenant == "",
        or_(intent.source == SOURCE, intent.any_source),
        intent.booking == cast(tables.booking.c.id, Text),
        intent.effect == effect.value,
        intent.state == State.DONE.value,
        ~intent.effect_gone,
        intent.updated_at >= created_at(tables),
        occasion,
    )


def linked(evidence: EvidenceRows, rows: FromClause, tables: AppTables) -> ColumnElement[bool]:
    """Whether a row is about the booking, and counts."""
    own = rows.c.link == column_of(tables.booking, evidence.booking_column)
    return and_(own, *row_filters(rows, evidence.where).values())


def _elsewhere(effect: Effect, tables: AppTables, *more: ColumnElement[bool]) -> Iterator[ColumnElement[bool]]:
    for evidence, rows in tables.shown.get(effect, ()):
        of_status = _of_status(evidence.statuses, tables)
        match evidence:
            case EvidenceColumn():
                yield and_(is_marked(column_of(tables.booking, evidence.column)), of_status)
            case EvidenceRows():
                yield exists_row(_is_row(evidence, rows, tables), of_status, *more, of=rows)
            case EvidenceLog():
                yield exists_row(_is_logged(evidence, rows, tables), of_status, *more, of=rows)
    if is_in_ledger(tables, effect):
        yield exists_row(done_for_booking(tables, effect), *more, of=INTENTS)


def _is_row(evidence: EvidenceRows, rows: FromClause, tables: AppTables) -> ColumnElement[bool]:
    facts = [linked(evidence, rows, tables)]
    facts += [is_filled(rows.c.event_id)] if "event_id" in rows.c else []
    facts += [satisfies(tables, rows.c.trigger)] if "trigger" in rows.c else []
    return and_(*facts)


def _is_logged(evidence: EvidenceLog, rows: FromClause, tables: AppTables) -> ColumnElement[bool]:
    """A text since the booking was made to the number that counts for it: the first one that it has."""
    written = (func.nullif(func.btrim(cast(phone, Text)), "") for phone in tables.phones())
    key = last_digits(func.coalesce(*written))
    sent = times.stored_moment(rows.c, "sent", tables.application.zone)
    assert sent is not None, "cron.yaml maps it in one form or another"
    return and_(
        last_digits(cast(rows.c.number, Text)) == key,
        key != literal_column("''"),  # too few digits for a number
        sent.instant >= created_at(tables),
        *row_filters(rows, evidence.where).values(),
    )


def _of_status(statuses: tuple[str, ...], tables: AppTables) -> ColumnElement[Any]:
    if not statuses:
        return true()
    return func.coalesce(cast(tables.booking.c.status, Text).in_(statuses), False, type_=Boolean())
