"""B9: ids that are e-mail addresses or telephone numbers never leave; an alert names the booking by a digest."""

import json

import pytest

from reconciler.domain.alerting.booking_names import is_personal, public_reference
from reconciler.domain.bookings import BookingId
from reconciler.engine.explain.explanation import bookings_with_prefix
from tests.support.doctor_runner import DoctorRunner
from tests.support.sandbox_world import World

TEXT_IDS = """
    ALTER TABLE private_booking_sms_queue DROP CONSTRAINT IF EXISTS private_booking_sms_queue_booking_id_fkey;
    ALTER TABLE private_booking_sms_queue ALTER COLUMN booking_id TYPE text;
    ALTER TABLE private_bookings ALTER COLUMN id DROP DEFAULT, ALTER COLUMN id TYPE text;
"""
PERSONAL = ["ana.lima@venue.example", "+447700900142", "07700 900142", "tel:+44-7700-900142", "0044 (7700) 900142"]
OTHER_FORMATS = ["(415) 555-2671", "415-555-2671", "415.555.2671", "612 34 56 78", "1 (415) 555 2671"]


@pytest.fixture
def venue(world: World) -> World:
    """Whose application uses words as ids."""
    world.venue.alter(TEXT_IDS)
    return world


def references(world: World) -> list[str]:
    return [one for event in world.sandbox.sentry.events for one in event["contexts"]["reconciler"]["references"]]


@pytest.mark.parametrize("written", PERSONAL)
def test_an_alert_names_the_booking_by_a_digest_that_explain_finds(venue: World, written: str) -> None:
    booking = venue.venue.booking(id=written, contact_phone="nonsense")
    venue.once()

    named = set(references(venue))

    with venue.services() as services:
        found = [bookings_with_prefix(name, 5, services) for name in named]
    assert found == [[booking]]
    assert not any(written[:8] in json.dumps(envelope) for envelope in venue.sandbox.sentry.raw)


@pytest.mark.parametrize("written", [*PERSONAL, *OTHER_FORMATS])
def test_numbers_as_they_are_written_elsewhere(written: str) -> None:
    assert is_personal(written)


def test_another_installation_has_another_digest() -> None:
    """Nobody who sees an alert can try all telephone numbers."""
    booking = BookingId("+447700900142")

    assert public_reference(booking, "one") != public_reference(booking, "two")


@pytest.mark.parametrize(
    "written",
    [
        "1a2b3c4d-0000-4000-8000-000000000000",
        "4",
        "20261127001",
        "APPT-00001",
        "booking_01HZX",
        "2026-11-27-001",
        "0042",
    ],
)
def test_other_ids_are_shown_by_their_beginning(venue: World, written: str) -> None:
    assert not is_personal(written)
    venue.venue.booking(id=written, contact_phone="nonsense")
    venue.once()

    assert set(references(venue)) == {written[:8]}


@pytest.mark.parametrize("written", PERSONAL)
def test_the_doctor_warns(
    venue: World, written: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    venue.venue.booking(id="APPT-00001")
    doctor = DoctorRunner(venue, monkeypatch, capsys)
    warned = "ids in public.private_bookings.id look like e-mail addresses or telephone numbers"
    assert warned not in doctor.doctor("--json").out

    venue.venue.booking(id=written)

    seen = doctor.doctor("--json").out
    assert warned in seen
    assert written not in seen
