"""The kinds of values in cron.yaml: each is parsed from the form that a person writes."""

import re
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, GetCoreSchemaHandler, PlainSerializer
from pydantic_core import CoreSchema, core_schema

from reconciler.text.localized import locale_name
from reconciler.text.phones import REGIONS
from reconciler.text.sql_quoting import exact_identifier

LONGEST = timedelta(days=3650)
"""The longest accepted duration. A longer one is a typing mistake, and could reach back before Python's first date."""
_UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
DURATION = re.compile(r"([0-9]{1,12})\s*(ms|s|m|h|d)")
RATE = re.compile(r"([0-9]{1,9})\s*/\s*([0-9]{0,12})\s*(ms|s|m|h|d)")
_QUIET = re.compile(r"([0-9]{1,2}):([0-9]{2})\s*-\s*([0-9]{1,2}):([0-9]{2})")
DATE = re.compile(r"(?:19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}")
TABLE = re.compile(r'(?:("(?:[^"]|"")+"|[^."\s]+)\.)?("(?:[^"]|"")+"|[^."\s]+)')


def _written(value: Any) -> str:
    """The text without surrounding blanks. A value that is not text gives '', which matches no pattern."""
    return value.strip() if isinstance(value, str) else ""


def parse_duration(value: Any) -> timedelta:
    """``90s``, ``10m``, ``72h``, ``14d``, ``500ms``.

    Raises:
        ValueError: anything else; a bare number has no unit.
    """
    if isinstance(value, timedelta):
        return value
    found = DURATION.fullmatch(_written(value))
    if not found or int(found[1]) > LONGEST / _UNITS[found[2]]:
        raise ValueError(f"a duration is written as 90s, 10m, 72h or 14d, and is at most {LONGEST.days}d")
    return int(found[1]) * _UNITS[found[2]]


def write_duration(value: timedelta) -> str:
    """The text that ``parse_duration`` reads back: in the largest whole unit, and in days only from 14 days on."""
    for name, unit in _UNITS.items():
        if value and not value % unit and (name != "d" or value >= timedelta(days=14)):
            return f"{value // unit}{name}"
    return f"{value // _UNITS['ms']}ms"


def not_nothing(value: timedelta) -> timedelta:
    """The duration as it is.

    Raises:
        ValueError: it is zero.
    """
    if not value:
        raise ValueError("must be longer than nothing")
    return value


def parse_span(value: Any) -> timedelta:
    """As ``parse_duration``, and not nothing.

    Raises:
        ValueError: the value is not a duration, or is zero.
    """
    return not_nothing(parse_duration(value))


Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(write_duration)]
PositiveDuration = Annotated[Duration, AfterValidator(not_nothing)]
"""A duration above zero. Zero would stop the product or remove a limit: PostgreSQL reads timeout 0 as no timeout."""


@dataclass(frozen=True, slots=True)
class Per:
    """A count within a period."""

    count: int
    period: timedelta

    @property
    def interval(self) -> timedelta:
        return self.period / self.count

    def __str__(self) -> str:
        period = write_duration(self.period)
        return f"{self.count}/{period.removeprefix('1') if period[:2] in ('1s', '1m', '1h', '1d') else period}"


def parse_per(value: Any) -> Per:
    """``1/s``, ``30/m``, ``3/24h``.

    Raises:
        ValueError: anything else, or a count or period of zero.
    """
    if isinstance(value, Per):
        return value
    found = RATE.fullmatch(_written(value))
    per = Per(int(found[1]), parse_duration(f"{found[2] or 1}{found[3]}")) if found else None
    if per is None or not per.count or not per.period:
        raise ValueError("a rate is written as 1/s, 30/m or 3/24h")
    return per


PerPeriod = Annotated[Per, BeforeValidator(parse_per), PlainSerializer(str)]


@dataclass(frozen=True, slots=True)
class Hours:
    """A range of local times of day. It crosses midnight if the first time is later than the second."""

    starts: time
    ends: time

    def __str__(self) -> str:
        return f"{self.starts:%H:%M}-{self.ends:%H:%M}"


def parse_hours(value: Any) -> Hours | None:
    """``21:00-09:00``, over midnight where the first is later, or ``off``.

    Raises:
        ValueError: anything else, hours of no length, or an empty value: emptying the key must not switch the hours
            off.
    """
    if isinstance(value, Hours):
        return value
    if _written(value) == "off":
        return None
    found = _QUIET.fullmatch(_written(value))
    if not found or int(found[1]) > 23 or int(found[3]) > 23 or int(found[2]) > 59 or int(found[4]) > 59:
        raise ValueError("quiet hours are written as 21:00-09:00, or off")
    hours = Hours(time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4])))
    if hours.starts == hours.ends:
        raise ValueError("quiet hours that begin and end together are none: write off")
    return hours


def _off(value: Any) -> Any:
    """Read ``false`` as ``off``: YAML 1.2 reads ``off`` as text, but a person may write ``false`` for it."""
    return "off" if value is False else value


OffWord = BeforeValidator(_off)
QuietHoursValue = Annotated[
    Hours | None, BeforeValidator(parse_hours), OffWord, PlainSerializer(lambda hours: str(hours) if hours else "off")
]


@dataclass(frozen=True, slots=True)
class TableName:
    schema: str
    name: str

    def __str__(self) -> str:
        parts = (self.schema, self.name)
        return ".".join(part if re.fullmatch(r"[a-z_][a-z0-9_$]*", part) else exact_identifier(part) for part in parts)


def parse_table(value: Any) -> TableName:
    """``public.bookings``, ``bookings`` (in ``public``), ``"Booking"``: quotes as in SQL, capitals kept either way.

    Raises:
        ValueError: anything else.
    """
    if isinstance(value, TableName):
        return value
    found = TABLE.fullmatch(_written(value))
    if not found:
        raise ValueError('a table is written as schema.table, with quotes as in SQL: public."Booking"')
    return TableName(_unquoted(found[1] or "public"), _unquoted(found[2]))


def _unquoted(part: str) -> str:
    return part[1:-1].replace('""', '"') if part.startswith('"') else part


Table = Annotated[TableName, BeforeValidator(parse_table), PlainSerializer(str)]


def parse_zone(value: Any) -> ZoneInfo:
    """``Europe/London``, or any other IANA name.

    Raises:
        ValueError: there is no such zone.
    """
    if isinstance(value, ZoneInfo):
        return value
    if _written(value) not in available_timezones():
        raise ValueError("not a time zone; write an IANA name such as Europe/London")
    return ZoneInfo(_written(value))


Zone = Annotated[ZoneInfo, BeforeValidator(parse_zone), PlainSerializer(lambda zone: zone.key)]


@dataclass(frozen=True, slots=True)
class NoneFor:
    """A word of cron.yaml that stands for ``None`` in reading and writing. An empty key is refused instead."""

    word: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(value: Any) -> Any:
            if value is None:
                raise ValueError(f"nothing stands here; write {self.word}, or leave the key out")
            return None if value == self.word else value

        def write(value: Any) -> Any:
            return self.word if value is None else value

        return core_schema.no_info_before_validator_function(
            read, handler(source), serialization=core_schema.plain_serializer_function_ser_schema(write)
        )


def parse_since(value: Any) -> date | None:
    """``2026-05-01``, or ``installed``.

    Raises:
        ValueError: anything else. A number is not a date here, although pydantic would read it as one.
    """
    if isinstance(value, date):
        return value
    if _written(value) == "installed":
        return None
    if not DATE.fullmatch(_written(value)):
        raise ValueError("a date is written as 2026-05-01; or write installed")
    return date.fromisoformat(_written(value))


def parse_date(value: Any) -> date:
    """``2026-05-01``.

    Raises:
        ValueError: anything else.
    """
    if not DATE.fullmatch(_written(value)):
        raise ValueError("a date is written as 2026-05-01")
    return date.fromisoformat(_written(value))


Since = Annotated[
    date | None, BeforeValidator(parse_since), PlainSerializer(lambda day: day.isoformat() if day else "installed")
]


def parse_region(value: Any) -> str:
    """``GB``, ``IE``, ``FR``: a region of the telephone numbering plan.

    Raises:
        ValueError: anything else. ``UK`` is not a region, and no national number could be read with it.
    """
    if _written(value) not in REGIONS:
        raise ValueError("not a region; write two capitals such as GB (which is the United Kingdom), IE or FR")
    return _written(value)


Region = Annotated[str, BeforeValidator(parse_region)]


def parse_locale(value: Any) -> str:
    """``en_GB``, ``de_DE``, ``fr_FR``: a language and a country.

    Raises:
        ValueError: anything else.
    """
    return locale_name(_written(value))


LocaleName = Annotated[str, BeforeValidator(parse_locale)]


def not_empty(values: tuple[str, ...]) -> tuple[str, ...]:
    """The list as it is.

    Raises:
        ValueError: nothing is in it.
    """
    if not values:
        raise ValueError("at least one belongs here")
    return values


Some = Annotated[tuple[str, ...], AfterValidator(not_empty)]
"""A list of words. An empty list is refused: it could be read as nothing or as everything."""
