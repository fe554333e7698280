"""Whether PostgreSQL and Python agree about the venue's time zone for the year ahead."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from psycopg import errors as pg
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from reconciler.domain.gaps import GapKind, IntegrationFault

_HOURS = 366 * 24
_OFFSETS = text("""
    SELECT at, CAST(extract(epoch FROM timezone(:zone, at) - timezone('UTC', at)) AS integer) AS seconds
    FROM generate_series(CAST(:since AS timestamptz), CAST(:until AS timestamptz), interval '1 hour') AS at ORDER BY at
""")


def zone_faults(connection: Connection, zone: ZoneInfo, now: datetime) -> Sequence[IntegrationFault]:
    """The fault if PostgreSQL does not know the zone, or changes its clocks at other times.

    Our own texts and events go by Python. Whatever the application converts in PostgreSQL is then an hour off.
    """
    since = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    values = {"zone": zone.key, "since": since, "until": since + timedelta(hours=_HOURS)}
    trial = connection.begin_nested()
    try:
        rows = connection.execute(_OFFSETS, values).all()
    except DBAPIError as error:
        trial.rollback()
        if isinstance(error.orig, pg.InvalidParameterValue):
            return [_fault("zone_unknown", f"PostgreSQL does not know timezone {zone.key} of cron.yaml", _UPDATE)]
        raise
    trial.rollback()
    for at, seconds in rows:
        ours = at.astimezone(zone).utcoffset() or timedelta(0)
        theirs = timedelta(seconds=seconds)
        if ours != theirs:
            seen = (
                f"timezone {zone.key} of cron.yaml: from {at:%Y-%m-%d %H:%M} UTC PostgreSQL has UTC{_signed(theirs)}, "
                f"and Python has UTC{_signed(ours)}"
            )
            return [_fault("zone_rules", seen, _UPDATE if "/" in zone.key else _NAME)]
    return []


_UPDATE = "update the time zone data of the older one: PostgreSQL's tzdata, or that of the machine that runs reconciler"
_NAME = "name the zone by its region, such as Europe/Paris: PostgreSQL reads an abbreviation as a fixed offset"


def _signed(offset: timedelta) -> str:
    minutes = round(offset.total_seconds() / 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def _fault(code: str, seen: str, remedy: str) -> IntegrationFault:
    return IntegrationFault(kind=GapKind.INTEGRATION_SCHEMA, code=code, seen=seen, remedy=remedy)
