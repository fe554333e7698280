"""Removes from our ledger what is finished, reported and old."""

from collections.abc import Sequence

from reconciler.engine.reconcile.results import PassResult
from reconciler.engine.retention import tidy
from reconciler.ports import Services


def run(services: Services) -> Sequence[PassResult]:
    return [tidy("ledger_retention", services)]
