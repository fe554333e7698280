"""Bookings that should have a confirmation text, and none is queued or sent."""

from reconciler.engine.passes import run_pass
from reconciler.engine.results import PassResult
from reconciler.engine.texts import Texts
from reconciler.ports import Services


def run(services: Services) -> PassResult:
    return run_pass("missing_sms", Texts(services), services)
