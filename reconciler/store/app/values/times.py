"""Dates and times of bookings: read as they stand in the row, and converted here, by Python's zone rules.

A start stands there as an instant, or as civil time at the venue: our name of its column says which.

PostgreSQL's zone rules may be older than Python's, and it takes an abbreviation such as CET for a fixed offset. So no
statement converts a start or an end from the venue's time. A condition that compares a start with a moment compares
civil times. That is wrong by the length of a change of the clocks at most, and only while the clocks are being changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BindParameter, ColumnElement, DateTime, case, cast, func, literal, null
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from reconciler.store.app.mapping import AppMapping

EARLIEST, LATEST = "1900-01-01", "2999-12-31"
"""Dates outside are typing mistakes or placeholders. PostgreSQL stores them; Python and calendars cannot."""
Moment = datetime | ColumnElement[Any]
"""A moment, or what is bound or computed as one."""
Columns = Mapping[str, ColumnElement[Any]] | ReadOnlyColumnCollection[str, Any]
"""The columns of the bookings by our names."""
LOCAL_NOW = "local_now"
"""The bind parameter for a moment in the venue's civil time, beside ``now``."""


@dataclass(frozen=True, slots=True)
class StoredMoment:
    """A moment as a column of the application's has it."""

    column: ColumnElement[Any]
    zone: str | None = None
    """The zone of its civil time; ``None``: it is an instant."""

    @property
    def instant(self) -> ColumnElement[Any]:
        """By PostgreSQL's zone rules; NULL where the column is."""
        return self.column if self.zone is None else func.timezone(self.zone, cast(self.column, DateTime()))

    def of(self, moment: Moment) -> Moment:
        """The moment as the column would have it. An index on the column can serve a comparison with it."""
        if self.zone is None:
            return moment
        at = literal(moment, DateTime(timezone=True)) if isinstance(moment, datetime) else moment
        return func.timezone(self.zone, at)


def stored_moment(columns: Columns, key: str, zone: ZoneInfo) -> StoredMoment | None:
    """The moment of this key of ``bookings`` (created, due, starts, ends); ``None`` if no such column is mapped."""
    at = key if key == "due" else f"{key}_at"
    if at in columns:
        return StoredMoment(columns[at])
    if f"{key}_utc" in columns:
        return StoredMoment(columns[f"{key}_utc"], "UTC")
    if f"{key}_local" in columns:
        return StoredMoment(columns[f"{key}_local"], zone.key)
    if f"{key}_date" in columns:
        return StoredMoment(columns[f"{key}_date"] + columns[f"{key}_time"], zone.key)
    return None


def instant(local: datetime | None, zone: ZoneInfo) -> datetime | None:
    """The instant of a civil time, or of what is one already.

    Where the clocks go back, a time exists twice and means the second; one that is skipped counts by the
    offset before the change. PostgreSQL reads both in the same way.
    """
    if local is None or local.tzinfo is not None:
        return local and local.astimezone(UTC)
    return max(local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))


def instants(
    start: datetime | None, end: datetime | None, length: timedelta | None, zone: ZoneInfo
) -> tuple[datetime | None, datetime | None]:
    """The instants of a start and an end, each in civil time or an instant already. A ``length`` says when it ends.

    Where the clocks skip the start, its offset moves it past an end that is not skipped. Then the end moves with it:
    the row is in order, and the booking is as long as it says.
    """
    starts_at, ends_at = instant(start, zone), instant(end, zone)
    if starts_at and length is not None:
        return starts_at, starts_at + length
    if start and end and starts_at and ends_at and start.tzinfo is end.tzinfo is None and ends_at <= starts_at:
        ends_at = starts_at + (end - start) if end > start else ends_at
    return starts_at, ends_at


def civil(moment: datetime, zone: ZoneInfo) -> datetime:
    """The civil time of a moment at the venue, as the columns of a booking have it."""
    return moment.astimezone(zone).replace(tzinfo=None)


def civil_moment(
    moment: datetime | BindParameter[datetime], application: AppMapping
) -> ColumnElement[Any] | BindParameter[datetime]:
    """The civil time of a moment as SQL. Whoever binds ``now`` later binds ``LOCAL_NOW`` as well."""
    if isinstance(moment, datetime):
        return literal(civil(moment, application.zone), DateTime())
    return BindParameter(LOCAL_NOW, type_=DateTime())


def usable_moment(moment: ColumnElement[Any], *, zoned: bool) -> ColumnElement[Any]:
    """The moment; NULL outside of the dates that a booking can have, infinity included."""
    kind = DateTime(timezone=zoned)
    typed = cast(moment, kind)
    return cast(case((typed.between(cast(EARLIEST, kind), cast(LATEST, kind)), typed), else_=null()), kind)


def usable_date(date: ColumnElement[Any]) -> ColumnElement[Any]:
    return case((date.between(EARLIEST, LATEST), date), else_=null())


def local_time(date: ColumnElement[Any], time: ColumnElement[Any]) -> ColumnElement[Any]:
    """Date and time as they stand in the row, without a zone; NULL without a usable date."""
    return cast(usable_date(date) + time, DateTime())


def local_end_time(
    date: ColumnElement[Any], time: ColumnElement[Any], next_day: ColumnElement[Any]
) -> ColumnElement[Any]:
    """The end in civil time, on the next day if the booking says so."""
    days = case((func.coalesce(next_day, False), 1), else_=0)
    return cast(usable_date(date) + days + time, DateTime())
