"""Checks permissions, columns, tokens and the notifier, to find faults that break every repair before one fails."""

from collections.abc import Sequence

from reconciler.engine.doctor.scheduled import run_scheduled_checks
from reconciler.engine.reconcile.results import PassResult
from reconciler.ports import Services


def run(services: Services) -> Sequence[PassResult]:
    return [run_scheduled_checks("integrations", services)]
