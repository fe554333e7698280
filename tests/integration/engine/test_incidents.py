"""Days of simulated time: exactly which alerts Sentry and on-call get, and that none is lost."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from reconciler.engine import alerting
from reconciler.engine.reconcile.results import PassResult
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from tests.support.sandbox_world import World
from tests.support.webhook import Webhook

pytestmark = pytest.mark.one_server

HOUR = timedelta(hours=1)
Alerts = list[tuple[str, str]]


@pytest.fixture
def pager(world: World) -> Iterator[Webhook]:
    """An on-call route, and one active rule without quiet hours."""
    with Webhook() as webhook:
        world.configure(quiet="off", calendar_policy="off", more="reporting: {oncall: [PAGER_URL]}")
        world.environment["PAGER_URL"] = webhook.route
        yield webhook


def gap(world: World, number: int = 0) -> None:
    """A booking of another customer each time."""
    world.venue.booking(contact_phone=f"+4477009001{number:02}", event_date="2026-12-01", status="draft")


def suspend(world: World) -> None:
    """From now on gaps stay open."""
    world.environment["SUSPEND_ALL_SMS"] = "true"


def resume(world: World) -> None:
    del world.environment["SUSPEND_ALL_SMS"]


def run(world: World) -> None:
    world.once(jobs=("sms_missing",))


def spend(world: World, hours: float, every: float = 1) -> None:
    """Time passes, with a pass every ``every`` hours."""
    for _ in range(round(hours / every)):
        world.later(hours=every)
        run(world)


def events(world: World) -> Alerts:
    return [(event["tags"]["what"], event["level"]) for event in world.sandbox.sentry.events]


def pages(webhook: Webhook) -> list[str]:
    """The on-call messages: apprise's type and title."""
    return [f"{call['type']}: {call['title']}" for call in webhook.alerted]


INCIDENT = "sms.missing / never_queued"


@pytest.mark.parametrize(("every", "at_night"), [(1, 8), pytest.param(1 / 6, 1 / 6, marks=pytest.mark.long)])
def test_three_days_send_exactly_these_alerts(world: World, pager: Webhook, every: float, at_night: float) -> None:
    suspend(world)
    gap(world)
    run(world)
    assert events(world) == [("opened", "error")]
    spend(world, 1, every)
    assert events(world)[1:] == [("deadline", "error")]
    spend(world, 3, every)
    assert events(world)[2:] == [("paged", "fatal")]
    spend(world, 24, at_night)
    assert events(world)[3:] == [("reminder", "error")]
    for number in range(1, 10):
        gap(world, number)
    spend(world, 1, every)
    assert events(world)[4:] == [("escalated", "error")]
    spend(world, 24, at_night)
    assert events(world)[5:] == [("reminder", "error")]
    resume(world)
    world.sandbox.twilio.add_message("+447700900999", "Hello", world.clock.now())  # the breaker lifts under a control
    spend(world, 3, every)
    assert events(world)[6:] == [], "resolved sends no event"
    assert len(world.sent_to()) == 10 + 1
    assert pages(pager) == [
        f"failure: reconciler: {INCIDENT}, open for hours: 1 found, 0 repaired",
        f"success: reconciler: {INCIDENT}, resolved: 10 found, 10 repaired",
    ]
    gap(world, 11)
    spend(world, 12, 2 * every)
    assert events(world)[6:] == [("opened", "warning")], "the next incident; repaired at once, it stays a warning"
    assert len(pager.alerted) == 2, "and pages no one, when it opens or is resolved"


@pytest.mark.long
def test_each_page_is_an_issue_of_its_own_and_the_rest_is_one(world: World, pager: Webhook) -> None:
    for number in range(2):
        suspend(world)
        gap(world, number)
        run(world)
        spend(world, 5)
        resume(world)
        spend(world, 2)
    prints = [event["fingerprint"] for event in world.sandbox.sentry.events if event["level"] != "fatal"]
    assert prints == [["reconciler", "sms.missing", "never_queued"]] * 4
    of_pages = [event["fingerprint"] for event in world.sandbox.sentry.events if event["level"] == "fatal"]
    assert [one[:4] for one in of_pages] == [["reconciler", "page", "sms.missing", "never_queued"]] * 2
    assert of_pages[0][4] != of_pages[1][4]
    assert [title.partition(":")[0] for title in pages(pager)] == ["failure", "success"] * 2


def test_one_wrong_number_never_pages(world: World, pager: Webhook) -> None:
    world.venue.booking(contact_phone="07700", event_date="2026-12-01")
    run(world)
    spend(world, 2, 1)
    spend(world, 48, 6)
    # From the third day on it is too late for its text: another cause, and another incident.
    assert events(world) == [("opened", "error"), ("deadline", "error"), ("reminder", "error"), ("reminder", "error")]
    assert pager.alerted == []


@pytest.mark.parametrize("holds", ["quiet hours", "the recipient's limit"])
def test_a_text_that_waits_as_the_settings_want_wakes_nobody(world: World, pager: Webhook, holds: str) -> None:
    """Made at ten to nine in the evening; at one in the morning it has been open for four hours."""
    world.configure(quiet="21:00-09:00" if holds == "quiet hours" else "off")
    world.later(hours=8.8)
    gap(world)
    if holds != "quiet hours":
        texted = world.venue.booking(contact_phone="+447700900100", calendar_event_id="x")
        for _ in range(3):
            world.venue.text(texted, customer_phone="+447700900100")
    spend(world, 12, every=1)
    assert world.gaps(), "the night is over, and it is still open"
    assert pager.alerted == []
    assert ("paged", "fatal") not in events(world)


def test_a_text_that_the_morning_does_not_bring_pages(world: World, pager: Webhook) -> None:
    world.configure(quiet="21:00-09:00")
    world.later(hours=8.8)
    gap(world)
    spend(world, 12)
    suspend(world)
    assert ("paged", "fatal") not in events(world)
    spend(world, 1.5, every=0.5)
    assert ("paged", "fatal") in events(world), "in the morning something else holds it, and it is hours late"


@pytest.mark.long
def test_a_gap_that_comes_and_goes_is_one_incident(world: World, pager: Webhook) -> None:
    for number in range(6):
        suspend(world)
        gap(world, number)
        run(world)
        world.later(minutes=30)
        resume(world)
        run(world)
        world.later(minutes=20)
    assert events(world) == [("opened", "error")]
    assert len(world.sent_to()) == 6


def test_a_deadline_is_alerted_even_if_the_job_of_its_rule_does_not_run(world: World, pager: Webhook) -> None:
    suspend(world)
    gap(world)
    run(world)
    for _ in range(5):
        world.later(hours=1)
        world.once(jobs=("ledger_retention",))
    assert events(world) == [("opened", "error"), ("deadline", "error"), ("paged", "fatal")]


def test_after_hours_without_a_pass_each_due_alert_is_sent_once(world: World, pager: Webhook) -> None:
    suspend(world)
    gap(world)
    run(world)
    world.later(hours=9)
    run(world)
    run(world)
    assert events(world) == [("opened", "error"), ("deadline", "error"), ("paged", "fatal")]


def test_two_processes_at_once_send_each_alert_once(world: World, pager: Webhook) -> None:
    """Both evaluate the same incident, and neither can write before both have started."""
    suspend(world)
    gap(world)
    run(world)
    world.later(hours=5)
    world.settings()
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s"
    with world.venue.postgres.connect(world.venue.name) as held, held.transaction(), ThreadPoolExecutor(2) as pool:
        held.execute("SELECT FROM reconciler.incident FOR UPDATE")
        passes = [pool.submit(run, world) for _ in range(2)]
        world.wait_for(lambda: len(world.venue.sql(waiting, world.venue.name)) == 2)
        held.execute("ROLLBACK")
        for done in passes:
            done.result()
    first, *others = events(world)
    assert first == ("opened", "error")
    assert sorted(others) == [("deadline", "error"), ("paged", "fatal")], "each once; two processes may deliver at once"
    assert len(pager.alerted) == 1


# The sink fails

REFUSING = {
    "down": Fault(kind=Misbehaviour.DROP),
    "unavailable": Fault(kind=Misbehaviour.STATUS, status=503),
    "rate limiting": Fault(kind=Misbehaviour.STATUS, status=429, headers=(("Retry-After", "3600"),)),
    "losing its answers": Fault(kind=Misbehaviour.LOSE),
}


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(fault, id=name, marks=[] if name == "unavailable" else pytest.mark.long)
        for name, fault in REFUSING.items()
    ],
)
def test_an_hour_without_sentry_loses_no_alert_and_repeats_none(world: World, pager: Webhook, fault: Fault) -> None:
    world.sandbox.sentry.faults.always("envelope", fault)
    gap(world)
    run(world)
    suspend(world)
    gap(world, 1)
    spend(world, 1, 1 / 4)
    assert len(world.sent_to()) == 1, "the pass repairs all the same"
    world.sandbox.sentry.faults.clear()
    spend(world, 1, 1 / 4)
    arrived = {event["event_id"]: event["tags"]["what"] for event in world.sandbox.sentry.events}
    assert list(arrived.values()) == ["opened", "deadline"]
    if fault.kind is not Misbehaviour.LOSE:
        assert len(world.sandbox.sentry.events) == 2, "and the same event again would be that event"
    assert world.venue.sql("SELECT 1 FROM reconciler.outbox WHERE delivered_at IS NULL") == []


def test_what_sentry_does_not_accept_goes_to_on_call_once(world: World, pager: Webhook) -> None:
    world.sandbox.sentry.faults.always("envelope", Fault(kind=Misbehaviour.DROP))
    suspend(world)
    gap(world)
    run(world)
    spend(world, 1 / 6, 1 / 6)
    assert pager.alerted == [], "not before fallback_after"
    spend(world, 2, 1 / 6)
    resume(world)
    spend(world, 2, 1 / 6)
    assert pages(pager) == [
        f"warning: reconciler: {INCIDENT}: 1 found, 0 repaired",
        f"warning: reconciler: {INCIDENT}, past its deadline: 1 found, 0 repaired",
        f"success: reconciler: {INCIDENT}, resolved: 1 found, 1 repaired",
    ]
    world.sandbox.sentry.faults.clear()
    spend(world, 1)
    assert events(world) == [("opened", "error"), ("deadline", "error")], "and Sentry has it in the end"
    assert len(pager.alerted) == 3


def test_a_route_that_is_added_later_gets_no_old_alerts(world: World, pager: Webhook) -> None:
    """Without Sentry, error alerts have piled up: the resolved and the old ones page no one now."""
    world.sandbox.sentry.faults.always("envelope", Fault(kind=Misbehaviour.DROP))
    world.configure(more="reporting: {page_after: 10d}")
    suspend(world)
    gap(world)
    run(world)
    spend(world, 48, 12)
    resume(world)
    spend(world, 2)
    assert world.venue.sql("SELECT count(*) > 2 FROM reconciler.outbox WHERE delivered_at IS NULL") == [(True,)]
    world.configure(more="reporting: {oncall: [PAGER_URL]}")
    spend(world, 1)
    assert pager.alerted == []


def test_an_alert_that_a_route_refuses_does_not_hold_up_others(world: World, pager: Webhook) -> None:
    suspend(world)
    gap(world)
    run(world)
    spend(world, 5)
    assert [title.partition(":")[0] for title in pages(pager)] == ["failure"]
    first = world.venue.sql("SELECT min(id) FROM reconciler.outbox WHERE route = 'PAGER_URL'")[0][0]
    world.venue.sql(
        "INSERT INTO reconciler.outbox (event, route, scope, incident, alert_type, alert, created_at) "
        "SELECT gen_random_uuid(), route, scope, incident, alert_type, alert, created_at FROM reconciler.outbox, "
        "generate_series(1, 2) WHERE id = %s",
        first,
    )
    pager.faults.next_calls("hook", Fault(kind=Misbehaviour.STATUS, status=500))
    run(world)
    assert (len(pager.alerted), pager.faults.pending("hook")) == (2, 0), "the second one, after one that failed"


def test_while_another_process_evaluates_the_outbox_is_delivered(world: World, pager: Webhook) -> None:
    world.sandbox.sentry.faults.always("envelope", Fault(kind=Misbehaviour.DROP))
    suspend(world)
    gap(world)
    run(world)
    world.sandbox.sentry.faults.clear()
    world.configure(limits=", timeouts: {lock: 100ms}")
    with world.venue.postgres.connect(world.venue.name, "postgres") as other, other.transaction():
        other.execute("SELECT pg_advisory_xact_lock(hashtext('reconciler incidents'), hashtext(''))")
        run(world)
        assert events(world) == [("opened", "error")]


def test_what_was_repaired_at_once_pages_no_one_even_if_sentry_is_down(world: World, pager: Webhook) -> None:
    world.sandbox.sentry.faults.always("envelope", Fault(kind=Misbehaviour.DROP))
    gap(world)
    run(world)
    spend(world, 3)
    assert (len(world.sent_to()), pager.alerted) == (1, [])


@pytest.mark.long
def test_a_pager_that_is_down_gets_its_alerts_later_in_order(world: World, pager: Webhook) -> None:
    pager.faults.always("hook", Fault(kind=Misbehaviour.DROP))
    suspend(world)
    gap(world)
    run(world)
    spend(world, 5)
    resume(world)
    spend(world, 2)
    assert pager.alerted == []
    pager.faults.clear()
    spend(world, 1)
    assert [title.partition(":")[0] for title in pages(pager)] == ["failure", "success"]
    spend(world, 2)
    assert len(pager.alerted) == 2


def test_resolved_waits_for_the_page_that_another_process_has_claimed(world: World, pager: Webhook) -> None:
    pager.faults.always("hook", Fault(kind=Misbehaviour.DROP))
    suspend(world)
    gap(world)
    run(world)
    world.later(hours=5)
    run(world)
    pager.faults.clear()
    held = "UPDATE reconciler.outbox SET leased_until = now() + %s WHERE route = 'PAGER_URL'"
    world.venue.sql(held, HOUR)
    resume(world)
    spend(world, 2)
    assert pager.alerted == []
    world.venue.sql(held, -HOUR)
    run(world)
    assert [title.partition(":")[0] for title in pages(pager)] == ["failure", "success"]


@pytest.mark.long
def test_routes_are_independent(world: World, pager: Webhook) -> None:
    """A route that fails does not hold up another."""
    with Webhook() as other:
        world.configure(more="reporting: {oncall: [OTHER_URL, PAGER_URL]}")
        world.environment["OTHER_URL"] = other.route
        other.faults.always("hook", Fault(kind=Misbehaviour.STATUS, status=500))
        suspend(world)
        gap(world)
        run(world)
        spend(world, 6)
        assert (len(pager.alerted), len(other.alerted)) == (1, 0)
        other.faults.clear()
        spend(world, 1)
        assert (len(pager.alerted), len(other.alerted)) == (1, 1)


def test_with_a_token_the_issues_are_resolved(world: World, pager: Webhook) -> None:
    sentry = world.sandbox.sentry
    world.environment |= {
        "SENTRY_AUTH_TOKEN": sentry.token, "SENTRY_ORG": sentry.organization, "SENTRY_URL": sentry.url,
    }  # fmt: skip
    suspend(world)
    gap(world)
    run(world)
    spend(world, 5)
    assert {issue.status for issue in sentry.issues.values()} == {"unresolved"}
    resume(world)
    sentry.faults.next_calls("issue.update", Fault(kind=Misbehaviour.STATUS, status=503))
    spend(world, 3)
    assert [issue.status for issue in sentry.issues.values()] == ["resolved", "resolved"]
    suspend(world)
    gap(world, 1)
    spend(world, 1)
    assert [issue.status for issue in sentry.issues.values()] == ["unresolved", "resolved"], "it opened again"


def test_an_issue_that_another_ongoing_incident_shares_stays_open(world: World, pager: Webhook) -> None:
    """Two faults of Twilio, one after the other, share an issue: it is resolved with the second."""
    sentry = world.sandbox.sentry
    world.environment |= {
        "SENTRY_AUTH_TOKEN": sentry.token, "SENTRY_ORG": sentry.organization, "SENTRY_URL": sentry.url,
    }  # fmt: skip
    gap(world)
    world.sandbox.twilio.faults.always("account.fetch", Fault(kind=Misbehaviour.STATUS, status=503))
    run(world)
    world.sandbox.twilio.faults.clear()
    world.environment["TWILIO_AUTH_TOKEN"] = "revoked"
    spend(world, 1, 1 / 4)
    broken = ("reconciler", "integration.twilio", "blocked")
    assert [len(sentry.issues[broken].events), sentry.issues[broken].status] == [2, "unresolved"]
    assert world.venue.sql("SELECT count(*) FROM reconciler.outbox WHERE alert_type = 'resolved'") == [(1,)], (
        "one of them is resolved"
    )
    del world.environment["TWILIO_AUTH_TOKEN"]
    spend(world, 3)
    assert sentry.issues[broken].status == "resolved"


# Large numbers


@pytest.mark.parametrize("closed", [50_000, pytest.param(1_000_000, marks=pytest.mark.long)])
def test_many_gaps_are_read_by_their_indexes(world: World, pager: Webhook, closed: int) -> None:
    """Ten thousand open gaps; those closed long ago are not read at all."""
    world.venue.sql(
        "INSERT INTO reconciler.gap (scope, kind, about, cause, key, reason, detail, noted_at, opened_at, seen_at,"
        " closed_at, closed_by) SELECT '', 'sms.missing', i::text, 'never_queued', '', '', '{}', at, at, at,"
        " CASE WHEN i <= %s THEN at END, CASE WHEN i <= %s THEN 'repaired' END"
        " FROM (SELECT i, %s::timestamptz AS at FROM generate_series(1, %s) AS i) AS made",
        closed, closed, world.venue.now - timedelta(days=30), closed + 10_000,
    )  # fmt: skip
    world.venue.sql("ANALYZE reconciler.gap")
    read = "SELECT seq_tup_read, idx_tup_fetch FROM pg_stat_user_tables WHERE relid = 'reconciler.gap'::regclass"
    ((sequential, by_index),) = world.venue.sql(read)
    with world.services() as services:
        began = services.clock.now()
        result = PassResult(job="ledger_retention", kind=None, effect=None, plan=None, began_at=began)
        alerting.send_alerts([result], services)
    world.wait_for(lambda: world.venue.sql(read)[0] != (sequential, by_index))
    ((now_sequential, now_by_index),) = world.venue.sql(read)
    assert (now_sequential - sequential, now_by_index - by_index <= 25_000) == (0, True)
    ((alert,),) = world.venue.sql("SELECT alert FROM reconciler.outbox")
    assert (alert["found"], alert["open"], len(alert["references"])) == (10_000, 10_000, 10)


# Nothing personal, no secret

PLANTED = {
    "customer_name": "Wilhelmina Plantagenet",
    "customer_first_name": "Wilhelmina",
    "contact_email": "wilhelmina@plantagenet.example",
    "internal_notes": "call her on 07700 900178",
    "event_type": "Coronation",
}
SECRETS = ("Wilhelmina", "Plantagenet", "900177", "900178", "Coronation", "t0ken", "sw1tch", "sntrys_")


def test_nothing_planted_reaches_sentry_the_pager_or_the_log(
    world: World, pager: Webhook, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    sentry = world.sandbox.sentry
    with Webhook() as away:
        world.configure(more="reporting: {oncall: [PAGER_URL, AWAY_URL]}")
        world.environment |= {
            "AWAY_URL": away.route,
            "SENTRY_AUTH_TOKEN": "sntrys_wrong", "SENTRY_ORG": "venue", "SENTRY_URL": sentry.url,
        }  # fmt: skip
        away.faults.always("hook", Fault(kind=Misbehaviour.STATUS, status=403))
        with caplog.at_level("DEBUG"):
            suspend(world)
            for phone in ("+447700900177", "+44770090017", ""):
                world.venue.booking(**PLANTED, contact_phone=phone, event_date="2026-12-01")
            world.venue.booking(
                **PLANTED, contact_phone="+447700900177", event_date="2026-12-01",
                created_at=world.venue.now - timedelta(days=5),
            )  # fmt: skip
            run(world)
            spend(world, 5)
            sentry.faults.always("envelope", Fault(kind=Misbehaviour.DROP))
            spend(world, 30, 6)
            sentry.faults.clear()
            resume(world)
            spend(world, 3)
    log = caplog.text + capsys.readouterr().out
    everything = "\n".join([*sentry.raw, *pager.raw, log])
    assert not [secret for secret in SECRETS if secret in everything]
    assert {"opened", "deadline", "paged", "reminder"} <= {what for what, _ in events(world)}
    assert {json.loads(body)["type"] for body in pager.raw} == {"failure", "warning", "success"}
    assert [
        word for word in ("oncall_alert_not_sent", "issue_not_resolved", "alert_sent", "incident") if word not in log
    ] == []
