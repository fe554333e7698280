"""Bookings that should have a calendar event, and name none."""

from collections.abc import Sequence

from reconciler.engine.reconcile.results import PassResult
from reconciler.engine.reconcile.run_pass import run_pass
from reconciler.engine.repair.calendar import CalendarRepairer
from reconciler.ports import Services


def run(services: Services) -> Sequence[PassResult]:
    return [run_pass("calendar_missing", CalendarRepairer(services), services)]
