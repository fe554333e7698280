"""What would change a verdict: the values that decided it, where they are, and what they have to become."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Location(StrEnum):
    """Where a value is."""

    BOOKING = "booking"
    """Its own row, or one that ``bookings.join`` reads for it."""
    CUSTOMER = "customer"
    QUEUE = "queue"
    LEDGER = "ledger"
    SETTINGS = "cron.yaml"
    ENVIRONMENT = "environment"
    INTEGRATION = "integration"
    CLOCK = "clock"
    """Only time has to pass."""


class Constraint(StrEnum):
    """What a value has to become. Some constraints need the ``value`` of the change."""

    ONE_OF = "one of"
    FROM = "from"
    """That moment or a later one."""
    AFTER = "after"
    AT_LEAST = "at least"
    AT_MOST = "at most"
    EMPTY = "empty"
    FILLED = "filled"
    WITHOUT = "without"
    INCLUDING = "including"
    USABLE = "a number that can be texted"
    OTHER = "another one"
    WELL = "well"
    RESOLVED = "settled by reconciler resolve"
    ENDED = "at its end"


Value = tuple[str | int | bool, ...] | datetime | timedelta | int | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequiredChange:
    """One value to change, without personal data. All changes of a verdict together remove the reason for it."""

    place: Location
    name: str
    """Our name of a column, a key of cron.yaml, or a variable."""
    wanted: Constraint
    value: Value = None
    rows: tuple[str, ...] = ()
    """Ids of the rows to change, if the value is not in the booking's own row."""
