"""Bookings that should have a calendar event, and name none."""

from collections.abc import Sequence

from reconciler.engine.events import Events
from reconciler.engine.passes import run_pass
from reconciler.engine.results import PassResult
from reconciler.ports import Services


def run(services: Services) -> Sequence[PassResult]:
    return [run_pass("missing_events", Events(services), services)]
