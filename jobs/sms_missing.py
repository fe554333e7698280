"""Finds bookings that should have a confirmation text but have none queued or sent."""

from collections.abc import Sequence

from reconciler.domain.gaps import Effect
from reconciler.engine.reconcile.results import PassResult
from reconciler.engine.reconcile.run_pass import run_pass
from reconciler.engine.repair.repairers import repairer_of
from reconciler.ports import Services


def run(services: Services) -> Sequence[PassResult]:
    return [run_pass("sms_missing", repairer_of(Effect.SMS, services), services)]
