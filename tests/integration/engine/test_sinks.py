"""Sinks that answer nonsense, nothing, or not at all: the gap is told all the same, and the dead sink is told too."""

import json
from collections.abc import Iterator

import pytest

from reconciler.domain.gaps import GapKind
from reconciler.engine.jobs import run_job
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.fakes.monitoring import MonitoringStandIn
from reconciler.wiring import assembly
from tests.support.doctor_runner import DoctorRunner
from tests.support.sandbox_world import World
from tests.support.webhook import Webhook

pytestmark = pytest.mark.one_server

OPEN_GAP = {"contact_phone": "07700"}
EMPTY_FOR_ANY_KEY = Fault(kind=Misbehaviour.STATUS, status=200)
ROUNDS = 24
"""Passes in a row, ten minutes apart: four hours."""


@pytest.fixture
def pager() -> Iterator[Webhook]:
    with Webhook() as webhook:
        yield webhook


@pytest.fixture
def watchman() -> Iterator[MonitoringStandIn]:
    with MonitoringStandIn() as stand_in:
        yield stand_in


def with_pager(world: World, pager: Webhook) -> None:
    world.configure(more="reporting: {oncall: [PAGER_URL]}")
    world.environment["PAGER_URL"] = pager.route


def kinds(world: World) -> list[str]:
    return [event["tags"]["kind"] for event in world.sandbox.sentry.events]


def four_hours(world: World) -> None:
    for _ in range(ROUNDS):
        world.once(jobs=("sms_missing", "integrations"))
        world.later(minutes=10)


def test_d4_an_empty_200_of_sentrys_kin_is_one_alert_about_the_gap_and_none_about_sentry(world: World) -> None:
    world.venue.booking(**OPEN_GAP)
    world.sandbox.sentry.faults.always("envelope", Fault(kind=Misbehaviour.EMPTY))
    four_hours(world)

    assert kinds(world) == ["sms.missing"] * 2, "opened, and past its deadline"
    assert world.venue.sql("SELECT count(*) FROM reconciler.outbox WHERE delivered_at IS NULL") == [(0,)]


def test_d4_an_empty_200_for_any_key_is_told_on_call_with_the_gap(world: World, pager: Webhook) -> None:
    world.venue.booking(**OPEN_GAP)
    with_pager(world, pager)
    world.sandbox.sentry.faults.always("envelope", EMPTY_FOR_ANY_KEY)
    four_hours(world)

    said = [call["title"].partition(":")[2].split()[0].strip(",:") for call in pager.alerted]
    assert said.count("sms.missing") == 2, "opened and past its deadline"
    assert said.count("integration.sentry") == 2
    assert world.gaps()["integration.sentry", "sink"] == ("blocked", "not_sentry")


def test_an_answer_that_cannot_be_read_keeps_no_other_alert_back(world: World) -> None:
    world.venue.booking(**OPEN_GAP)
    world.venue.booking(status="draft")
    world.sandbox.sentry.faults.always("envelope", EMPTY_FOR_ANY_KEY)
    world.once(jobs=("sms_missing",))
    sent = world.sandbox.sentry.asked["envelope"]
    alerts = world.venue.sql("SELECT count(*) FROM reconciler.outbox")[0][0]

    assert sent == alerts + 1, "each alert once, and one control"
    world.once(jobs=("sms_missing",))
    assert world.sandbox.sentry.asked["envelope"] == sent, "and not again at once: they may have arrived"


def test_what_could_not_be_read_is_sent_again_and_is_one_event(world: World) -> None:
    world.venue.booking(**OPEN_GAP)
    world.sandbox.sentry.faults.always("envelope", EMPTY_FOR_ANY_KEY)
    world.once(jobs=("sms_missing",))
    world.sandbox.sentry.faults.clear()
    world.venue.sql("UPDATE reconciler.outbox SET leased_until = now()")
    world.once(jobs=("sms_missing",))

    assert kinds(world) == ["sms.missing"]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind=Misbehaviour.STATUS, status=200, body="[" * 100_000),
        Fault(kind=Misbehaviour.STATUS, status=429, headers=(("X-Sentry-Rate-Limits", "9" * 400 + ":error"),)),
        Fault(kind=Misbehaviour.STATUS, status=308, headers=(("Location", "http://[::1"),)),
        Fault(kind=Misbehaviour.ENDLESS, status=200),
    ],
    ids=["deep", "digits", "redirect", "endless"],
)
def test_d4_nonsense_from_sentry_is_told_on_call(world: World, pager: Webhook, fault: Fault) -> None:
    world.venue.booking(**OPEN_GAP)
    with_pager(world, pager)
    world.sandbox.sentry.faults.always("", fault)
    for _ in range(3):
        world.once(jobs=("sms_missing", "integrations"))
        world.later(minutes=10)

    assert any("sms.missing" in call["title"] for call in pager.alerted)


# A dead route


def test_e4_a_dead_route_is_told_and_told_to_be_well_again(world: World, pager: Webhook) -> None:
    world.venue.booking(**OPEN_GAP)
    with_pager(world, pager)
    pager.faults.always("hook", Fault(kind=Misbehaviour.STATUS, status=503))
    world.sandbox.sentry.faults.always("envelope", Fault(kind=Misbehaviour.STATUS, status=503))
    for _ in range(3):
        world.once(jobs=("sms_missing",))
        world.later(minutes=10)
    assert world.gaps()["integration.oncall", "PAGER_URL"] == ("blocked", "route_dead")

    world.sandbox.sentry.faults.clear()
    world.once(jobs=("sms_missing",))
    (alert,) = [event for event in world.sandbox.sentry.events if event["tags"]["kind"] == "integration.oncall"]
    assert "the on-call route PAGER_URL took no alert (unreachable)" in alert["message"]

    pager.faults.clear()
    world.later(minutes=10)
    world.once(jobs=("sms_missing",))
    assert ("integration.oncall", "PAGER_URL") not in world.gaps()
    assert any("sms.missing" in call["title"] for call in pager.alerted), "what waited for it has arrived"


# The drill and the doctor


def with_everything(world: World, pager: Webhook, watchman: MonitoringStandIn) -> None:
    world.configure(
        more="reporting: {oncall: [PAGER_URL, CHAT_URL]}\n"
        "jobs: {sms_missing: {every: 10m, alive: WATCH_URL}, calendar_missing: {every: 10m, alive: OTHER_URL}}"
    )
    world.environment |= {
        "PAGER_URL": pager.route,
        "CHAT_URL": pager.route + "/chat",
        "WATCH_URL": watchman.healthchecks,
        "OTHER_URL": watchman.uptime_kuma,
    }


def links(world: World) -> dict[str, str]:
    return {one.link.value: one.status.name for one in assembly.run_fire_drill(world.settings()).links}


def test_e4_the_drill_posts_through_every_route_and_tries_every_switch(
    world: World, pager: Webhook, watchman: MonitoringStandIn
) -> None:
    with_everything(world, pager, watchman)

    tried = links(world)
    assert [tried[name] for name in ("sink", "oncall", "heartbeats")] == ["OK"] * 3
    assert sorted(pager.paths) == ["/hooks/t0ken", "/hooks/t0ken/chat"]
    assert all("nothing is wrong" in call["title"] and call["type"] == "info" for call in pager.alerted)
    assert watchman.heard == [("healthchecks", "log")], "a drill is no sign of life"


def test_e4_the_drill_names_the_dead_route_and_the_dead_switch(
    world: World, pager: Webhook, watchman: MonitoringStandIn
) -> None:
    with_everything(world, pager, watchman)
    world.environment["CHAT_URL"] = "json://127.0.0.1:9/closed"
    watchman.check = "another"
    with world.services() as services:
        (result,) = run_job("fire_drill", services)

    assert [fault.seen for fault in result.faults] == [
        "the drill's message was not taken by CHAT_URL (unreachable)",
        "no ping would be accepted for sms_missing (http:200)",
    ]
    assert {kind for kind, about in world.gaps() if about == "fire_drill"} == {
        GapKind.INTEGRATION_ONCALL,
        GapKind.INTEGRATION_HEARTBEAT,
    }
    assert pager.paths == ["/hooks/t0ken"], "the living route got its message"
    assert {"integration.oncall", "integration.heartbeat"} <= set(kinds(world))

    watchman.check = watchman.healthchecks.rpartition("/")[2]
    world.environment |= {"CHAT_URL": pager.route, "WATCH_URL": watchman.healthchecks}
    with world.services() as services:
        run_job("fire_drill", services)
    assert not {about for _, about in world.gaps()} & {"fire_drill"}


def test_without_routes_and_switches_these_links_are_off(world: World) -> None:
    tried = links(world)
    assert [tried[name] for name in ("oncall", "heartbeats")] == ["OFF"] * 2


@pytest.fixture
def doctor(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> DoctorRunner:
    return DoctorRunner(world, monkeypatch, capsys)


def test_e4_the_doctor_tries_switches_and_posts_on_request(
    world: World, doctor: DoctorRunner, pager: Webhook, watchman: MonitoringStandIn
) -> None:
    with_everything(world, pager, watchman)
    said = doctor.doctor("--json")

    assert (said.statuses["on-call"], said.statuses["heartbeats"]) == ("OK", "OK")
    assert (pager.paths, watchman.heard) == ([], [("healthchecks", "log")])

    watchman.check = "another"
    pager.faults.always("hook", Fault(kind=Misbehaviour.STATUS, status=403))
    said = doctor.command("doctor", "--probe", "--json")
    assert said.messages("on-call test", "FAIL") == [
        "the drill's message was not taken by CHAT_URL (unreachable), PAGER_URL (unreachable)"
    ]
    assert said.messages("heartbeats", "FAIL") == ["no ping would be accepted for sms_missing (http:200)"]
    assert not [url for url in (pager.route, watchman.token) if url in json.dumps(said.lines)]
