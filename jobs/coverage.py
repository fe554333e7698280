"""Finds old bookings that nobody looks after, and new bookings that fall out of the rules or stay away."""

from collections.abc import Sequence

from reconciler.domain.rules.registry import aggregate_kinds
from reconciler.engine.reconcile.aggregates import run_aggregates
from reconciler.engine.reconcile.results import PassResult
from reconciler.ports import Services


def run(services: Services) -> Sequence[PassResult]:
    return run_aggregates("coverage", aggregate_kinds("coverage"), services)
