"""A kill at each named point, and exactly what there is after a restart: one text, one event, a ledger that says so."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from tests.chaos.judge import World, problems
from tests.chaos.playing import calm, restless, take
from tests.chaos.scenarios import LEASE, SETTLE, Scenario, Start, Step
from tests.chaos.stage import Scene, Stage

EMBEDDED = pytest.mark.parametrize("postgres", ["embedded"], indirect=True, scope="session")


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """What the ledger says of the text and of the event, both *done*: why, and after how many calls."""

    sms: tuple[str, int] = ("queued", 1)
    calendar: tuple[str, int] = ("created", 1)
    needless: tuple[str, ...] = ()
    """Why further intents were dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Where a pass begins, and the points it comes to."""

    start: Start = Start.BARE
    steps: tuple[Step, ...] = ()
    """What happened before."""
    passes: str
    """All points it comes to."""
    kills: frozenset[str] | None = None
    """The points to be killed at, where another situation has the rest."""
    end: End = field(default_factory=End)
    but: Mapping[str, End] = field(default_factory=dict)
    """Where a kill leads to another end."""

    perhaps: str = ""
    """Further points, where the pause before another try may be over already on a busy machine."""

    @property
    def points(self) -> list[str]:
        return [*_ALWAYS.split(), *self.passes.split()]


def _died(point: str) -> Step:
    return Step(order=f"kill {point}", then_wait=LEASE + 0.05)


_A_PASS = Step(then_wait=SETTLE + 0.05)
"""One that finds the lease run out; the next one settles."""
_ALWAYS = "run.removed gap.removed incident.removed outbox.removed"
_REPAIRS_EVENT = "calendar.claimed rate.began calendar.sending google.insert calendar.done calendar.written gap.changed"
_REPAIRS_TEXT = (
    "twilio.account sms.planned sms.claimed sms.row {} twilio.list sms.sending twilio.create sms.done sms.row_sent"
)

SITUATIONS = {
    "nothing": Situation(
        passes="due.removed calendar.abandoned calendar.claimed_unknown google.token google.list calendar.planned "
        f"{_REPAIRS_EVENT} run.changed outbox.began outbox.changed sentry.envelope "
        f"sms.abandoned sms.claimed_unknown {_REPAIRS_TEXT.format('')} run.began",
        but={
            "after calendar.sending": End(calendar=("created", 1)),
            "before google.insert": End(calendar=("created", 1)),
            "after google.insert": End(calendar=("found", 1)),
            "before calendar.done": End(calendar=("found", 1)),
            "after calendar.done": End(needless=("written_back",)),
            "before calendar.written": End(needless=("written_back",)),
            "after sms.sending": End(sms=("queued", 1)),
            "before twilio.create": End(sms=("queued", 1)),
            "after twilio.create": End(sms=("found", 1)),
            "before sms.done": End(sms=("found", 1)),
        },
    ),
    "a text that left": Situation(
        steps=(_died("after twilio.create#1"), _A_PASS),
        passes="calendar.abandoned calendar.claimed_unknown gap.changed run.changed incident.changed outbox.changed "
        "sms.abandoned sms.claimed_unknown twilio.account twilio.list sms.done sms.row_sent run.began",
        kills=frozenset({"sms.claimed_unknown", "twilio.list", "sms.done", "sms.row_sent"}),
        end=End(sms=("found", 1)),
    ),
    "a text that did not leave": Situation(
        steps=(_died("before twilio.create#1"), _A_PASS),
        passes="calendar.abandoned calendar.claimed_unknown gap.changed run.changed incident.changed outbox.began "
        "outbox.changed sms.abandoned sms.claimed_unknown twilio.account twilio.list sms.planned "
        "sentry.envelope run.began",
        perhaps=f"gap.began {_REPAIRS_TEXT.format('rate.began')}",
        kills=frozenset({"sms.claimed_unknown", "twilio.list", "sms.planned"}),
        end=End(sms=("queued", 1)),
    ),
    "an event that was made": Situation(
        steps=(_died("after google.insert#1"),),
        passes="calendar.abandoned calendar.claimed_unknown google.token google.list google.get calendar.done "
        "calendar.written gap.changed run.changed outbox.began outbox.changed sentry.envelope "
        "sms.abandoned sms.claimed_unknown "
        f"{_REPAIRS_TEXT.format('rate.began')} run.began",
        kills=frozenset({"calendar.claimed_unknown", "google.get", "calendar.done", "calendar.written"}),
        end=End(calendar=("found", 1)),
        but={
            "after calendar.done": End(calendar=("found", 1), needless=("written_back",)),
            "before calendar.written": End(calendar=("found", 1), needless=("written_back",)),
        },
    ),
    "an event that was not made": Situation(
        steps=(_died("before google.insert#1"),),
        passes="calendar.abandoned calendar.claimed_unknown google.token google.list google.get calendar.planned "
        "run.changed incident.changed outbox.began outbox.changed sentry.envelope "
        "sms.abandoned sms.claimed_unknown "
        f"{_REPAIRS_TEXT.format('rate.began')} run.began",
        perhaps=f"gap.began {_REPAIRS_EVENT}",
        kills=frozenset({"google.get", "calendar.planned"}),
        end=End(calendar=("created", 1)),
    ),
    "an event that the application lost": Situation(
        start=Start.LOST_ID,
        passes="calendar.abandoned calendar.claimed_unknown google.token google.list calendar.planned "
        "calendar.claimed calendar.done run.changed outbox.began outbox.changed sentry.envelope "
        "sms.abandoned sms.claimed_unknown "
        f"{_REPAIRS_TEXT.format('rate.began')} run.began",
        kills=frozenset({"google.list", "calendar.planned", "calendar.claimed", "calendar.done"}),
        end=End(calendar=("adopted", 1)),
    ),
}

_AT_THE_HEART = ("create", "insert")


@contextmanager
def _begun(stage: Stage, situation: Situation) -> Iterator[Scene]:
    with stage.world(Scenario(starts=(situation.start,))) as scene:
        for step in situation.steps:
            take(scene, step)
        yield scene


def _end(scene: Scene) -> End:
    """What the ledger says; an intent more than one of each kind must be *dropped*."""
    intents = World(scene).intents
    done = {intent["effect"]: intent for intent in intents if intent["state"] == "done"}
    others = [intent for intent in intents if intent not in done.values()]
    assert [intent["state"] for intent in others] == ["dropped"] * len(others)
    ends = {effect: (intent["code"], intent["attempts"]) for effect, intent in done.items()}
    return End(**ends, needless=tuple(intent["code"] for intent in others))


def _kills() -> Iterator[object]:
    for name, situation in SITUATIONS.items():
        for point in situation.points:
            if situation.kills is None or point in situation.kills:
                short = name == "nothing" and point.partition(".")[2] in _AT_THE_HEART
                for side in ("before", "after"):
                    yield pytest.param(name, f"{side} {point}", marks=[] if short else pytest.mark.long)


@EMBEDDED
@pytest.mark.parametrize(("name", "point"), list(_kills()))
def test_a_kill_at_this_point_leaves_no_trace_after_a_restart(stage: Stage, name: str, point: str) -> None:
    situation = SITUATIONS[name]
    with _begun(stage, situation) as scene:
        assert take(scene, Step(order=f"kill {point}#1")), "the pass does not come to this point"
        calm(scene)

        assert problems(scene) + restless(scene) == []
        assert _end(scene) == situation.but.get(point, situation.end)
        ((kept, sid),) = scene.venue.sql("SELECT status, twilio_message_sid FROM private_booking_sms_queue")
        (booking,) = scene.application.bookings
        assert (kept, [sid]) == ("sent", scene.application.ours(booking))
        assert scene.application.live_of(booking) == [scene.venue.stored_event(booking)]
        assert scene.venue.sql("SELECT kind, reason FROM reconciler.gap WHERE closed_at IS NULL") == []


EXAMINED = (
    "due.removed",
    "installation.changed",
    "google.token",
    "google.list",
    "google.get",
    "sentry.envelope",
    "gap.changed",
)
"""What the job that examines the integrations comes to, whatever there is to be mended."""
MOMENTS = ("due.began", "due.removed")
"""What a scan notes of due moments."""


@EMBEDDED
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name == "nothing" else pytest.mark.long) for name in SITUATIONS]
)
def test_these_are_all_the_points_a_pass_comes_to(stage: Stage, name: str) -> None:
    situation = SITUATIONS[name]
    with _begun(stage, situation) as scene:
        scene.trace.unlink(missing_ok=True)
        scene.run()
        passed = [
            line.split()[2].partition("#")[0] for line in scene.trace.read_text().splitlines() if "before" in line
        ]
        of_a_repair = {point for point in passed if not point.startswith("beacon.")}
        assert (
            set(situation.points) <= of_a_repair <= {*situation.points, *situation.perhaps.split(), *EXAMINED, *MOMENTS}
        )


def test_kills_are_ordered_at_points_that_there_are() -> None:
    for situation in SITUATIONS.values():
        assert (situation.kills or set()) <= set(situation.points)
        assert {point.split()[1] for point in situation.but} <= set(situation.points)
