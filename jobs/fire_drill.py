"""Tests on copies of the application's tables whether a gap would still be found, repaired, alerted and delivered."""

from collections.abc import Sequence

from reconciler.engine.drill.fire_drill import fire_drill
from reconciler.engine.reconcile.results import PassResult
from reconciler.ports import Services


def run(services: Services) -> Sequence[PassResult]:
    return [fire_drill("fire_drill", services)]
