"""Removes rows of the ledger that are finished, delivered and old."""

from collections.abc import Sequence

from reconciler.engine.reconcile.results import PassResult
from reconciler.engine.retention import run_retention
from reconciler.ports import Services


def run(services: Services) -> Sequence[PassResult]:
    return [run_retention("ledger_retention", services)]
