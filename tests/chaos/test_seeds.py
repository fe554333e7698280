"""Seeds within the bounds: no duplicate, nothing lost. These are the first of those that `make chaos` plays."""

import pytest

from tests.chaos import drawing
from tests.chaos.disasters import DISASTERS
from tests.chaos.playing import play
from tests.chaos.stage import Stage

EMBEDDED = pytest.mark.parametrize("postgres", ["embedded"], indirect=True, scope="session")
QUICK, OTHERS = range(1, 5), range(5, 11)
"""`make test` plays the first; `make test-long` plays the others."""


@EMBEDDED
@pytest.mark.parametrize("seed", [*QUICK, *(pytest.param(seed, marks=pytest.mark.long) for seed in OTHERS)])
def test_a_drawn_scenario_ends_well(stage: Stage, seed: int) -> None:
    verdict = play(stage, drawing.drawn(seed))
    assert not verdict.problems, verdict


@EMBEDDED
@pytest.mark.parametrize("seed", [1, 2, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(3, 11))])
def test_it_ends_well_where_the_ledger_alone_records(stage: Stage, seed: int) -> None:
    verdict = play(stage, drawing.alone(seed))
    assert not verdict.problems, verdict


@EMBEDDED
@pytest.mark.parametrize("name", DISASTERS)
def test_a_disaster_ends_well(stage: Stage, name: str) -> None:
    verdict = play(stage, DISASTERS[name](1))
    assert not verdict.problems, verdict


@EMBEDDED
@pytest.mark.long
@pytest.mark.parametrize("draw", [drawing.lagging, drawing.frozen])
def test_beyond_the_bounds_there_are_doubles(stage: Stage, draw: drawing.Draw) -> None:
    """What the guarantee excludes, it excludes for a reason."""
    verdicts = [play(stage, draw(seed)) for seed in (1, 2)]
    assert any(problem.kind == "duplicate" for verdict in verdicts for problem in verdict.problems)


def test_a_seed_draws_the_same_again() -> None:
    for draw in (drawing.drawn, drawing.lagging, drawing.frozen):
        assert draw(7) == draw(7)
        assert draw(7) != draw(8)
