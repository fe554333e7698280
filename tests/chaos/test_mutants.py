"""The harness can fail: each mutant, a safeguard taken away, is noticed; without the mutant its scenario is clean."""

import pytest

from tests.chaos.mutants import MUTANTS
from tests.chaos.playing import play
from tests.chaos.running import hunt
from tests.chaos.stage import Stage

EMBEDDED = pytest.mark.parametrize("postgres", ["embedded"], indirect=True, scope="session")
_QUICK = ("resend_on_timeout", "search_once", "trust_any_list")
"""`make test-long` and `make chaos` have them all."""


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
