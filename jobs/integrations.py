"""Permissions, columns, tokens, a silent notifier: faults that would break every repair, found before one fails."""

from collections.abc import Sequence

from reconciler.engine.doctor.scheduled import run_scheduled_checks
from reconciler.engine.reconcile.results import PassResult
from reconciler.ports import Services


def run(services: Services) -> Sequence[PassResult]:
    return [run_scheduled_checks("integrations", services)]
