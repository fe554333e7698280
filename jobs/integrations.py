"""Permissions, columns, tokens, a sink that nobody hears: what breaks every repair before the first one fails."""

from collections.abc import Sequence

from reconciler.engine.integrations import examine
from reconciler.engine.results import PassResult
from reconciler.ports import Services


def run(services: Services) -> Sequence[PassResult]:
    return [examine("integrations", services)]
