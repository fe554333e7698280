"""The rows of the application's text queue that decide a condition of a rule."""

from typing import Any

from sqlalchemy import Boolean, ColumnElement, Table, Text, and_, case, cast, false, func, or_, true

from reconciler.domain.decide.verdicts import Condition
from reconciler.domain.gaps import GapKind
from reconciler.domain.rules.registry import report_of
from reconciler.store.app.app_tables import NOW, AppTables, is_filled

OURS = "reconciler: "
"""Start of the error text in our own queue rows while nothing was sent. Such a row is not evidence of a text."""

NO_TEXT_STATUSES = ("failed", "cancelled")
"""A queue row in any other status, including NULL and unknown words, counts as queued or sent: in doubt, we send no
text."""


def deciding_rows(kind: GapKind, condition: Condition, tables: AppTables) -> ColumnElement[bool]:
    """The queue rows that make a booking fail *no text* or *undecided*, or make it *overdue* or *unproven*.

    The bookings' table has to be in the statement: which triggers count depends on the booking.
    """
    match condition:
        case Condition.NO_TEXT:
            return _is_text(tables)
        case Condition.UNDECIDED:
            return _is_decision(tables)
        case Condition.OVERDUE:
            return _too_long(tables, kind, true())
        case Condition.UNPROVEN:
            return _too_long(tables, kind, ~is_filled(queue_of(tables).c.provider_id))
        case _:
            raise ValueError(f"{condition} is not about the queue")


def _is_text(tables: AppTables) -> ColumnElement[bool]:
    queue = queue_of(tables)
    status = cast(queue.c.status, Text)
    # A row with a Twilio SID was sent, even if it was cancelled later. A failed row is judged by its error message.
    sent_all_the_same = and_(status == "cancelled", is_filled(queue.c.provider_id))
    no_text = ("cancelled",) if tables.application.failed_resent else NO_TEXT_STATUSES
    queued_or_sent = or_(func.coalesce(status.not_in(no_text), True), sent_all_the_same)
    # Our own row is no text until it says *sent*, whatever status the application's table has for it.
    return and_(queued_or_sent, _not_ours_in_flight(tables), satisfies(tables, queue.c.trigger))


def satisfies(tables: AppTables, trigger: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a text of this trigger is what the booking calls for now. One without a trigger may be."""
    status, word = cast(tables.booking.c.status, Text), cast(trigger, Text)
    satisfying = [
        (status == name, word.in_(text.satisfied_by))
        for name, text in tables.application.occasions.items()
        if text.satisfied_by is not None
    ]
    return func.coalesce(case(*satisfying, else_=true()) if satisfying else true(), True, type_=Boolean())


def _is_decision(tables: AppTables) -> ColumnElement[bool]:
    queue = queue_of(tables)
    if "approved_by" not in queue.c:
        return false()
    rejected = and_(cast(queue.c.status, Text) == "cancelled", queue.c.approved_by.is_not(None))
    return and_(rejected, satisfies(tables, queue.c.trigger))


def _too_long(tables: AppTables, kind: GapKind, more: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether the row has had one of the rule's statuses for longer than the rule allows."""
    queue = queue_of(tables)
    report, after = report_of(kind), tables.application.report_after[kind]
    times = [queue.c[name] for name in report.times if name in queue.c]
    # A row without a time may be old, so it counts as too long.
    too_long = func.coalesce(func.coalesce(*times) <= NOW - after, True, type_=Boolean())
    statuses = report.statuses
    if tables.application.failed_resent and report.covers_hand_over:
        statuses = (*statuses, "failed")  # it waits to be sent again, and may wait for ever
    return and_(cast(queue.c.status, Text).in_(statuses), more, too_long)


def _not_ours_in_flight(tables: AppTables) -> ColumnElement[bool]:
    """Our own row is no text until it says *sent*, whatever status the mapping gives it until then."""
    queue = queue_of(tables)
    ours = func.coalesce(queue.c.error.startswith(OURS), False, type_=Boolean())
    return ~and_(
        ours, func.coalesce(cast(queue.c.status, Text) == tables.application.in_flight, False, type_=Boolean())
    )


def queue_of(tables: AppTables) -> Table:
    if tables.queue is None:
        raise ValueError("this rule needs the text queue, and the mapping has none")
    return tables.queue
