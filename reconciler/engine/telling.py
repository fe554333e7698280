"""The last step of a pass: what begins is written down, told once, and over when nothing was seen of it for a while."""

import uuid
from collections.abc import Sequence
from datetime import timedelta

from reconciler.domain.gaps import CLOSES_WITH, GapKind
from reconciler.domain.reports import report_of
from reconciler.engine.results import PassResult
from reconciler.errors import DatabaseUnreachable
from reconciler.ports import Services

TELLING = timedelta(minutes=2)
"""How long one process may take to tell what it has claimed; after that another may."""


def report(results: Sequence[PassResult], services: Services) -> None:
    """Note what the passes of a job found or mended, and tell what nobody was told yet.

    A found gap is told even if it was mended at once: the application's own path is broken.
    """
    acted = [result for result in results if result.began_at is not None]
    if not acted:
        return
    try:
        _note(acted, services)
        deliver(services)
    except DatabaseUnreachable:
        return  # nothing was lost: the gaps are in the ledger, and the next pass tells of them


def _note(acted: Sequence[PassResult], services: Services) -> None:
    now = services.clock.now()
    kinds = {kind for result in acted for kind in _kinds_of(result)}
    began_at = min(result.began_at for result in acted if result.began_at)
    faults = [fault for result in acted for fault in result.faults]
    with services.store.writing() as tx:
        groups = tx.episodes.groups(kinds, began_at)
        tx.episodes.note([report_of(group, faults, uuid.uuid4().hex) for group in groups], now)
        tx.episodes.end(kinds, now - services.settled_after, now)


def _kinds_of(result: PassResult) -> set[GapKind]:
    """Its own, and every integration's: a pass that saw one well again is what ends its episode."""
    return {result.kind, *CLOSES_WITH.get(result.kind, ()), *(kind for kind in GapKind if kind.is_integration)}


def deliver(services: Services) -> None:
    """Tell what is untold. What the sink does not take stays where it is, for the next pass of anybody."""
    if services.reporter is None:
        return
    with services.store.writing() as tx:
        untold = tx.episodes.claim_untold(TELLING)
    for number, one in enumerate(untold):
        if not services.reporter.tell(one):
            with services.store.writing() as tx:
                for kept in untold[number:]:
                    tx.episodes.kept(kept)
            return
        with services.store.writing() as tx:
            tx.episodes.told(one, services.clock.now())
