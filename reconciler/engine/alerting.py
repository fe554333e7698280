"""The last step of a pass: episodes are judged, what is due is written down, and what is written is told.

Every pass judges all episodes that go on, also those of kinds it did not look at: a deadline comes although its own
job is late, or off.
"""

import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.domain.alerting.alerts import Group, Report, Subject, Told, What
from reconciler.domain.alerting.incidents import (
    NOTHING,
    SENTRY,
    Episode,
    Present,
    begun,
    judged,
    report_of,
    routes_of,
    said,
)
from reconciler.domain.gaps import CLOSES_WITH, GapKind
from reconciler.engine.reconcile.results import PassResult
from reconciler.errors import DatabaseUnreachable
from reconciler.ports import Services, Transaction

TELLING = timedelta(minutes=2)
"""How long one process may take to tell what it has claimed; after that another may."""


def report(results: Sequence[PassResult], services: Services) -> None:
    """Write down what is due by now, and tell what nobody was told yet.

    A found gap is told even if it was mended at once: the application's own path is broken.
    """
    acted = [result for result in results if result.began_at is not None]
    if not acted:
        return
    # Whatever is in the way of judging is not in the way of what was written before.
    # Nothing is lost either way: a gap says by itself whether it was noted, and the next pass judges again.
    with suppress(DatabaseUnreachable):
        for one in _judge({kind for result in acted for kind in _kinds_of(result)}, services):
            services.announce(one)
    with suppress(DatabaseUnreachable):
        deliver(services)


def _kinds_of(result: PassResult) -> set[GapKind]:
    """Its own, and every integration's. A gap of another kind may be mended yet by the pass that found it."""
    own = {result.kind, *CLOSES_WITH.get(result.kind, ())} if result.kind else set()
    return own | {kind for kind in GapKind if kind.is_integration}


def _judge(noting: Collection[GapKind], services: Services) -> Sequence[Report]:
    """What was written to be told."""
    now = services.clock.now()
    with services.store.writing() as tx:
        tx.episodes.alone()
        groups: dict[Subject, list[Group]] = defaultdict(list)
        noted = tx.episodes.note(noting, now)
        for group in (*tx.episodes.open(), *noted):  # what is open tells more than what is mended
            groups[group.subject].append(group)
        new = {group.subject: group.found for group in noted}
        judgement = _Judgement(tx, services, now)
        for episode in tx.episodes.going_on():
            there = groups.pop(episode.subject, [])
            if judgement.goes_on(episode, there, _present(there, new.get(episode.subject, 0))):
                continue
            groups[episode.subject] = there
        for subject, there in groups.items():
            if there:
                judgement.begins(subject, there, _present(there, new.get(subject, 0)))
    return judgement.written


def _present(groups: Sequence[Group], found: int) -> Present:
    open_ones = [group for group in groups if group.open]
    return Present(
        found=found,
        since=min((group.since for group in groups), default=None),
        # The first group is of all that is open, where anything is; one of what is noted just now is among it.
        open=open_ones[0].open if open_ones else 0,
        open_since=open_ones[0].since if open_ones else None,
    )


@dataclass(slots=True)
class _Judgement:
    """One look at all episodes, in one transaction."""

    tx: Transaction
    services: Services
    now: datetime
    written: list[Report] = field(default_factory=list)

    def begins(self, subject: Subject, groups: Sequence[Group], present: Present) -> None:
        fresh = begun(str(uuid.uuid4()), subject, present, self.now)
        episode, due = said(fresh, present, self.services.deadlines, self.now)
        self.tx.episodes.begin(episode)
        self._write(episode, due, groups, present)

    def goes_on(self, before: Episode, groups: Sequence[Group], present: Present) -> bool:
        """Whether what is there belongs to it; if not, it is at its end."""
        episode, due = judged(before, present, self.services.deadlines, self.now)
        if episode != before:
            self.tx.episodes.save(episode)
        if episode.ended_at is None:
            self._write(episode, due, groups, present)
            return True
        self._write(episode, due, [], NOTHING)
        return False

    def _write(self, episode: Episode, due: Sequence[What], groups: Sequence[Group], present: Present) -> None:
        repaired = self.tx.episodes.repaired(episode) if due else 0
        for what in due:
            events = self.tx.outbox.events(episode) if what is What.END else ()
            one = report_of(what, episode, uuid.uuid4().hex, present, groups, repaired, events)
            self.tx.outbox.put(one, self._routes(one), self.now)
            self.written.append(one)

    def _routes(self, one: Report) -> Collection[str]:
        oncall = [route.name for route in self.services.oncall]
        heard = self.tx.outbox.heard(one.episode) if one.what is What.END else ()
        resolves = self.services.reporter is not None and self.services.reporter.resolves
        return routes_of(one.what, oncall, heard, resolves=resolves)


def deliver(services: Services) -> None:
    """Tell what is untold, each route by itself. What it does not take stays, for the next pass of anybody."""
    if services.reporter is not None:
        _deliver(SENTRY, services.reporter.tell, services, patience=1)
    if services.oncall:
        now = services.clock.now()
        with services.store.writing() as tx:
            names = [route.name for route in services.oncall]
            tx.outbox.fall_back(names, now - services.deadlines.fallback_after, now)
    for route in services.oncall:
        _deliver(route.name, route.tell, services, patience=2)


def _deliver(route: str, tell: Callable[[Report], Told], services: Services, *, patience: int) -> None:
    """``patience``: after so many failures in a row the route is away; one alone may be about that report."""
    tried: list[str] = []
    failed = 0
    while failed < patience and not services.stopping():
        with services.store.writing() as tx:
            one = tx.outbox.claim(route, TELLING, tried)
        if one is None:
            return
        tried.append(one.id)
        told = tell(one)
        failed = failed + 1 if told is Told.UNREACHABLE else 0
        with services.store.writing() as tx:
            if told is Told.ACCEPTED:
                tx.outbox.told(one, route, services.clock.now())
            else:
                tx.outbox.kept(one, route)
