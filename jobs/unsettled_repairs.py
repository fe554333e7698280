"""Calls of which nobody knows whether they had their effect: asked for at the provider, until it is certain."""

from collections.abc import Sequence

from reconciler.engine.events import Events
from reconciler.engine.results import PassResult
from reconciler.engine.settling import run_settling
from reconciler.engine.texts import Texts
from reconciler.ports import Services


def run(services: Services) -> Sequence[PassResult]:
    return run_settling("unsettled_repairs", [Texts(services), Events(services)], services)
