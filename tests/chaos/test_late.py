"""A process that stands still before its insert until everybody has given it up, and makes the event all the same.

An id that is taken stops a second event of the same generation; but nothing stops the first one from coming late.
It is looked for as long as ``limits.settle``, so here that is longer than the passes beside it take on a busy machine.
"""

import pytest

from tests.chaos.playing import play
from tests.chaos.scenarios import LEASE, LONG_SETTLE, Act, Deed, Scenario, Step
from tests.chaos.stage import Stage

EMBEDDED = pytest.mark.parametrize("postgres", ["embedded"], indirect=True, scope="session")


@EMBEDDED
@pytest.mark.long
@pytest.mark.parametrize("act", [Act.CANCEL, Act.DELETE, Act.EVENT, Act.MOVE])
def test_an_event_that_comes_too_late_does_not_stay(stage: Stage, act: Act) -> None:
    step = Step(order="stop before google.insert#1", deeds=(Deed(act=act),), frozen=LEASE * 1.1, beside=12)
    verdict = play(stage, Scenario(steps=(step,), settle=3 * LONG_SETTLE))
    assert not verdict.problems, verdict
