"""Settles repairs of unknown outcome: it queries the provider until the outcome is certain."""

from collections.abc import Sequence

from reconciler.engine.reconcile.results import PassResult
from reconciler.engine.reconcile.settle import run_settling
from reconciler.engine.repair.repairers import repairers
from reconciler.ports import Services


def run(services: Services) -> Sequence[PassResult]:
    return run_settling("unsettled_repairs", repairers(services), services)
