"""The operator's policies and limits as plain data. ``settings`` reads their values and has their defaults."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Protocol
from zoneinfo import ZoneInfo

from reconciler.domain.backoff import Backoff
from reconciler.domain.gaps import Effect


class Policy(StrEnum):
    """What a rule (or the whole installation) may do about a gap."""

    REPAIR = "repair"
    REPORT = "report"
    OFF = "off"


class Deliver(StrEnum):
    """Who sends the text of a repair."""

    RECONCILER = "reconciler"
    APPLICATION = "application"
    """We insert the text into the application's queue as *approved*, and the application sends it."""


class Record(StrEnum):
    """Where our own word about an effect goes."""

    QUEUE = "queue"
    """A row of the application's text queue."""
    COLUMN = "column"
    """A column of the booking."""
    LEDGER = "ledger"
    """Our own tables alone. The application's tables are only read."""


class DeletedByHand(StrEnum):
    """What to do when a human deleted the event of a live booking."""

    REPORT = "report"
    RESTORE = "restore"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """The hours, in the venue's local time, in which no text is sent.

    If ``starts`` is later than ``ends``, they span midnight. If both are equal, there are no quiet hours.
    """

    starts: time
    ends: time
    zone: ZoneInfo

    def holds(self, now: datetime) -> bool:
        """Whether ``now`` is in the quiet hours (the start belongs to them, the end does not)."""
        wall = now.astimezone(self.zone).time().replace(tzinfo=None)
        if self.starts <= self.ends:
            return self.starts <= wall < self.ends
        return wall >= self.starts or wall < self.ends

    def next_start(self, now: datetime) -> datetime | None:
        """The next instant (in UTC) at which quiet hours begin, ``None`` if there are none.

        It is computed in wall clock time, so that a DST change in between does not shift it. If the clocks repeat the
        hour of the start, quiet hours begin twice.
        """
        return None if self.starts == self.ends else self._next(self.starts, now)

    def next_end(self, now: datetime) -> datetime | None:
        """The next instant (in UTC) at which quiet hours end, ``None`` if there are none."""
        return None if self.starts == self.ends else self._next(self.ends, now)

    def _next(self, wall: time, now: datetime) -> datetime:
        today = now.astimezone(self.zone).date()
        moments = (
            datetime.combine(today + timedelta(days=days), wall.replace(fold=fold), tzinfo=self.zone)
            for days in (0, 1)
            for fold in (0, 1)
        )
        return min(instant for instant in (moment.astimezone(UTC) for moment in moments) if instant > now)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientLimit:
    """At most ``count`` texts to one number within ``period``. The application's own texts count too."""

    count: int
    period: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """The text that a booking calls for while it has a status."""

    trigger: str
    """The queue's word for it; we write it, and intents carry it."""
    satisfied_by: tuple[str, ...] | None
    """The triggers whose texts satisfy the rule; ``None``: every trigger."""
    not_after: str | None = None
    """The application's name of the bookings' column after whose time the text is not sent."""


class TextPattern(Protocol):
    """A compiled pattern. Its search ends soon, whatever the pattern and the text are."""

    def search(self, text: str, /) -> object | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsPolicy:
    policy: Policy
    zone: ZoneInfo
    quiet_hours: QuietHours | None
    stale_after: timedelta | None
    """``None``: no text is too old. A backfill asks for that."""
    min_notice: timedelta
    per_recipient: RecipientLimit
    occasions: Mapping[str, Occasion]
    """Status of a booking -> the text it calls for."""
    deliver: Deliver
    countries: frozenset[str]
    """ISO 3166 codes of the countries whose numbers are texted."""
    segments: int
    """The most segments that a text may have."""
    ignored_texts: tuple[TextPattern, ...] = field(default=(), repr=False)
    """Texts to a customer's number that are about no booking, such as one-time codes: they hold no text."""

    nothing_left_if: tuple[TextPattern, ...] = field(default=(), repr=False)
    """Errors of the application's failed rows after which no text can have left, besides those that say so by
    themselves."""

    def satisfying(self, status: str) -> Collection[str] | None:
        """The triggers whose texts satisfy the rule for a booking of this status; ``None``: every trigger."""
        occasion = self.occasions.get(status)
        return occasion.satisfied_by if occasion else ()

    def is_satisfied_by(self, status: str, trigger: str) -> bool:
        satisfying = self.satisfying(status)
        return satisfying is None or trigger in satisfying


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarPolicy:
    policy: Policy
    zone: ZoneInfo
    deleted_by_hand: DeletedByHand
    default_length: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """Holds what exceeds both ``floor`` repairs in a day and the share ``ratio`` of the bookings that became due in it.

    A share means nothing for a handful of bookings. Below ``ratio_from`` of them the floor alone decides. For removals:
    from as many events to come, the bookings of more than half never end at once.
    """

    floor: int
    ratio: float
    ratio_from: int


CALLS_UNDER_LEASE = {Effect.SMS: 1, Effect.CALENDAR: 3}
"""How many calls, one after the other, a repair may make after the ledger says *sending*. For an event: the insert; if
its id is taken, the event; and if that is not found, the calendar."""


def answer_within(effect: Effect, call: timedelta, statement: timedelta) -> timedelta:
    """The longest time from the start of the call until its answer is in the ledger."""
    return CALLS_UNDER_LEASE[effect] * call + statement


def shortest_lease(effect: Effect, call: timedelta, statement: timedelta) -> timedelta:
    """A lease must be longer: it is read once more before the call, and must last until the answer is in the ledger."""
    return statement + answer_within(effect, call, statement)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Caps of one pass for one effect, and the durations of a repair."""

    repairs: int
    budget: timedelta
    breaker: Breaker
    removal_breaker: Breaker
    """The same for events to be removed: its ratio is of our events that are still to come."""
    interval: timedelta
    """The least time between two calls of all processes together (the ``rate`` of cron.yaml)."""
    generations: int
    """How many times a finished repair of one booking may be restarted. After that it needs a human."""
    attempts: int
    """How many calls may leave the machine for one intent. After that it needs a human."""
    backoff: Backoff
    lease: timedelta
    settle: timedelta
    """The time that must pass after an outcome became unknown before the effect may count as absent."""
    settle_tries: int
    answer_within: timedelta
    """The longest time from the start of the call until its answer is in the ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnFilter:
    """What one column of a booking has to hold. Values are written as text, and read as the column's type."""

    any_of: tuple[str, ...] = ()
    or_null: bool = False
    like: str = ""
    """A pattern of SQL; '' for none."""
    is_not: bool = False
    """It has to hold anything else, NULL included."""
