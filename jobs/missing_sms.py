"""Bookings that should have a confirmation text, and none is queued or sent."""

from collections.abc import Sequence

from reconciler.engine.passes import run_pass
from reconciler.engine.results import PassResult
from reconciler.engine.texts import Texts
from reconciler.ports import Services


def run(services: Services) -> Sequence[PassResult]:
    return [run_pass("missing_sms", Texts(services), services)]
