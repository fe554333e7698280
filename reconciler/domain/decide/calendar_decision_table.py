"""What we do about an event: one table of what Calendar shows or answers, and of whose event it is about.

The adapter turns Calendar's answers into rows; the engine turns what is shown into rows; both look the cell up and do
what it says. Nothing else decides.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum

from reconciler.domain.bookings import Booking
from reconciler.domain.decide.calendar_event import CalendarEvent, is_made_for
from reconciler.domain.decide.policies import DeletedByHand
from reconciler.domain.intents import Result


class Whose(StrEnum):
    """The columns: whose event it is, and what we are about to do with it."""

    INSERTED = "inserted"
    """Ours (the id is derived from the booking), and we are inserting it."""
    ASKED = "asked"
    """Ours, asked for by its id: its outcome is unknown, or our ledger says *done*."""
    UNWANTED = "unwanted"
    """Ours, and the booking has no use for it."""
    CANDIDATE = "candidate"
    """The application's, made for this booking; the booking has lost its id."""
    STORED = "stored"
    """The application's: the booking names it, while ours is there."""
    COPY = "copy"
    """A stranger's: a person's copy, another booking's, another start, a series."""


class Seen(StrEnum):
    """The rows: what is shown of the event, or answered to the call."""

    NOTHING = "nothing"
    LIVE = "live"
    ANOTHER_DAY = "another_day"
    """Live, but no longer at the booking start."""
    TOMBSTONE = "tombstone"
    SEVERAL = "several"
    """Live, and more than one of them."""
    DUPLICATE = "duplicate"
    HIDDEN = "hidden"
    """The id is taken, and nothing is shown under it."""
    CONFLICT = "conflict"
    INVALID = "invalid"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    TOO_FAST = "too_fast"
    USED_UP = "used_up"
    """A quota that comes back after hours."""
    NO_CALENDAR = "no_calendar"
    GONE = "gone"
    PRECONDITION = "precondition"
    FAILED = "failed"
    """A server's error, 408, or a status nobody knows."""
    TURNED_AWAY = "turned_away"
    """A 4xx without Calendar's reason: something on the way."""
    NO_ANSWER = "no_answer"
    CUT_OFF = "cut_off"
    UNREADABLE = "unreadable"
    NO_CONNECTION = "no_connection"
    NO_ACCESS = "no_access"
    """Not for now: the token endpoint is unwell."""


class Step(StrEnum):
    """The cells."""

    DONE = "done"
    """It is there: the ledger says so, then the booking."""
    INSERT = "insert"
    ADOPT = "adopt"
    """Write its id into the booking, and nothing else."""
    NEXT_GENERATION = "next_generation"
    """This id is used up."""
    INSPECT = "inspect"
    """Get what has the id, and look again."""
    ASK = "ask"
    """Its outcome is unknown: to be asked for by its id."""
    TRY_AGAIN = "try_again"
    """Certainly nothing happened; no attempt is counted."""
    REFUSE = "refuse"
    """Repeating it is pointless while the booking says the same."""
    BLOCK = "block"
    """No other booking would fare better."""
    REMOVE = "remove"
    """Delete ours: it stands on the wrong day, or for nobody."""
    GIVE_WAY = "give_way"
    """Delete ours: the application's stands."""
    TAKE_ITS_PLACE = "take_its_place"
    """Ours instead of what is gone, by compare-and-set."""
    FORGET = "forget"
    """Nothing of ours is left to remove."""
    ASK_HUMAN = "ask_human"
    """A person's business."""
    LEAVE_ALONE = "leave_alone"


# Calendar answers 404 notFound for a missing event and for a missing calendar. Reading the calendar tells them apart,
# so each has a row of its own.
# Of a list and of a get an answer that is no event says nothing about any event: those cells differ from an insert's.
TABLE = """
                inserted         asked            unwanted   candidate  stored          copy
# what is shown
nothing         done             insert           forget     insert     take_its_place  -
live            done             done             remove     adopt      give_way        leave_alone
another_day     remove           remove           remove     adopt      give_way        leave_alone
# Deleting keeps the id (Event.status; a second insert is a duplicate), and undeleting is refused to some.
tombstone       next_generation  next_generation  forget     ask_human  take_its_place  leave_alone
several         -                -                -          ask_human  -               -
# 409 duplicate: live or deleted, a get tells. A get that knows nothing of it is late: never a second id.
duplicate       inspect          try_again        try_again  try_again  try_again       try_again
hidden          ask              -                -          -          -               -
# 409 conflict: not the id, a clash with another call (Calendar API, Handle API errors).
conflict        ask              try_again        try_again  try_again  try_again       try_again
# 400: an insert is refused for what it says; what is no id of Google's names no event.
invalid         refuse           refuse           try_again  try_again  refuse          try_again
unauthorized    block            block            block      block      block           block
forbidden       block            block            block      block      block           block
# 403 and 429 of a quota: never processed. Those of a minute, and those of hours.
too_fast        try_again        try_again        try_again  try_again  try_again       try_again
used_up         try_again        try_again        try_again  try_again  try_again       try_again
# 404 of an insert, and of a read of the calendar itself: not there, or not shared with us.
no_calendar     block            block            block      block      block           block
# 410 of a get or a delete is a tombstone. Of an insert it is not documented: only its id can tell.
gone            ask              try_again        try_again  try_again  try_again       try_again
# We send no If-Match, and an insert knows none: of something on the way, before or after Calendar.
precondition    ask              try_again        try_again  try_again  try_again       try_again
# 408 and 5xx may come after it took effect.
failed          ask              try_again        try_again  try_again  try_again       try_again
turned_away     block            block            block      block      block           block
no_answer       ask              try_again        try_again  try_again  try_again       try_again
cut_off         ask              try_again        try_again  try_again  try_again       try_again
unreadable      ask              try_again        try_again  try_again  try_again       try_again
no_connection   block            block            block      block      block           block
no_access       try_again        try_again        try_again  try_again  try_again       try_again
"""
"""A dash: this cannot be seen here. A candidate on another day is one that our ledger names: its day is the
application's business. A deleted candidate under ``deleted_by_hand: restore`` counts as *nothing*.
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
"""What the step after a call means for the effect. What is to be removed is there; what is used up is not ours to
call *refused*: the ledger drops it by way of *unknown*."""


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
    """The cell.

    Raises:
        KeyError: a dash.
    """
    return CELLS[seen, whose]


def observed(event: CalendarEvent | None) -> Seen:
    """The row of what a get has found, wherever it stands."""
    if event is None:
        return Seen.NOTHING
    return Seen.LIVE if event.live else Seen.TOMBSTONE


def placement(stands_at: datetime | None, starts_at: datetime | None) -> Seen:
    """The row of a live event at ``stands_at``, for a booking that starts at ``starts_at`` (``None``: no date)."""
    if starts_at is None or stands_at is None:
        return Seen.ANOTHER_DAY
    # As instants of one zone: a time that comes twice equals none of another zone (PEP 495).
    return Seen.LIVE if stands_at.astimezone(UTC) == starts_at.astimezone(UTC) else Seen.ANOTHER_DAY


def observed_at(event: CalendarEvent | None, starts_at: datetime | None) -> Seen:
    """The row of what a get has found, for a booking that starts at ``starts_at``."""
    seen = observed(event)
    return placement(event.starts_at, starts_at) if event and seen is Seen.LIVE else seen


def owner_of(event: CalendarEvent, booking: Booking, *, named_elsewhere: bool) -> Whose:
    """The column of an event that the calendar shows around the booking's start; nobody is asked about its id."""
    return Whose.CANDIDATE if is_made_for(booking, event) and not named_elsewhere else Whose.COPY


def pick_adoptable(candidates: Sequence[CalendarEvent], policy: DeletedByHand) -> tuple[Seen, CalendarEvent | None]:
    """The row of what there is to adopt, and the one event that it is about.

    The application deletes event and id together, and only when the booking ends or loses its date: a tombstone at
    the very start the booking has now is somebody's decision. ``restore`` makes a new event instead.
    """
    live = [event for event in candidates if event.live]
    if live:
        return (Seen.LIVE, live[0]) if len(live) == 1 else (Seen.SEVERAL, None)
    if candidates and policy is DeletedByHand.REPORT:
        return Seen.TOMBSTONE, None
    return Seen.NOTHING, None
