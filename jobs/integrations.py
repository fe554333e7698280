"""Permissions, columns, tokens, alerts that nobody receives: faults that break every repair, found before one fails."""

from collections.abc import Sequence

from reconciler.engine.doctor.scheduled import examine
from reconciler.engine.reconcile.results import PassResult
from reconciler.ports import Services


def run(services: Services) -> Sequence[PassResult]:
    return [examine("integrations", services)]
