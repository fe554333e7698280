"""Alerts at Sentry: one when an incident opens, none while it lasts, another when a new one opens; nothing personal."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from reconciler.cli.once import sign_of_life
from reconciler.domain.decide import calendar_event
from reconciler.engine import alerting
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from tests.support.application_db import LONDON
from tests.support.sandbox_world import World

pytestmark = pytest.mark.one_server


def sent_alerts(world: World) -> list[tuple[str, str, str]]:
    """Kind, cause and level of each Sentry event, in order."""
    events = world.sandbox.sentry.events
    return [(event["tags"]["kind"], event["tags"]["cause"], event["level"]) for event in events]


def details(world: World, kind: str, cause: str) -> dict[str, object]:
    for event in world.sandbox.sentry.events:
        if (event["tags"]["kind"], event["tags"]["cause"]) == (kind, cause):
            found: dict[str, object] = event["contexts"]["reconciler"]
            return found
    raise AssertionError(f"no alert about {kind} / {cause}")


def test_a_gap_that_was_repaired_at_once_is_alerted_all_the_same(world: World) -> None:
    booking = world.venue.booking()
    world.once()
    assert sorted(sent_alerts(world)) == [
        ("calendar.missing", "never_created", "warning"),
        ("sms.missing", "never_queued", "warning"),
    ]
    seen = details(world, "sms.missing", "never_queued")
    assert (seen["found"], seen["repaired"], seen["references"]) == (1, 1, [booking[:8]])
    assert "application queued no text" in str(seen["remedy"])


def test_a_gap_that_stays_open_is_an_error_and_is_alerted_once(world: World) -> None:
    world.venue.booking(contact_phone="07700", calendar_event_id="there")
    for _ in range(5):
        world.once()
        world.later(minutes=10)
    assert sent_alerts(world) == [("sms.missing", "unusable_data", "error")]


def test_ten_references_at_most_and_the_count_of_all(world: World) -> None:
    for _ in range(14):
        world.venue.booking(contact_phone="07700", calendar_event_id="there")
    world.once()
    seen = details(world, "sms.missing", "refused_alike")
    assert (seen["found"], len(seen["references"])) == (14, 10)  # type: ignore[arg-type]


def test_a_new_incident_opens_after_a_quiet_while_and_not_before(world: World) -> None:
    for number, pause in enumerate((timedelta(minutes=20), timedelta(minutes=50), timedelta(hours=2), timedelta(0))):
        made = world.venue.now - timedelta(minutes=11)
        world.venue.booking(
            calendar_event_id="there", created_at=made, contact_phone=f"0770090019{number}", status="draft"
        )
        world.once()
        world.later(seconds=pause.total_seconds())
        world.once()
    assert sent_alerts(world) == [("sms.missing", "never_queued", "warning")] * 2


def test_a_read_only_run_sends_no_alert(world: World) -> None:
    world.venue.booking()
    world.once(act=False)
    assert (sent_alerts(world), world.sandbox.sentry.writes) == ([], 0)


def test_a_broken_integration_is_alerted_with_its_remedy(world: World) -> None:
    world.venue.booking()
    world.sandbox.google.role = "reader"
    world.venue.alter("ALTER TABLE private_booking_sms_queue DROP COLUMN template_key")
    world.once()
    assert set(sent_alerts(world)) == {
        ("integration.google", "blocked", "error"),
        ("calendar.missing", "blocked", "error"),
        ("integration.schema", "blocked", "error"),
    }
    assert "Make changes to events" in str(details(world, "integration.google", "blocked")["remedy"])
    assert 'ADD COLUMN IF NOT EXISTS "template_key" pg_catalog.text' in str(
        details(world, "integration.schema", "blocked")["sql"]
    )
    world.once()
    assert len(sent_alerts(world)) == 3


def test_what_sentry_did_not_accept_is_sent_later_and_once(world: World) -> None:
    world.venue.booking(calendar_event_id="there")
    world.sandbox.sentry.faults.always("envelope", Fault(kind=Misbehaviour.STATUS, status=503))
    assert world.texts().repaired == 1, "the pass repairs all the same"
    world.later(minutes=10)
    world.once()
    assert sent_alerts(world) == []
    world.sandbox.sentry.faults.clear()
    for _ in range(3):
        world.later(minutes=10)
        world.once()
    assert sent_alerts(world) == [("sms.missing", "never_queued", "warning")]


def test_a_lost_answer_makes_the_same_event_twice_which_sentry_keeps_once(world: World) -> None:
    world.venue.booking(calendar_event_id="there")
    world.sandbox.sentry.faults.next_calls("envelope", Fault(kind=Misbehaviour.LOSE))
    for _ in range(3):
        world.once()
        world.later(minutes=10)
    ids = [event["event_id"] for event in world.sandbox.sentry.events]
    assert (len(ids), len(set(ids))) == (2, 1)


def test_without_sentry_an_alert_waits_until_there_is_a_dsn(world: World) -> None:
    world.venue.booking(calendar_event_id="there")
    world.environment["SENTRY_DSN"] = ""
    world.once()
    assert sent_alerts(world) == []
    del world.environment["SENTRY_DSN"]
    world.later(hours=5)
    world.once()
    assert sent_alerts(world) == [("sms.missing", "never_queued", "warning")]


PLANTED = {
    "customer_name": "Wilhelmina Plantagenet",
    "customer_first_name": "Wilhelmina",
    "contact_phone": "+447700900177",
    "contact_email": "wilhelmina@plantagenet.example",
    "internal_notes": "call her on 07700 900178",
    "event_type": "Coronation",
}
SECRETS = ("Wilhelmina", "Plantagenet", "900177", "900178", "Coronation")


def test_nothing_planted_reaches_sentry_or_the_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Every way a booking can end, each with planted personal data."""
    venue = world.venue
    venue.booking(**PLANTED)
    venue.booking(**PLANTED | {"contact_phone": "+44770090017"})
    venue.text(venue.booking(**PLANTED), status="failed", error_message="to +447700900177: timeout")
    venue.booking(**PLANTED, customer_id=venue.customer(sms_opt_in=False, first_name="Wilhelmina"))
    venue.booking(**PLANTED, created_at=venue.now - timedelta(days=5))
    refused = venue.booking(**PLANTED | {"contact_phone": "+447700900178"})
    world.sandbox.twilio.refuse("+447700900178", 400, 21614)
    assert refused
    with caplog.at_level("DEBUG"):
        world.once()
        world.sandbox.twilio.faults.always("", Fault(kind=Misbehaviour.STATUS, status=401))
        venue.booking(**PLANTED)
        world.later(minutes=10)
        world.once()
    everything = "\n".join([*world.sandbox.sentry.raw, caplog.text])
    tokens = (world.sandbox.twilio.auth_token, "PRIVATE KEY", *world.sandbox.google._tokens)
    assert not [secret for secret in (*SECRETS, *tokens) if secret in everything]
    assert len(sent_alerts(world)) >= 6


Change = Callable[[World], object]


def a_gap(world: World) -> None:
    made = world.venue.now - timedelta(minutes=30)
    world.venue.booking(created_at=made, event_date="2026-08-01", status="draft")


def reader_only(world: World) -> None:
    world.sandbox.google.role = "reader"


def writer_again(world: World) -> None:
    world.sandbox.google.role = "writer"


def wrong_number(world: World) -> None:
    made = world.venue.now - timedelta(minutes=30)
    world.venue.booking(
        contact_phone="07700", calendar_event_id="there", event_date="2026-08-01", created_at=made, status="draft"
    )


def put_right(world: World) -> None:
    world.venue.sql("UPDATE private_bookings SET contact_phone = '07700900188' WHERE contact_phone = '07700'")


def nothing(world: World) -> None:
    pass


def sink_away(world: World) -> None:
    world.sandbox.sentry.faults.always("envelope", Fault(kind=Misbehaviour.DROP))


def sink_back(world: World) -> None:
    world.sandbox.sentry.faults.clear()


WEEK: list[tuple[int, Change, list[tuple[str, str]]]] = [
    # hours since the beginning, what happens, the events that follow
    (2, a_gap, [("calendar.missing", "never_created"), ("sms.missing", "never_queued")]),
    (4, a_gap, []),  # the same incident
    (10, a_gap, [("calendar.missing", "never_created"), ("sms.missing", "never_queued")]),
    (24, wrong_number, [("sms.missing", "unusable_data")]),
    (26, nothing, [("sms.missing", "unusable_data")]),  # its deadline
    (30, reader_only, []),  # nothing is missing, so Google is not called
    (32, a_gap, [("calendar.missing", "blocked"), ("integration.google", "blocked"), ("sms.missing", "never_queued")]),
    (34, nothing, [("calendar.missing", "blocked"), ("integration.google", "blocked")]),  # their deadlines
    (36, nothing, [("calendar.missing", "blocked"), ("integration.google", "blocked")]),  # their pages
    (40, writer_again, [("calendar.missing", "never_created")]),  # repaired now, and alerted under its first cause
    (50, nothing, [("sms.missing", "unusable_data")]),  # a reminder, a day after its deadline
    (72, put_right, [("sms.missing", "never_queued")]),  # as at 40
    (100, sink_away, []),
    (102, a_gap, []),
    (104, sink_back, [("calendar.missing", "never_created"), ("sms.missing", "never_queued")]),
    (160, wrong_number, [("sms.missing", "unusable_data")]),
    (162, nothing, [("sms.missing", "unusable_data")]),
]


@pytest.mark.long
def test_a_week_of_simulated_time_sends_exactly_these_events(world: World) -> None:
    world.clock.moment = world.venue.now = datetime(2026, 6, 8, 0, 5, tzinfo=LONDON)
    world.configure(quiet="off", more="reporting: {settled_after: 3h}")
    happenings = {hour: (change, events) for hour, change, events in WEEK}
    for hour in range(0, 7 * 24, 2):
        before = len(sent_alerts(world))
        change, expected = happenings.get(hour, (None, []))
        if change:
            change(world)
        with sign_of_life(world.settings()) as done:
            done += world.both().values()
        new = sorted((kind, cause) for kind, cause, _ in sent_alerts(world)[before:])
        assert new == sorted(expected), f"hour {hour}"
        world.later(hours=2)
    ids = [event["event_id"] for event in world.sandbox.sentry.events]
    assert len(ids) == len(set(ids))
    check_ins = [(check_in["monitor_slug"], check_in["status"]) for check_in in world.sandbox.sentry.check_ins]
    assert check_ins == [("reconciler", "ok")] * (7 * 12 - 2), (
        "one per pass, ok despite gaps, none in the four hours without Sentry"
    )
    assert {item.type for item in world.sandbox.sentry.items} == {"event", "check_in"}


def test_a_revoked_token_is_alerted_although_a_hiccup_was_alerted_before(world: World) -> None:
    world.venue.booking(calendar_event_id="there")
    away = Fault(kind=Misbehaviour.STATUS, status=503)
    world.sandbox.twilio.faults.always("account.fetch", away)
    world.once()
    world.later(minutes=10)
    world.sandbox.twilio.faults.clear()
    world.environment["TWILIO_AUTH_TOKEN"] = "revoked"
    world.once()
    broken = [e["message"] for e in world.sandbox.sentry.events if e["tags"]["kind"] == "integration.twilio"]
    assert len(broken) == 2
    assert "does not accept the credentials" in broken[1]


def test_two_missing_columns_are_both_named_and_the_one_that_stays_is_still_open(world: World) -> None:
    """Texts lack both columns, events one: each effect's fault is alerted, and fixing half of it hides nothing."""
    world.venue.booking(calendar_event_id="there")
    world.venue.alter(
        "ALTER TABLE private_booking_sms_queue DROP COLUMN template_key; ALTER TABLE customers DROP COLUMN sms_status"
    )
    world.once()
    seen = [e["message"] for e in world.sandbox.sentry.events if e["tags"]["kind"] == "integration.schema"]
    assert [("template_key" in message, "sms_status" in message) for message in seen] == [(False, True), (True, True)]
    world.venue.sql("ALTER TABLE customers ADD COLUMN sms_status text")
    world.later(minutes=10)
    world.once()
    last = [e for e in world.sandbox.sentry.events if e["tags"]["kind"] == "integration.schema"][-1]
    assert ("template_key" in last["message"], "sms_status" in last["message"]) == (True, False)


def test_a_second_wrong_number_weeks_later_is_alerted(world: World) -> None:
    for _ in range(2):
        world.venue.booking(contact_phone="07700", calendar_event_id="there", event_date="2026-12-01")
        world.once()
        world.later(days=10)
    assert sent_alerts(world) == [("sms.missing", "unusable_data", "error")] * 2


def test_a_gap_a_day_is_an_event_a_day(world: World) -> None:
    for number in range(4):
        world.venue.booking(calendar_event_id="there", contact_phone=f"0770090019{number}", status="draft")
        world.once()
        world.later(days=1)
    assert sent_alerts(world) == [("sms.missing", "never_queued", "warning")] * 4


def test_what_a_pass_repaired_before_it_died_is_alerted_by_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.venue.booking(calendar_event_id="there")
    with monkeypatch.context() as patch:
        patch.setattr(alerting, "send_alerts", lambda *_: None)
        assert world.texts().repaired == 1
    assert sent_alerts(world) == []
    world.later(minutes=10)
    world.once()
    assert sent_alerts(world) == [("sms.missing", "never_queued", "warning")]


def test_a_bug_that_hits_one_booking_does_not_suppress_alerts_about_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.venue.booking(customer_name="Poison", calendar_event_id=None)
    world.venue.booking()
    right = calendar_event.body
    wrong = lambda booking, *rest: 1 / 0 if booking.name == "Poison" else right(booking, *rest)  # noqa: E731
    monkeypatch.setattr(calendar_event, "body", wrong)
    with pytest.raises(ZeroDivisionError):
        world.once()
    assert {("calendar.missing", "never_created"), ("calendar.missing", "blocked")} <= {
        t[:2] for t in sent_alerts(world)
    }
    assert world.sent_to(), "and the other job ran"


def test_venues_that_share_a_database_are_independent(world: World) -> None:
    """Each alerts about its own gaps, closes its own, and leaves the other's events alone."""
    mine = world.venue.booking(source="a", contact_phone="07700")
    theirs = world.venue.booking(source="b", contact_phone="07700")
    world.configure(bookings=", only: {source: b}")
    world.once()
    world.configure(bookings=", only: {source: a}")
    world.sandbox.sentry.items.clear()
    world.once()
    assert details(world, "sms.missing", "unusable_data")["references"] == [mine[:8]]
    assert {about for kind, about in world.gaps() if kind == "sms.missing"} == {mine, theirs}
    world.venue.sql("UPDATE private_bookings SET status = 'cancelled', calendar_event_id = NULL WHERE id = %s", theirs)
    world.later(minutes=10)
    world.once()
    assert len(world.sandbox.google.live()) == 2, "the other's event is not ours to remove"
    world.configure(bookings=", only: {source: b}")
    world.once()
    assert [event["summary"][14:22] for event in world.sandbox.google.live()] == [mine[:8]]
