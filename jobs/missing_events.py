"""Bookings that should have a calendar event, and name none."""

from reconciler.engine.events import Events
from reconciler.engine.passes import run_pass
from reconciler.engine.results import PassResult
from reconciler.ports import Services


def run(services: Services) -> PassResult:
    return run_pass("missing_events", Events(services), services)
