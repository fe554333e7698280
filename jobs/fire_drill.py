"""Tests, on copies of the application's tables, that a gap is found and repaired and that its alert is delivered."""

from collections.abc import Sequence

from reconciler.engine.drill.fire_drill import fire_drill
from reconciler.engine.reconcile.results import PassResult
from reconciler.ports import Services


def run(services: Services) -> Sequence[PassResult]:
    return [fire_drill("fire_drill", services)]
