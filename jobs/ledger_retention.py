"""What our ledger need not remember any more: finished, told and old."""

from collections.abc import Sequence

from reconciler.engine.reconcile.results import PassResult
from reconciler.engine.retention import tidy
from reconciler.ports import Services


def run(services: Services) -> Sequence[PassResult]:
    return [tidy("ledger_retention", services)]
