"""Dates and times of bookings: read as they stand in the row, and converted here, by Python's zone rules.

PostgreSQL's zone rules may be older than Python's, and it takes an abbreviation such as CET for a fixed offset. So no
statement converts a booking's time. A condition that compares a start with a moment compares civil times. That is wrong
by the length of a change of the clocks at most, and only while the clocks are being changed.
"""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BindParameter, ColumnElement, DateTime, case, cast, func, literal, null

from reconciler.store.app.mapping import AppMapping

EARLIEST, LATEST = "1900-01-01", "2999-12-31"
"""Dates outside are typing mistakes or placeholders. PostgreSQL stores them; Python and calendars cannot."""
LOCAL_NOW = "local_now"
"""The bind parameter for a moment in the venue's civil time, beside ``now``."""


def instant(local: datetime | None, zone: ZoneInfo) -> datetime | None:
    """The instant of a civil time.

    Where the clocks go back, a time exists twice and means the second; one that is skipped counts by the
    offset before the change. PostgreSQL reads both in the same way.
    """
    if local is None:
        return None
    return max(local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))


def instants(start: datetime | None, end: datetime | None, zone: ZoneInfo) -> tuple[datetime | None, datetime | None]:
    """The instants of a start and an end in civil time.

    Where the clocks skip the start, its offset moves it past an end that is not skipped. Then the end moves with it:
    the row is in order, and the booking is as long as it says.
    """
    starts_at, ends_at = instant(start, zone), instant(end, zone)
    if start and end and starts_at and ends_at and end > start and ends_at <= starts_at:
        ends_at = starts_at + (end - start)
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


def usable_date(date: ColumnElement[Any]) -> ColumnElement[Any]:
    return case((date.between(EARLIEST, LATEST), date), else_=null())


def local_time(date: ColumnElement[Any], time: ColumnElement[Any]) -> ColumnElement[Any]:
    """Date and time as they stand in the row, without a zone; NULL without a usable date."""
    return cast(usable_date(date) + time, DateTime())


def local_end_time(
    date: ColumnElement[Any], time: ColumnElement[Any], next_day: ColumnElement[Any]
) -> ColumnElement[Any]:
    days = case((func.coalesce(next_day, False), 1), else_=0)
    return cast(usable_date(date) + days + time, DateTime())
