"""``ports.Beacons`` over the real client, against the stand-in: what Google keeps of a beacon, and who comes second."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.domain.beacon import Beacon, beacon_id
from reconciler.domain.intents import Result
from reconciler.domain.place import Place
from reconciler.ports import CHANGED, DUPLICATE, ProviderFailure
from reconciler.providers.google.beacon import GoogleBeacons
from reconciler.providers.google.calendar import GoogleCalendar
from reconciler.providers.google.credentials import ServiceAccountAccess
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.fakes.google import GoogleStandIn

NOW = datetime(2026, 6, 10, 11, 0, tzinfo=UTC)
BEACON = Beacon(
    installation="5b1a4c2e-0000-4000-8000-000000000001",
    generation=0,
    place=Place(system="7412345678901234567", database=16384, timeline=3),
    server="1780000000.123456",
    nonce="n1",
    mark=4,
    tables=("a1b2c3d4e5f6", "b1b2c3d4e5f6"),
    since=NOW - timedelta(days=90),
)
ID = beacon_id(BEACON.installation, 0)


@pytest.fixture
def google() -> Iterator[GoogleStandIn]:
    with GoogleStandIn(lambda: NOW) as google:
        yield google


@pytest.fixture
def beacons(google: GoogleStandIn) -> Iterator[GoogleBeacons]:
    access = ServiceAccountAccess(key=google.service_account_info(), delegate=None, token_url=google.token_url)
    calendar = GoogleCalendar(
        access=access, calendar_id=google.calendar_id, timeout=timedelta(seconds=5), api_url=google.api_url
    )
    with closing(calendar):
        yield GoogleBeacons(calendar)


def test_what_is_written_is_read_again(beacons: GoogleBeacons) -> None:
    assert beacons.get(ID) is None
    assert beacons.insert(BEACON).result is Result.DONE
    shown = beacons.get(ID)
    assert shown is not None
    assert (shown.live, shown.beacon) == (True, BEACON)
    assert beacons.others() == [BEACON]


@pytest.mark.parametrize("timeline", [None, 1])
@pytest.mark.parametrize("system", ["", "7"])
def test_what_cannot_be_read_of_the_place_stays_unknown(
    beacons: GoogleBeacons, timeline: int | None, system: str
) -> None:
    beacon = replace(BEACON, place=Place(system=system, database=1, timeline=timeline), tables=())
    beacons.insert(beacon)
    shown = beacons.get(ID)
    assert shown is not None
    assert shown.beacon == beacon


def test_of_two_renewals_the_second_is_refused(beacons: GoogleBeacons) -> None:
    beacons.insert(BEACON)
    one, other = beacons.get(ID), beacons.get(ID)
    assert one
    assert other
    assert beacons.renew(replace(BEACON, nonce="n2"), one.etag).result is Result.DONE
    assert beacons.renew(replace(BEACON, nonce="x"), other.etag).code == CHANGED
    shown = beacons.get(ID)
    assert shown
    assert shown.beacon == replace(BEACON, nonce="n2")


def test_a_deleted_beacon_keeps_its_id(google: GoogleStandIn, beacons: GoogleBeacons) -> None:
    beacons.insert(BEACON)
    google.delete_by_hand(ID)
    shown = beacons.get(ID)
    assert shown
    assert (shown.live, shown.beacon) == (False, None)
    assert beacons.insert(BEACON).code == DUPLICATE
    assert beacons.others() == []
    assert beacons.insert(replace(BEACON, generation=1)).result is Result.DONE


def test_an_emptied_beacon_is_there_and_says_nothing(google: GoogleStandIn, beacons: GoogleBeacons) -> None:
    beacons.insert(BEACON)
    google.calendar.events[ID].pop("extendedProperties")
    shown = beacons.get(ID)
    assert shown
    assert (shown.live, shown.beacon) == (True, None)


def test_beacons_are_listed_by_page_and_without_other_events(google: GoogleStandIn, beacons: GoogleBeacons) -> None:
    google.page_size = 2
    google.put("Party", NOW, NOW + timedelta(hours=1))
    made = [replace(BEACON, installation=f"5b1a4c2e-0000-4000-8000-{number:012}") for number in range(5)]
    for beacon in made:
        beacons.insert(beacon)
    assert {beacon.installation for beacon in beacons.others()} == {beacon.installation for beacon in made}


@pytest.mark.parametrize("operation", ["get", "list"])
@pytest.mark.parametrize("how", [Misbehaviour.DROP, Misbehaviour.STATUS, Misbehaviour.HTML])
def test_no_answer_is_no_beacon_and_says_so(
    google: GoogleStandIn, beacons: GoogleBeacons, operation: str, how: Misbehaviour
) -> None:
    google.faults.always(f"beacon.{operation}", Fault(kind=how))
    with pytest.raises(ProviderFailure):
        beacons.get(ID) if operation == "get" else beacons.others()


def test_a_calendar_that_may_only_be_read_refuses(google: GoogleStandIn, beacons: GoogleBeacons) -> None:
    google.role = "reader"
    assert beacons.insert(BEACON).result is Result.BROKEN
    google.role = "none"
    with pytest.raises(ProviderFailure):
        beacons.get(ID)
