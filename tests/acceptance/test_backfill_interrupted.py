"""Bookings mended by a command that is interrupted again and again: each text and each event once, none lost.

In `make test-long`; tests/acceptance/test_backfill.py has one interruption in `make test`, and a short plan is here.
"""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.errors import Exit
from tests.support.application_db import Venue
from tests.support.large_backlog import LEASE, Backlog, backlog_of

PLAN = "plan.json"


@pytest.fixture(params=[pytest.param(1000, marks=pytest.mark.long)])
def backlog(request: pytest.FixtureRequest, venue: Venue, tmp_path: Path) -> Iterator[Backlog]:
    with backlog_of(request.param, venue, tmp_path) as backlog:
        yield backlog


@pytest.fixture(params=[60, pytest.param(5000, marks=pytest.mark.long)])
def planned(request: pytest.FixtureRequest, venue: Venue, tmp_path: Path) -> Iterator[Backlog]:
    with backlog_of(request.param, venue, tmp_path) as backlog:
        backlog.command = ("backfill", "--since", "2026-01-01", "--only", "sms", "--plan", PLAN)
        looked = backlog.repeat()
        assert f"plan written to {PLAN}: {request.param} texts" in looked.err, looked.err
        backlog.command = ("backfill", "--do", "--plan", PLAN, "--max", "10000")
        yield backlog


def test_a_backfill_interrupted_five_times_repairs_each_booking_once(backlog: Backlog) -> None:
    said = backlog.interrupted(signal.SIGINT, lambda: backlog.texts() >= backlog.size * 2 // 10)
    assert "texts left: " in said
    assert "at once" in said
    backlog.interrupted(signal.SIGKILL, backlog.in_flight("messages.create", backlog.texts, backlog.size * 5 // 10))
    backlog.interrupted(signal.SIGINT, lambda: backlog.events() >= backlog.size * 1 // 10)
    backlog.interrupted(signal.SIGKILL, backlog.in_flight("events.insert", backlog.events, backlog.size * 4 // 10))
    lease_ends = time.monotonic() + LEASE
    backlog.interrupted(signal.SIGINT, lambda: backlog.events() >= backlog.size * 7 // 10)
    backlog.assert_nothing_twice()
    time.sleep(max(0.0, lease_ends - time.monotonic()))

    last = backlog.repeat()
    backlog.assert_nothing_twice()
    assert_events_in_place(backlog)
    unknown = assert_texts_accounted_for(backlog)
    # One call was in flight when SIGKILL hit: asked for by now and found, or its time to be asked for is not over.
    assert len(unknown) <= 1
    code = Exit.NEEDS_A_HUMAN if unknown else Exit.AS_DESIRED
    assert (last.code, "texts left: 1 outcome unknown" in last.out) == (code, bool(unknown)), last.out

    again = backlog.repeat()
    assert again.code in (code, Exit.AS_DESIRED)
    assert (backlog.texts(), backlog.events()) == (backlog.size, backlog.size)


def assert_events_in_place(backlog: Backlog) -> None:
    stored = dict(backlog.venue.sql("SELECT id::text, calendar_event_id FROM private_bookings"))
    live = {event["id"]: event["summary"] for event in backlog.sandbox.google.live()}
    assert len(live) == len(stored) == backlog.size
    assert [booking for booking, event in stored.items() if booking[:8] not in live.get(event, "")] == []
    assert set(backlog.intents("calendar").values()) == {"done"}


def assert_texts_accounted_for(backlog: Backlog) -> set[str]:
    """Every booking's text was sent once and is known to be, or is told; the bookings of the latter."""
    intents = backlog.intents("sms")
    assert len(intents) == backlog.size
    assert set(intents.values()) <= {"done", "unknown"}
    unknown = {booking for booking, state in intents.items() if state == "unknown"}
    recorded = "SELECT about FROM reconciler.gap WHERE kind = 'sms.missing' AND closed_at IS NULL"
    assert {about for (about,) in backlog.venue.sql(recorded)} == unknown
    marked = backlog.venue.sql("SELECT booking_id::text FROM private_booking_sms_queue WHERE status = 'sent'")
    assert {booking for (booking,) in marked} == intents.keys() - unknown
    assert len(backlog.sandbox.twilio.messages) >= backlog.size - len(unknown)
    return unknown


def test_a_planned_backfill_interrupted_ten_times_does_what_the_plan_says_once(planned: Backlog) -> None:
    times = 10 if planned.size > 1000 else 4
    planned.venue.booking(contact_phone="+33639989999", customer_name="Nobody approved this")
    killed_at = 0.0
    for number in range(times):
        beyond = planned.size * (number + 1) // (times + 2)
        if number % 2:
            planned.interrupted(signal.SIGKILL, planned.in_flight("messages.create", planned.texts, beyond))
            killed_at = time.monotonic()
        else:
            planned.interrupted(signal.SIGINT, lambda most=beyond: planned.texts() >= most)  # type: ignore[misc]
        planned.assert_nothing_twice()
    time.sleep(max(0.0, killed_at + LEASE - time.monotonic()))

    for _ in range(3):  # a text that was in flight is asked for once its lease and the time to settle are over
        last = planned.repeat()
        if last.code == Exit.AS_DESIRED:
            break
        time.sleep(LEASE)

    assert last.code == Exit.AS_DESIRED, last.out
    assert f"{planned.size} texts in the plan, " in last.out
    planned.assert_nothing_twice()
    assert planned.texts() == planned.size
    assert set(planned.intents("sms").values()) == {"done"}
    assert len(planned.intents("sms")) == planned.size
