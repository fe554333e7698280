"""B8: dates and times are converted once, by Python, whatever PostgreSQL thinks of the zone."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from reconciler.store.app.values.times import instant, instants
from reconciler.store.schema import zone_rules
from tests.support.sandbox_world import World

ZONES = ["CET", "Europe/Dublin", "Africa/Casablanca", "America/Vancouver", "Australia/Lord_Howe"]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("day", ["2026-07-15", "2026-12-15"])
def test_b8_text_and_event_have_the_time_of_the_row(world: World, zone: str, day: str) -> None:
    world.configure(quiet="off", more=f"timezone: {zone}")
    booking = world.venue.booking(event_date=day, start_time="19:30", end_time="23:00")
    world.both()
    (event,) = world.sandbox.google.live()
    wanted = datetime.fromisoformat(f"{day}T19:30").replace(tzinfo=ZoneInfo(zone))
    assert datetime.fromisoformat(event["start"]["dateTime"]) == wanted
    assert (world.venue.stored_event(booking), "19:30" in world.sandbox.twilio.messages[0].body) == (event["id"], True)


def test_the_doctor_names_a_zone_that_postgresql_does_not_know(world: World) -> None:
    with world.services() as services, services.store.reading() as tx:
        faults = zone_rules.zone_faults(tx.bookings.connection, _Named("Mars/Olympus"), world.clock.now())  # type: ignore[attr-defined]
    (fault,) = faults
    assert (fault.code, "Mars/Olympus" in fault.seen, "update" in fault.remedy) == ("zone_unknown", True, True)


class _Named(ZoneInfo):
    """A zone that Python's newer data would know."""

    key = ""

    def __new__(cls, key: str) -> "_Named":
        zone = super().__new__(cls, "Etc/UTC")
        zone.key = key
        return zone


@pytest.mark.parametrize(("zone", "wrong"), [("CET", True), ("Europe/Dublin", False), ("Europe/London", False)])
def test_the_doctor_compares_the_rules_of_the_year_ahead(world: World, zone: str, *, wrong: bool) -> None:
    with world.services() as services, services.store.reading() as tx:
        faults = zone_rules.zone_faults(tx.bookings.connection, ZoneInfo(zone), world.clock.now())  # type: ignore[attr-defined]
    assert [fault.code for fault in faults] == (["zone_rules"] if wrong else [])
    if wrong:
        assert "PostgreSQL has UTC+01:00, and Python has UTC+02:00" in faults[0].seen
        assert "such as Europe/Paris" in faults[0].remedy


@pytest.mark.parametrize(
    ("zone", "local", "utc"),
    [
        ("Europe/London", "2026-10-25T01:30", "2026-10-25T01:30"),  # twice: the second
        ("Europe/London", "2026-03-29T01:30", "2026-03-29T01:30"),  # skipped: by the offset before
        ("Europe/Dublin", "2026-10-25T01:30", "2026-10-25T01:30"),  # its winter time is the summer time's exception
        ("Australia/Lord_Howe", "2026-04-05T01:45", "2026-04-04T15:15"),  # half an hour
        ("America/New_York", "2026-03-08T02:30", "2026-03-08T07:30"),
    ],
)
def test_a_time_that_exists_twice_or_never_is_read_as_postgresql_does(
    world: World, zone: str, local: str, utc: str
) -> None:
    found = instant(datetime.fromisoformat(local), ZoneInfo(zone))
    assert found == datetime.fromisoformat(utc).replace(tzinfo=UTC)
    ((theirs,),) = world.venue.sql("SELECT timezone(%s, %s::timestamp)", zone, local)
    assert theirs == found


@pytest.mark.parametrize(
    ("zone", "start", "end"),
    [
        ("Europe/London", "2027-03-28T01:45", "2027-03-28T02:15"),
        ("Africa/Cairo", "2027-04-30T00:30", "2027-04-30T01:15"),  # it changes at midnight
        ("America/New_York", "2027-03-14T02:30", "2027-03-14T03:00"),
    ],
)
def test_a_booking_that_starts_in_the_hour_that_is_skipped_is_as_long_as_its_row_says(
    zone: str, start: str, end: str
) -> None:
    begins, ends = datetime.fromisoformat(start), datetime.fromisoformat(end)
    starts_at, ends_at = instants(begins, ends, None, ZoneInfo(zone))
    assert starts_at
    assert ends_at
    assert ends_at - starts_at == ends - begins
    assert instants(ends, begins, None, ZoneInfo(zone)) == (
        instant(ends, ZoneInfo(zone)),
        instant(begins, ZoneInfo(zone)),
    )
