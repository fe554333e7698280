"""A crontab line as a setting: it has five fields, names its weekdays, and fires at some time.

Crontab counts weekdays from Sunday, other systems from Monday. A weekday number is therefore refused, and the error
gives the name to write instead.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from cronsim import CronSim, CronSimError
from pydantic import BeforeValidator

WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""Indexed by crontab's weekday numbers, 0 to 7."""
_FIELDS = re.compile(r"(?:[0-9*,/-]+ ){3}[0-9a-z*,/-]+ [0-9a-z*,/-]+")
"""The syntax of crontab(5); CronSim accepts more."""
_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_SHAPE = "a schedule has five fields as in crontab: minute hour day month weekday, such as 0 10 * * mon"


def parse_cron(value: Any) -> str:
    """The crontab line with single blanks and in lower case.

    Raises:
        ValueError: the value is not a crontab line, has a weekday by number, or never fires.
    """
    fields = value.lower().split() if isinstance(value, str) else []
    line = " ".join(fields)
    if not _FIELDS.fullmatch(line):
        raise ValueError(_SHAPE)
    _check_weekdays(fields[4])
    try:
        next(CronSim(line, _SOME_DAY))
    except CronSimError as error:
        raise ValueError(f"{_SHAPE} ({error})") from None
    except StopIteration:
        raise ValueError("this day never comes") from None
    return line


def _check_weekdays(field: str) -> None:
    for part in field.split(","):
        days = part.partition("/")[0]
        numbers = [day for day in days.split("-") if day.isdecimal()]
        if numbers:
            named = "-".join(_name(day) for day in days.split("-"))
            raise ValueError(f"weekdays are written by name, because their numbers differ: {named} instead of {days}")


def _name(day: str) -> str:
    return WEEKDAYS[int(day)] if day.isdecimal() and int(day) < len(WEEKDAYS) else day


Cron = Annotated[str, BeforeValidator(parse_cron)]
