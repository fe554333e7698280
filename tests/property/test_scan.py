"""The look's set-based statements against a plain loop over the same rows, on random data."""

import uuid
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from reconciler.domain.decide.verdicts import Condition
from reconciler.domain.gaps import GapKind
from reconciler.domain.rules.registry import RULES
from tests.support.application_db import LONDON, NOON, Venue
from tests.support.sandbox_world import World

Row = dict[str, Any]
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
SINCE = NOON - timedelta(days=30)
BLANK_OR_NOT = [None, "", "  ", "x"]
PHONES = [None, "", " ", "07700900101"]
COUNTED = ["booking_created", "booking_confirmed"]
NOTES = [None, "", "call first", "note: event DATE/TIME to be confirmed!"]

texts = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["pending", "approved", "sent", "cancelled", "failed", None]),
        "twilio_message_sid": st.sampled_from([None, "", "SM1"]),
        "trigger_type": st.sampled_from(["booking_created", "booking_confirmed", "deposit_received"]),
        "approved_by": st.sampled_from([None, str(uuid.UUID(int=1))]),
        "scheduled_for": st.sampled_from([NOON - HOUR, NOON - HOUR + SECOND, NOON + HOUR]),
        "sent_at": st.sampled_from([None, NOON - 2 * HOUR, NOON - 2 * HOUR + SECOND]),
        "created_at": st.sampled_from([NOON - 3 * HOUR, NOON - SECOND]),
    }
)
bookings = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["draft", "confirmed", "cancelled", None]),
        "created_at": st.sampled_from(
            [SINCE - timedelta(seconds=1), SINCE, NOON - timedelta(minutes=10), NOON - timedelta(minutes=9)]
        ),
        "event_date": st.sampled_from([NOON.date() + timedelta(days=days) for days in (-1, 0, 0, 1, 9)]),
        "start_time": st.sampled_from(["11:59", "12:00", "12:01"]),
        "date_tbd": st.booleans(),
        "internal_notes": st.sampled_from(NOTES),
        "contact_phone": st.sampled_from(PHONES),
        "calendar_event_id": st.sampled_from(BLANK_OR_NOT),
        "mobile": st.sampled_from([*PHONES, "no customer"]),
        "texts": st.lists(texts, max_size=3),
    }
)


def is_evidence(text: Row) -> bool:
    """Queued, sent, or anything that cannot be told from it."""
    if text["status"] == "cancelled":
        return bool(text["twilio_message_sid"])
    return text["status"] != "failed"


def is_overdue(text: Row) -> bool:
    return text["status"] in ("pending", "approved") and text["scheduled_for"] <= NOON - HOUR


def is_unproven(text: Row) -> bool:
    marked_at = text["sent_at"] or text["created_at"]
    return text["status"] == "sent" and not text["twilio_message_sid"] and marked_at <= NOON - 2 * HOUR


def fails(kind: GapKind, row: Row, satisfied_by: list[str] | None) -> Condition | None:
    """The first condition that the booking fails, by hand."""
    starts_at = datetime.fromisoformat(f"{row['event_date']}T{row['start_time']}").replace(tzinfo=LONDON)
    phones = [row["contact_phone"], None if row["mobile"] == "no customer" else row["mobile"]]
    counted = [t for t in row["texts"] if satisfied_by is None or t["trigger_type"] in satisfied_by]
    failed = {
        Condition.STATUS: row["status"] not in ("draft", "confirmed"),
        Condition.SINCE: row["created_at"] < SINCE,
        Condition.GRACE: row["created_at"] > NOON - timedelta(minutes=10),
        Condition.AHEAD: starts_at <= NOON,
        Condition.DATE_SET: row["date_tbd"] or "date/time to be confirmed" in (row["internal_notes"] or "").lower(),
        Condition.PHONE: not any((phone or "").strip() for phone in phones),
        Condition.NO_TEXT: any(is_evidence(text) for text in counted),
        Condition.UNDECIDED: any(t["status"] == "cancelled" and t["approved_by"] for t in counted),
        Condition.OVERDUE: not any(is_overdue(text) for text in row["texts"]),
        Condition.UNPROVEN: not any(is_unproven(text) for text in row["texts"]),
        Condition.NO_EVENT: bool((row["calendar_event_id"] or "").strip()),
    }
    missing = ["STATUS", "AHEAD", "SINCE", "GRACE", "DATE_SET"]
    asked = {
        "sms.missing": [*missing, "PHONE", "NO_TEXT", "UNDECIDED"],
        "calendar.missing": [*missing, "NO_EVENT"],
        "sms.stuck": ["STATUS", "AHEAD", "SINCE", "OVERDUE"],
        "sms.unproven": ["STATUS", "AHEAD", "SINCE", "UNPROVEN"],
    }[kind]
    return next((Condition[name] for name in asked if failed[Condition[name]]), None)


def plant(venue: Venue, row: Row) -> str:
    customer = None if row["mobile"] == "no customer" else venue.customer(mobile_e164=None, mobile_number=row["mobile"])
    columns = {name: value for name, value in row.items() if name not in ("mobile", "texts")}
    booking = venue.booking(end_time=None, customer_id=customer, **columns)
    for text in row["texts"]:
        venue.text(booking, **text)
    return booking


def expected(kind: GapKind, rows: Mapping[str, Row], satisfied_by: list[str] | None) -> dict[str, Condition | None]:
    return {booking: fails(kind, row, satisfied_by) for booking, row in rows.items()}


@pytest.mark.parametrize(
    "satisfied_by",
    [pytest.param(None, id="any text", marks=pytest.mark.long), pytest.param(COUNTED, id="some triggers")],
)
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(planted=st.lists(bookings, min_size=8, max_size=20))
def test_the_look_sees_what_a_plain_loop_sees(world: World, satisfied_by: list[str] | None, planted: list[Row]) -> None:
    world.venue.empty()
    rows = {plant(world.venue, row): row for row in planted}
    if satisfied_by:
        world.configure(texts=f", satisfied_by: {satisfied_by}")
    with world.services(act=False) as services, services.store.reading() as tx:
        for kind in (rule.kind for rule in RULES):
            seen = tx.bookings.scan(kind, NOON, SINCE)
            by_id = tx.bookings.findings(kind, NOON, SINCE, list(rows))  # type: ignore[arg-type]
            wanted = expected(kind, rows, satisfied_by)
            within = {booking: failed for booking, failed in wanted.items() if failed is not Condition.SINCE}
            within = {b: failed for b, failed in within.items() if rows[b]["created_at"] >= SINCE}
            assert set(seen.broken) == {b for b, failed in within.items() if failed is None}
            assert seen.checked == len(within)
            counted: Counter[Condition] = Counter()
            for (condition, _), number in seen.by_condition.items():
                counted[condition] += number
            assert counted == Counter(failed for failed in within.values() if failed)
            assert {booking: finding.failed for booking, finding in by_id.items()} == wanted


def test_a_naive_not_in_would_see_nothing(world: World) -> None:
    """Why the rule is an anti-join: one NULL among the booking ids of a `NOT IN` hides every gap."""
    world.venue.booking()
    world.venue.alter("ALTER TABLE private_booking_sms_queue ALTER COLUMN booking_id DROP NOT NULL")
    world.venue.text(None, status="sent")  # type: ignore[arg-type]
    naive = "SELECT count(*) FROM private_bookings WHERE id NOT IN (SELECT booking_id FROM private_booking_sms_queue)"
    assert world.venue.sql(sql.SQL(naive)) == [(0,)]
    plan = world.texts(act=False).plan
    assert plan is not None
    assert plan.repairs == 1
