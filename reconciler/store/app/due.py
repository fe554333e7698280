"""When a booking first called for a text or an event: the one definition of the due moment in SQL.

The mapped column says it, or the ledger: the first scan that saw the booking call for it. Where neither does, the
booking itself is the moment while nobody has watched the bookings, and the present once somebody has. A booking that is
over calls for nothing any more: its moment is not looked up.
"""

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
    bindparam,
    case,
    cast,
    false,
    func,
    literal,
    null,
    or_,
    true,
)

from reconciler.domain.bookings import DueBasis
from reconciler.domain.gaps import Effect, GapKind
from reconciler.domain.intents import EVENT_TRIGGER
from reconciler.domain.rules.registry import rule_of
from reconciler.store.app.app_tables import NOW, AppTables, as_start, created_at, stored_start
from reconciler.store.app.values import times

MOMENTS = Table(
    "due",
    MetaData(),
    *(Column(name, Text) for name in ("tenant", "source", "booking", "occasion")),
    Column("due_at", DateTime(timezone=True)),
    schema="reconciler",
)
SOURCE = bindparam("source", type_=Text)
WATCHED = bindparam("watched", type_=Boolean)
"""Whether a complete scan has looked for every booking that calls for something: what it did not see is new."""


def occasion_of(tables: AppTables, kind: GapKind) -> ColumnElement[Any]:
    """What a repair of this booking is for: the trigger of the text, or the event; NULL if there is nothing."""
    match rule_of(kind).effect:
        case Effect.CALENDAR:
            return literal(EVENT_TRIGGER)
        case Effect.SMS if tables.application.occasions:
            status = cast(tables.booking.c.status, Text)
            texts = tables.application.occasions.items()
            return case(*((status == name, literal(text.trigger)) for name, text in texts), else_=null())
        case _:
            return null()


def is_stored(tables: AppTables, kind: GapKind) -> bool:
    """Whether moments of this rule are stored: not if a column is mapped, nor if all begin with the booking itself."""
    application, effect = tables.application, rule_of(kind).effect
    if tables.confirmed or effect is None:
        return False
    if effect is Effect.CALENDAR:
        return not _event_from_the_start(tables)
    return bool(set(application.statuses) - _statuses_from_the_start(tables))


def from_clause(tables: AppTables, kind: GapKind, among: ColumnElement[bool] | None = None) -> FromClause:
    """Bookings, each with what is joined and its stored moment where there is one and it matters.

    ``among``: as in ``AppTables.from_clause``.
    """
    source, moments = tables.from_clause(among), tables.moments
    if moments is None or not is_stored(tables, kind):
        return source
    # Most bookings of a full scan are over. NULL is looked up nowhere, and their keys are not even written as text.
    asks = and_(~begins_with_booking(tables, kind), is_to_come(tables))
    key = case((asks, cast(tables.booking.c.id, Text)), else_=null())
    return source.outerjoin(moments, _is_stored_under(key, tables, moments, kind))


def is_stored_for(tables: AppTables, kind: GapKind) -> ColumnElement[bool]:
    """Whether a stored moment is the booking's, for what it calls for now."""
    assert tables.moments is not None
    return _is_stored_under(cast(tables.booking.c.id, Text), tables, tables.moments, kind)


def _is_stored_under(key: ColumnElement[Any], tables: AppTables, moments: Table, kind: GapKind) -> ColumnElement[bool]:
    return and_(
        moments.c.tenant == "",
        moments.c.source == SOURCE,
        moments.c.booking == key,
        # Not compared with =, which would be hashed for every booking: here it is asked about those that have a moment.
        moments.c.occasion.is_not_distinct_from(occasion_of(tables, kind)),
    )


def due_at(tables: AppTables, kind: GapKind) -> ColumnElement[Any]:
    """The due moment of the booking under the rule; needs ``from_clause``. Never NULL."""
    made = created_at(tables)
    return case((begins_with_booking(tables, kind), made), else_=_later(tables, kind))


def recorded_at(tables: AppTables, kind: GapKind) -> ColumnElement[Any]:
    """The due moment as far as it is on record, else when the booking was made; needs ``from_clause``. Never NULL.

    A booking that is over or cancelled has no moment any more, and did not become due at present.
    """
    made = created_at(tables)
    if tables.confirmed or tables.moments is None or not is_stored(tables, kind):
        return due_at(tables, kind)
    begins = begins_with_booking(tables, kind)
    return case((begins, made), (_is_kept(tables, kind), tables.moments.c.due_at), else_=made)


def due_basis(tables: AppTables, kind: GapKind) -> ColumnElement[Any]:
    """Where the moment comes from: a ``DueBasis``."""
    if tables.confirmed:
        known, basis, otherwise = _is_mapped(tables), DueBasis.MAPPED, DueBasis.CREATED
    else:
        known, basis, otherwise = _is_kept(tables, kind), DueBasis.STORED, DueBasis.ESTIMATED
    return case(
        (begins_with_booking(tables, kind), literal(DueBasis.CREATED.value)),
        (known, literal(basis.value)),
        else_=literal(otherwise.value),
    )


def begins_with_booking(tables: AppTables, kind: GapKind) -> ColumnElement[bool]:
    """Whether a booking calls for this from the moment it is made."""
    match rule_of(kind).effect:
        case Effect.CALENDAR:
            return true() if _event_from_the_start(tables) else false()
        case Effect.SMS:
            status = cast(tables.booking.c.status, Text)
            return func.coalesce(status.in_(sorted(_statuses_from_the_start(tables))), False, type_=Boolean())
        case _:
            return true()


def is_to_come(tables: AppTables) -> ColumnElement[bool]:
    """Whether the booking is not over. One without a usable date is not."""
    return func.coalesce(stored_start(tables) > as_start(tables, NOW), True, type_=Boolean())


def is_invalid(tables: AppTables) -> ColumnElement[bool]:
    """Whether the stored moment cannot be: a clock was ahead, or it is about an earlier booking of this id."""
    assert tables.moments is not None
    stored = tables.moments.c.due_at
    return or_(stored > NOW, stored < func.least(created_at(tables), NOW))


def _later(tables: AppTables, kind: GapKind) -> ColumnElement[Any]:
    made = created_at(tables)
    if tables.confirmed:
        # A status without its moment counts as old: in doubt no text is sent, and the gap is reported.
        return case((_is_mapped(tables), _mapped(tables)), else_=made)
    if tables.moments is None or not is_stored(tables, kind):
        return made
    # A booking that is over calls for nothing new: it was due when it was made.
    starts_to_call = and_(WATCHED, is_to_come(tables))
    return case((_is_kept(tables, kind), tables.moments.c.due_at), (starts_to_call, NOW), else_=made)


def _is_kept(tables: AppTables, kind: GapKind) -> ColumnElement[bool]:
    if tables.moments is None or not is_stored(tables, kind):
        return false()
    return and_(tables.moments.c.due_at.is_not(None), ~is_invalid(tables))


def _mapped(tables: AppTables) -> ColumnElement[Any]:
    assert tables.confirmed is not None
    return cast(tables.confirmed.instant, DateTime(timezone=True))


def _is_mapped(tables: AppTables) -> ColumnElement[bool]:
    """Whether the column names a moment that can be: none is later than the present, or before Python's range."""
    return func.coalesce(
        and_(_mapped(tables) <= NOW, _mapped(tables) >= cast(times.EARLIEST, DateTime(timezone=True))),
        False,
        type_=Boolean(),
    )


def _event_from_the_start(tables: AppTables) -> bool:
    return bool(set(tables.application.made_as) & set(tables.application.statuses))


def _statuses_from_the_start(tables: AppTables) -> set[str]:
    """The statuses whose text is one that a booking calls for when it is made."""
    occasions = tables.application.occasions
    first = {occasions[status].trigger for status in tables.application.made_as if status in occasions}
    return {status for status, text in occasions.items() if text.trigger in first}
