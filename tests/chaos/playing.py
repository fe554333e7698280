"""Plays a scenario: steps with all that goes wrong, calm passes until nothing changes, then the judgement."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.chaos.judge import KILLED, USUAL, Problem, problems, tally
from tests.chaos.scenarios import LEASE, SETTLE, Loss, Scenario, Step
from tests.chaos.stage import Scene, Stage
from tests.chaos.zygote import Command

MOST_PASSES = 40
PATIENCE = 0.8
"""Seconds beyond lease and settle time without a change: then what is still under way is so for ever."""
_NAP = 0.15
_BLOCKED = 0.2
"""Seconds after which a deed of the application is taken to wait for a lock of ours."""
_OPERATIONS = {"twilio.create": "messages.create", "google.insert": "events.insert", "google.delete": "events.delete"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    scenario: Scenario
    problems: list[Problem]
    counts: Counter[str]
    kills: int
    passes: int
    """Calm ones that it took."""
    trace: str

    def __str__(self) -> str:
        """For whoever looks into a failure: what to replay, and what happened."""
        found = "\n".join(map(str, self.problems)) or "nothing"
        return f"seed {self.scenario.seed} found {found}\n{self.scenario}\n{self.trace}"


def play(stage: Stage, scenario: Scenario, mutant: str = "") -> Verdict:
    with stage.world(scenario, mutant) as scene:
        if any(step.loss in (Loss.RESTORED, Loss.PROMOTED, Loss.IN_PLACE) for step in scenario.steps):
            scene.back_up()
        for step in scenario.steps:
            take(scene, step)
        for stand_in in (scene.sandbox.twilio, scene.sandbox.google, scene.sandbox.sentry):
            stand_in.faults.clear()
        passes = calm(scene, LEASE + scenario.settle + PATIENCE)
        found = problems(scene) + restless(scene)
        return Verdict(
            scenario=scenario,
            problems=found,
            counts=tally(scene),
            kills=scene.codes.count(KILLED),
            passes=passes,
            trace=_history(scene) if found else "",
        )


def take(scene: Scene, step: Step) -> bool:
    """One step; whether it killed its command."""
    word, _, point = step.order.partition(" ")
    scene.lose(step.loss)
    scene.application.take(step.arrivals)
    with ExitStack() as stack:
        struck: list[Command] = []
        if word == "lose":
            call, _, number = point.partition("#")
            stack.enter_context(scene.when_taken(_OPERATIONS[call], int(number), struck))
        command = scene.start("" if word == "lose" else step.order)
        struck.append(command)
        if word == "stop":
            if command.wait():
                _meanwhile(scene, step, command)
        else:
            stack.enter_context(_at_the_same_time(scene, step))
        if step.kill_after is not None:
            time.sleep(step.kill_after)
            command.kill()
        code = scene.finish(command)
    time.sleep(step.then_wait)
    return code == KILLED


def _meanwhile(scene: Scene, step: Step, command: Command) -> None:
    """What happens while the command is stopped; a deed that waits for its lock is done once it goes on.

    Stopped before *sending* is committed, it has looked for the last time.
    """
    with _deeds(scene, step, we_stand_still="before sms.sending" not in step.order and not step.beside):
        time.sleep(step.frozen)
        for _ in range(step.beside):
            scene.finish(scene.start(step.beside_order, step.beside_as))
            time.sleep(_NAP)
        if step.restart:
            scene.venue.postgres.stop()
        command.go_on()
        if step.restart:
            time.sleep(_BLOCKED)
            scene.venue.postgres.start()


@contextmanager
def _deeds(scene: Scene, step: Step, *, we_stand_still: bool) -> Iterator[None]:
    """Begun before what is inside, and done after it at the latest."""

    def do() -> None:
        for deed in step.deeds:
            scene.application.do(deed, we_stand_still=we_stand_still)

    with ThreadPoolExecutor(1) as pool:
        doing = pool.submit(do)
        wait([doing], _BLOCKED if step.deeds else None)
        yield
        doing.result()


@contextmanager
def _at_the_same_time(scene: Scene, step: Step) -> Iterator[None]:
    with _deeds(scene, step, we_stand_still=False):
        others = [scene.start(step.beside_order, step.beside_as) for _ in range(step.beside)]
        yield
        for other in others:
            scene.finish(other)


def calm(scene: Scene, patience: float = LEASE + SETTLE + PATIENCE) -> int:
    """Passes until the world has stopped changing; how many it took."""
    # What a process was telling when it died is told by another once its two minutes are over: here they are.
    scene.venue.sql("UPDATE reconciler.outbox SET leased_until = now() WHERE leased_until IS NOT NULL")
    seen, since = _snapshot(scene), time.monotonic()
    for number in range(1, MOST_PASSES + 1):
        scene.run()
        now = _snapshot(scene)
        if now != seen:
            seen, since = now, time.monotonic()
            continue
        if number >= 3 and (not _under_way(scene) or time.monotonic() - since > patience):
            return number
        if _under_way(scene):
            time.sleep(_NAP)
    return MOST_PASSES


def restless(scene: Scene) -> list[Problem]:
    """One more pass writes nothing outside."""
    before = (scene.sandbox.writes(), scene.venue.checksum())
    scene.run()
    after = (scene.sandbox.writes(), scene.venue.checksum())
    return [] if before == after else [Problem("wrong", "-", "one more pass wrote something outside")]


def _snapshot(scene: Scene) -> tuple[object, ...]:
    intents = scene.venue.sql("SELECT id, state, code FROM reconciler.intent ORDER BY id")
    gaps = scene.venue.sql(
        "SELECT kind, about, reason, noted_at FROM reconciler.gap WHERE closed_at IS NULL ORDER BY 1, 2"
    )
    return scene.sandbox.writes(), scene.venue.checksum(), intents, gaps


def _under_way(scene: Scene) -> bool:
    """Whether an intent may still move by itself."""
    return bool(scene.venue.sql("SELECT 1 FROM reconciler.intent WHERE state IN ('planned', 'sending', 'unknown')"))


def _history(scene: Scene) -> str:
    """Points passed, and the intents' history."""
    history = scene.venue.sql("SELECT * FROM chaos.move ORDER BY at")
    moves = [
        f"{at:%H:%M:%S.%f} {effect} {booking[:8]} {generation} {was} -> {becomes} {code}"
        for at, effect, booking, generation, was, becomes, code in history
    ]
    output = scene.output.read_text() if set(scene.codes) - USUAL else ""
    return "\n".join([scene.trace.read_text(), *moves, f"exit codes {scene.codes}", output])
