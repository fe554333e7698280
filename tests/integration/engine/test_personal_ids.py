"""B9: ids that are e-mail addresses or telephone numbers never leave; an alert names the booking by a digest."""

import json

import pytest
import requests

from reconciler.domain.alerting.booking_names import is_personal, public_reference
from reconciler.domain.bookings import BookingId
from reconciler.engine.explain.explanation import bookings_with_prefix
from reconciler.web.app import ROUTES
from reconciler.web.server import bind, serving
from tests.support.doctor_runner import DoctorRunner
from tests.support.sandbox_world import World
from tests.support.webhook import Webhook

TEXT_IDS = """
    ALTER TABLE private_booking_sms_queue DROP CONSTRAINT IF EXISTS private_booking_sms_queue_booking_id_fkey;
    ALTER TABLE private_booking_sms_queue ALTER COLUMN booking_id TYPE text;
    ALTER TABLE private_bookings ALTER COLUMN id DROP DEFAULT, ALTER COLUMN id TYPE text;
"""
PERSONAL = ["ana.lima@venue.example", "+447700900142", "07700 900142", "tel:+44-7700-900142", "0044 (7700) 900142"]
OTHER_FORMATS = [
    "(415) 555-2671", "415-555-2671", "415.555.2671", "612 34 56 78", "1 (415) 555 2671", "1-415-555-2671",
    "07700\N{NON-BREAKING HYPHEN}900142", "+44\N{MIDDLE DOT}7700\N{MIDDLE DOT}900142", "\uff0b447700900142",
    "\u0660\u0667\u0667\u0660\u0660 \u0669\u0660\u0660\u0661\u0664\u0662",
]  # fmt: skip
INSIDE = [
    "whatsapp:+447700900142", "+447700900142-2026-12-04", "2026-12-04/+447700900142", "bk_+447700900142",
    "07700900142-20261204", "20261204_07700900142", "Ana 07700 900142", "+44 7700 900142 ext 5", "%2B447700900142",
    "ana.lima%40venue.example", "ana\uff20venue.example", "ana(at)venue.example", "tel:07700900142;ext=1",
]  # fmt: skip
"""Part of an id, or in another notation."""


@pytest.fixture
def venue(world: World) -> World:
    """Whose application uses words as ids."""
    world.venue.alter(TEXT_IDS)
    return world


def references(world: World) -> list[str]:
    return [one for event in world.sandbox.sentry.events for one in event["contexts"]["reconciler"]["references"]]


@pytest.mark.parametrize("written", PERSONAL)
def test_b9_an_alert_names_the_booking_by_a_digest_that_explain_finds(venue: World, written: str) -> None:
    booking = venue.venue.booking(id=written, contact_phone="nonsense")
    venue.once()

    named = set(references(venue))

    with venue.services() as services:
        found = [bookings_with_prefix(name, 5, services) for name in named]
    assert found == [[booking]]
    assert not any(written[:8] in json.dumps(envelope) for envelope in venue.sandbox.sentry.raw)


@pytest.mark.parametrize("written", [*PERSONAL, *OTHER_FORMATS, *INSIDE])
def test_b9_numbers_as_they_are_written_elsewhere(written: str) -> None:
    assert is_personal(written)


def test_b9_another_installation_has_another_digest() -> None:
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
        "2026-01-15-000123",
        "APPT-0000000042",
        "2026-11-27T10:00:00+01:00",
        "1a2b3c4d-0000-4000-8000-012345678901",
        "0042",
    ],
)
def test_b9_other_ids_are_shown_by_their_beginning(venue: World, written: str) -> None:
    assert not is_personal(written)
    venue.venue.booking(id=written, contact_phone="nonsense")
    venue.once()

    assert set(references(venue)) == {written[:8]}


@pytest.mark.parametrize("written", PERSONAL)
def test_b9_the_doctor_warns(
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


SHOWN = (
    ("once",), ("once", "--do"), ("status",), ("status", "--json"), ("open",), ("backfill",), ("resolve",), ("drill",),
    ("doctor",), ("doctor", "--json"),
)  # fmt: skip


@pytest.mark.parametrize("written", ["ana.lima@venue.example", *INSIDE[:2]])
def test_b9_such_an_id_leaves_by_no_channel(
    venue: World, written: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Alerts, pages, each command but ``explain`` of that very id, the page, its metrics."""
    runner = DoctorRunner(venue, monkeypatch, capsys)
    with Webhook() as pager:
        venue.environment["PAGER"] = pager.route
        venue.configure(more="reporting: {deadline: 1m, page_after: 2m, settled_after: 1h, oncall: [PAGER]}")
        venue.venue.booking(id=written, contact_phone="nonsense")
        venue.venue.booking(id=f"x{written}")
        venue.sandbox.twilio.auth_token = "another"
        for _ in range(2):
            venue.once()
            venue.later(minutes=10)
        seen = {"Sentry": venue.sandbox.sentry.raw, "on-call": pager.raw}
        for arguments in SHOWN:
            said = runner.command(*arguments)
            seen[" ".join(arguments)] = [said.out, said.err]
        settings = venue.settings()
        with serving(bind("127.0.0.1:0", settings), settings) as page:
            seen |= {path: [requests.get(f"{page.url.rstrip('/')}{path}", timeout=20).text] for path in ROUTES}
    assert pager.raw
    assert "id:" in json.dumps(seen["Sentry"])
    for channel, texts in seen.items():
        for secret in (written, written[:8], "7700900142"):
            assert secret not in json.dumps(texts, ensure_ascii=False), channel
