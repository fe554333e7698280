"""The last step of a pass: what begins is written down, told once, and over when there was nothing new for a while."""

import uuid
from collections.abc import Sequence
from datetime import timedelta

from reconciler.domain.gaps import CLOSES_WITH, GapKind
from reconciler.domain.reports import Told, report_of
from reconciler.engine.results import PassResult
from reconciler.errors import DatabaseUnreachable
from reconciler.ports import Services

TELLING = timedelta(minutes=2)
"""How long one process may take to tell what it has claimed; after that another may."""


def report(results: Sequence[PassResult], services: Services) -> None:
    """Note what is new since anybody noted it, and tell what nobody was told yet.

    A found gap is told even if it was mended at once: the application's own path is broken.
    """
    acted = [result for result in results if result.began_at is not None]
    if not acted:
        return
    try:
        _note(acted, services)
        deliver(services)
    except DatabaseUnreachable:
        return  # nothing is lost: a gap says by itself whether it was noted, and the next pass tells of it


def _note(acted: Sequence[PassResult], services: Services) -> None:
    now = services.clock.now()
    quiet_since = now - services.settled_after
    kinds = {kind for result in acted for kind in _kinds_of(result)}
    with services.store.writing() as tx:
        for group in tx.episodes.news(kinds, now):
            tx.episodes.begin(report_of(group, uuid.uuid4().hex), group.key, quiet_since, now)
        tx.episodes.end(kinds, quiet_since, now)


def _kinds_of(result: PassResult) -> set[GapKind]:
    """Its own, and every integration's."""
    own = {result.kind, *CLOSES_WITH.get(result.kind, ())} if result.kind else set()
    return own | {kind for kind in GapKind if kind.is_integration}


def deliver(services: Services) -> None:
    """Tell what is untold. What the sink does not take stays where it is, for the next pass of anybody."""
    if services.reporter is None:
        return
    with services.store.writing() as tx:
        untold = list(tx.episodes.claim_untold(TELLING))
    kept = []
    while untold and not services.stopping():
        one = untold.pop(0)
        told = services.reporter.tell(one)
        if told is Told.ACCEPTED:
            with services.store.writing() as tx:
                tx.episodes.told(one, services.clock.now())
            continue
        kept.append(one)
        if told is Told.UNREACHABLE:
            break
    with services.store.writing() as tx:
        for one in (*kept, *untold):
            tx.episodes.kept(one)
