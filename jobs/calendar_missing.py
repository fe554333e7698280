"""Finds bookings that should have a calendar event but name none."""

from collections.abc import Sequence

from reconciler.domain.gaps import Effect
from reconciler.engine.reconcile.results import PassResult
from reconciler.engine.reconcile.run_pass import run_pass
from reconciler.engine.repair.repairers import repairer_of
from reconciler.ports import Services


def run(services: Services) -> Sequence[PassResult]:
    return [run_pass("calendar_missing", repairer_of(Effect.CALENDAR, services), services)]
