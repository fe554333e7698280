"""The decision table for calendar events. The row is what Calendar shows or answers, the column is the event's owner.

The adapter maps Calendar's answers to rows, and the engine maps shown events to rows. Both take the step in the cell.
Nothing else decides what happens to an event.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum

from reconciler.domain.bookings import Booking
from reconciler.domain.decide.calendar_event import CalendarEvent, is_made_for
from reconciler.domain.decide.policies import DeletedByHand
from reconciler.domain.intents import Result


class Whose(StrEnum):
    """The columns: whose event it is, and what we are doing with it."""

    INSERTED = "inserted"
    """Our event (its id is derived from the booking), and we are inserting it."""
    ASKED = "asked"
    """Our event, requested by its id because its outcome is unknown or our ledger says *done*."""
    UNWANTED = "unwanted"
    """Our event, and the booking does not need it."""
    CANDIDATE = "candidate"
    """The application's event for this booking. The booking has lost its id."""
    STORED = "stored"
    """The application's event. The booking holds its id, although our event exists too."""
    COPY = "copy"
    """Any other event: a person's copy, another booking's event, an event at another start, or a series."""


class Seen(StrEnum):
    """The rows: what Calendar shows of the event, or how it answered the call."""

    NOTHING = "nothing"
    LIVE = "live"
    ANOTHER_DAY = "another_day"
    """Live, but not at the booking start (any more)."""
    TOMBSTONE = "tombstone"
    SEVERAL = "several"
    """More than one live event."""
    DUPLICATE = "duplicate"
    HIDDEN = "hidden"
    """The id is taken, but Calendar shows no event with it."""
    CONFLICT = "conflict"
    INVALID = "invalid"
    """400 for a reason that is certainly about this event."""
    OBJECTED = "objected"
    """400 for any other reason: what every event of ours has may be wrong, such as the time zone."""
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    TOO_FAST = "too_fast"
    USED_UP = "used_up"
    """A quota that is restored only after hours."""
    NO_CALENDAR = "no_calendar"
    GONE = "gone"
    PRECONDITION = "precondition"
    FAILED = "failed"
    """A server error, 408, or an unknown status."""
    TURNED_AWAY = "turned_away"
    """A 4xx without a reason from Calendar: something between us and Calendar answered."""
    NO_ANSWER = "no_answer"
    CUT_OFF = "cut_off"
    UNREADABLE = "unreadable"
    NO_CONNECTION = "no_connection"
    NO_ACCESS = "no_access"
    """No access for now: the token endpoint is failing."""


class Step(StrEnum):
    """The cells: what to do."""

    DONE = "done"
    """The event exists: record it in the ledger first, then in the booking."""
    INSERT = "insert"
    ADOPT = "adopt"
    """Write the event's id into the booking, and change nothing else."""
    NEXT_GENERATION = "next_generation"
    """Use the id of the next generation: this id cannot be used again."""
    INSPECT = "inspect"
    """Get the event that has the id, and decide again from what it shows."""
    ASK = "ask"
    """The outcome is unknown: request the event by its id later."""
    TRY_AGAIN = "try_again"
    """Certainly nothing happened: try again later. The attempt is not counted."""
    REFUSE = "refuse"
    """Repeating the call is pointless until the booking changes."""
    BLOCK = "block"
    """Every other booking would fail too: stop and report the integration."""
    REMOVE = "remove"
    """Delete our event: it is on the wrong day, or no booking needs it."""
    GIVE_WAY = "give_way"
    """Delete our event: the application's event exists."""
    TAKE_ITS_PLACE = "take_its_place"
    """Replace the id of the missing event with the id of ours, by compare-and-set."""
    FORGET = "forget"
    """None of our events is left to remove."""
    ASK_HUMAN = "ask_human"
    """A person has to decide."""
    LEAVE_ALONE = "leave_alone"


# Calendar answers 404 notFound for a missing event and for a missing calendar. Reading the calendar distinguishes them,
# so each has a row of its own.
# The error answer to a list or a get says nothing about any event, so those cells differ from the cells of an insert.
TABLE = """
                inserted         asked            unwanted   candidate  stored          copy
# what is shown
nothing         done             insert           forget     insert     take_its_place  -
live            done             done             remove     adopt      give_way        leave_alone
another_day     remove           remove           remove     adopt      give_way        leave_alone
# A deleted event keeps its id (Event.status), so a second insert is a duplicate. Some accounts may not undelete.
tombstone       next_generation  next_generation  forget     ask_human  take_its_place  leave_alone
several         -                -                -          ask_human  -               -
# 409 duplicate: the event is live or deleted, and a get shows which. If the get finds nothing, its answer is out of
# date: never use a second id.
duplicate       inspect          try_again        try_again  try_again  try_again       try_again
hidden          ask              -                -          -          -               -
# 409 conflict: the reason is a clash with another call and not the id (Calendar API, Handle API errors).
conflict        ask              try_again        try_again  try_again  try_again       try_again
# 400: an insert is refused because of its content. An id that Google does not accept belongs to no event.
invalid         refuse           refuse           try_again  try_again  refuse          try_again
objected        block            refuse           try_again  try_again  refuse          try_again
unauthorized    block            block            block      block      block           block
forbidden       block            block            block      block      block           block
# 403 and 429 of a quota: Calendar did not process the call. First row: quotas of a minute. Second row: of hours.
too_fast        try_again        try_again        try_again  try_again  try_again       try_again
used_up         try_again        try_again        try_again  try_again  try_again       try_again
# 404 of an insert, or of a read of the calendar itself: the calendar does not exist, or is not shared with us.
no_calendar     block            block            block      block      block           block
# 410 of a get or a delete means a tombstone. For an insert it is not documented: only a get by its id can decide.
gone            ask              try_again        try_again  try_again  try_again       try_again
# 412: we send no If-Match, and an insert does not accept one. The answer comes from something between us and Calendar,
# and Calendar may have processed the call or not.
precondition    ask              try_again        try_again  try_again  try_again       try_again
# 408 and 5xx may arrive after the call took effect.
failed          ask              try_again        try_again  try_again  try_again       try_again
turned_away     block            block            block      block      block           block
no_answer       ask              try_again        try_again  try_again  try_again       try_again
cut_off         ask              try_again        try_again  try_again  try_again       try_again
unreadable      ask              try_again        try_again  try_again  try_again       try_again
no_connection   block            block            block      block      block           block
no_access       try_again        try_again        try_again  try_again  try_again       try_again
"""
"""A dash marks a combination that cannot occur.

A candidate on another day is an event that our ledger names: the application decides on which day it is. With
``deleted_by_hand: restore`` a deleted candidate counts as *nothing*.
"""

RESULTS = {
    Step.DONE: Result.DONE,
    Step.FORGET: Result.DONE,
    Step.INSPECT: Result.REFUSED,
    Step.REFUSE: Result.REFUSED,
    Step.TRY_AGAIN: Result.LATER,
    Step.BLOCK: Result.BROKEN,
    Step.ASK: Result.UNKNOWN,
    Step.REMOVE: Result.DONE,
    Step.NEXT_GENERATION: Result.UNKNOWN,
}
"""The result for the effect, by the step after a call.

*Remove* means *done*, because the event exists. *Next generation* does not mean *refused*: the ledger moves the intent
to *unknown* and then drops it.
"""


def _read(table: str) -> dict[tuple[Seen, Whose], Step]:
    columns, *rows = (line.split() for line in table.splitlines() if line and not line.startswith("#"))
    return {
        (Seen(row), Whose(column)): Step(cell)
        for row, *cells in rows
        for column, cell in zip(columns, cells, strict=True)
        if cell != "-"
    }


CELLS = _read(TABLE)


def step(seen: Seen, whose: Whose) -> Step:
    """The step in the cell.

    Raises:
        KeyError: the cell is a dash.
    """
    return CELLS[seen, whose]


def observed(event: CalendarEvent | None) -> Seen:
    """The row for the result of a get, regardless of when the event starts."""
    if event is None:
        return Seen.NOTHING
    return Seen.LIVE if event.live else Seen.TOMBSTONE


def placement(stands_at: datetime | None, starts_at: datetime | None) -> Seen:
    """The row for a live event at ``stands_at``, and a booking that starts at ``starts_at`` (``None``: no date)."""
    if starts_at is None or stands_at is None:
        return Seen.ANOTHER_DAY
    # Compare in UTC: a local time that occurs twice never equals a time of another zone (PEP 495).
    return Seen.LIVE if stands_at.astimezone(UTC) == starts_at.astimezone(UTC) else Seen.ANOTHER_DAY


def observed_at(event: CalendarEvent | None, starts_at: datetime | None) -> Seen:
    """The row for the result of a get, and a booking that starts at ``starts_at``."""
    seen = observed(event)
    return placement(event.starts_at, starts_at) if event and seen is Seen.LIVE else seen


def owner_of(event: CalendarEvent, booking: Booking, *, named_elsewhere: bool) -> Whose:
    """The column of an event that a search around the booking's start found. It needs no further call to Calendar.

    ``named_elsewhere``: whether another booking, or an intent of another booking, names the event.
    """
    return Whose.CANDIDATE if is_made_for(booking, event) and not named_elsewhere else Whose.COPY


def pick_adoptable(candidates: Sequence[CalendarEvent], policy: DeletedByHand) -> tuple[Seen, CalendarEvent | None]:
    """The row for the events that could be adopted, and the one event to adopt (``None``: there is not exactly one).

    The application deletes an event and its id together, and only when the booking ends or loses its date. So a
    tombstone at the booking's current start means that a person deleted the event. ``restore`` makes a new event.
    """
    live = [event for event in candidates if event.live]
    if live:
        return (Seen.LIVE, live[0]) if len(live) == 1 else (Seen.SEVERAL, None)
    if candidates and policy is DeletedByHand.REPORT:
        return Seen.TOMBSTONE, None
    return Seen.NOTHING, None
