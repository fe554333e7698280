"""The harness can fail: each mutant, a safeguard taken away, is noticed; without the mutant its scenario is clean."""

import pytest

from tests.chaos.mutants import MUTANTS
from tests.chaos.playing import play
from tests.chaos.running import hunt
from tests.chaos.scenarios import LONG_SETTLE
from tests.chaos.stage import Stage

EMBEDDED = pytest.mark.parametrize("postgres", ["embedded"], indirect=True, scope="session")
_QUICK = [
    name
    for name, mutant in MUTANTS.items()
    if mutant.scenario.settle < LONG_SETTLE and not any(step.beside for step in mutant.scenario.steps)
]
"""The others need more time, or passes of another process."""


@EMBEDDED
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in _QUICK else pytest.mark.long) for name in MUTANTS]
)
def test_a_mutant_is_caught(stage: Stage, name: str) -> None:
    verdict = hunt(stage, name)
    assert MUTANTS[name].leads_to in {problem.kind for problem in verdict.problems}, verdict


@EMBEDDED
@pytest.mark.long
@pytest.mark.parametrize("name", MUTANTS)
def test_its_scenario_is_clean_without_it(stage: Stage, name: str) -> None:
    verdict = play(stage, MUTANTS[name].scenario)
    assert not verdict.problems, verdict


def test_there_are_enough_of_them() -> None:
    assert len(MUTANTS) >= 10
