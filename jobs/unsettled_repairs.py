"""Calls of which nobody knows whether they had their effect: asked for at the provider, until it is certain."""

from collections.abc import Sequence

from reconciler.engine.reconcile.results import PassResult
from reconciler.engine.reconcile.settle import run_settling
from reconciler.engine.repair.calendar import CalendarRepairer
from reconciler.engine.repair.sms import SmsRepairer
from reconciler.ports import Services


def run(services: Services) -> Sequence[PassResult]:
    return run_settling("unsettled_repairs", [SmsRepairer(services), CalendarRepairer(services)], services)
