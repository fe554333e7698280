"""The kinds of values cron.yaml holds, each written the way a person writes it."""

import re
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BeforeValidator, GetCoreSchemaHandler, PlainSerializer
from pydantic_core import CoreSchema, core_schema

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+)\s*(ms|s|m|h|d)")
_PER = re.compile(r"(\d+)\s*/\s*(\d*\s*(?:ms|s|m|h|d))")
_QUIET = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")
_TABLE = re.compile(r'(?:("(?:[^"]|"")+"|[^."\s]+)\.)?("(?:[^"]|"")+"|[^."\s]+)')


def parse_duration(value: Any) -> timedelta:
    """``90s``, ``10m``, ``72h``, ``14d``, ``500ms``.

    Raises:
        ValueError: anything else; a bare number has no unit.
    """
    if isinstance(value, timedelta):
        return value
    found = _DURATION.fullmatch(str(value).strip())
    if not found:
        raise ValueError("a duration is written as 90s, 10m, 72h or 14d")
    return timedelta(seconds=int(found[1]) * _UNITS[found[2]])


def write_duration(value: timedelta) -> str:
    """The shortest way to write it that ``parse_duration`` reads back."""
    seconds = value.total_seconds()
    for unit in ("d", "h", "m", "s"):
        if seconds and seconds % _UNITS[unit] == 0 and (unit != "d" or seconds >= 14 * 86400):
            return f"{int(seconds / _UNITS[unit])}{unit}"
    return f"{round(seconds * 1000)}ms"


Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(write_duration)]


@dataclass(frozen=True, slots=True)
class Per:
    """So many within a period."""

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
        ValueError: anything else, or none at all.
    """
    if isinstance(value, Per):
        return value
    found = _PER.fullmatch(str(value).strip())
    if not found or int(found[1]) == 0:
        raise ValueError("a rate is written as 1/s, 30/m or 3/24h")
    period = found[2].replace(" ", "")
    return Per(int(found[1]), parse_duration(period if period[0].isdigit() else f"1{period}"))


PerPeriod = Annotated[Per, BeforeValidator(parse_per), PlainSerializer(str)]


@dataclass(frozen=True, slots=True)
class Hours:
    """From one civil time of the day to another, over midnight where the first is later."""

    starts: time
    ends: time

    def __str__(self) -> str:
        return f"{self.starts:%H:%M}-{self.ends:%H:%M}"


def parse_hours(value: Any) -> Hours | None:
    """``21:00-09:00`` or ``off``.

    Raises:
        ValueError: anything else, or hours of no length.
    """
    if value is None or isinstance(value, Hours):
        return value
    if str(value).strip() == "off":
        return None
    found = _QUIET.fullmatch(str(value).strip())
    if not found or int(found[1]) > 23 or int(found[3]) > 23 or int(found[2]) > 59 or int(found[4]) > 59:
        raise ValueError("quiet hours are written as 21:00-09:00, or off")
    hours = Hours(time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4])))
    if hours.starts == hours.ends:
        raise ValueError("quiet hours that begin and end together are none: write off")
    return hours


QuietHoursValue = Annotated[
    Hours | None, BeforeValidator(parse_hours), PlainSerializer(lambda hours: str(hours) if hours else "off")
]


@dataclass(frozen=True, slots=True)
class TableName:
    schema: str
    name: str

    def __str__(self) -> str:
        return ".".join(part if re.fullmatch(r"[a-z_][a-z0-9_$]*", part) else _quoted(part) for part in self._parts())

    def _parts(self) -> tuple[str, str]:
        return self.schema, self.name


def _quoted(part: str) -> str:
    return '"' + part.replace('"', '""') + '"'


def parse_table(value: Any) -> TableName:
    """``public.bookings``, ``bookings`` (in ``public``), ``"Booking"``: quotes as in SQL, capitals kept either way.

    Raises:
        ValueError: anything else.
    """
    if isinstance(value, TableName):
        return value
    found = _TABLE.fullmatch(str(value).strip())
    if not found:
        raise ValueError('a table is written as schema.table, with quotes as in SQL: public."Booking"')
    return TableName(_unquoted(found[1] or "public"), _unquoted(found[2]))


def _unquoted(part: str) -> str:
    return part[1:-1].replace('""', '"') if part.startswith('"') else part


Table = Annotated[TableName, BeforeValidator(parse_table), PlainSerializer(str)]


def parse_zone(value: Any) -> ZoneInfo:
    """An IANA zone name.

    Raises:
        ValueError: no such zone.
    """
    if isinstance(value, ZoneInfo):
        return value
    if str(value) not in available_timezones():
        raise ValueError("not a time zone; write an IANA name such as Europe/London")
    return ZoneInfo(str(value))


Zone = Annotated[ZoneInfo, BeforeValidator(parse_zone), PlainSerializer(lambda zone: zone.key)]


@dataclass(frozen=True, slots=True)
class NoneFor:
    """A word of cron.yaml that stands for ``None``, read and written."""

    word: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(value: Any) -> Any:
            return None if value == self.word else value

        def write(value: Any) -> Any:
            return self.word if value is None else value

        return core_schema.no_info_before_validator_function(
            read, handler(source), serialization=core_schema.plain_serializer_function_ser_schema(write)
        )


def _off(value: Any) -> Any:
    """YAML 1.2 reads ``off`` as text; a person may also have meant ``false``."""
    return "off" if value is False else value


OffWord = BeforeValidator(_off)
Since = Annotated[date | None, NoneFor("installed")]
