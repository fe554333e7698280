"""Episodes: what is said when, from the first gap of a kind and cause until there has been none for a while.

One function decides, from what was said and what is there now; whoever calls it twice, late, or not at all for hours
says nothing twice and leaves nothing out.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from reconciler.domain.alerting.alerts import MOST_REFERENCES, Group, Level, Report, Subject, What, remedy_of

TIMES_WORSE = 10
"""So many times the number last told is news."""
SENTRY = "sentry"
"""The route of every event; an on-call route bears the name of its variable, which is in capitals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """When what is still there is said again; each a key of ``reporting``."""

    deadline: timedelta
    page_after: timedelta
    remind_every: timedelta
    settled_after: timedelta
    fallback_after: timedelta
    """Sentry has not taken it for so long: the on-call routes get it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """Its state between two judgements."""

    id: str
    subject: Subject
    opened_at: datetime
    newest_at: datetime
    """When a gap of it was last there."""
    found: int
    """Gaps since it began; one that comes again is counted again."""
    at_error: bool = False
    """Whether anything was said at *error* or above."""
    told_found: int = 0
    told_at: datetime | None = None
    """What was found when anything was last said, and when that was."""
    deadline_at: datetime | None = None
    paged_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """What is there of an episode's gaps now."""

    found: int = 0
    """How many nobody had noted before."""
    since: datetime | None = None
    """When the oldest of these, and of the open ones, was opened."""
    open: int = 0
    open_since: datetime | None = None
    """When the oldest open one was."""


NOTHING = Present()


def begun(id_: str, subject: Subject, present: Present, now: datetime) -> Episode:
    """An episode of which nothing was said yet."""
    return Episode(id=id_, subject=subject, opened_at=now, newest_at=now, found=max(present.found, present.open))


def judged(episode: Episode, present: Present, deadlines: Deadlines, now: datetime) -> tuple[Episode, tuple[What, ...]]:
    """What is to be said now, in this order, and the episode once it is.

    One that is at its end stays so: what is there now belongs to the next.
    """
    if (present.since or now) - episode.newest_at >= deadlines.settled_after:
        return replace(episode, ended_at=now), (What.END,)
    there = bool(present.found or present.open)
    episode = replace(episode, found=episode.found + present.found, newest_at=now if there else episode.newest_at)
    return said(episode, present, deadlines, now)


def said(episode: Episode, present: Present, deadlines: Deadlines, now: datetime) -> tuple[Episode, tuple[What, ...]]:
    """The same of one whose numbers are the present ones."""
    what = _to_the_issue(episode, present, deadlines, now)
    page = _pages(episode, present, deadlines, now)
    # A page tells more people than a reminder would.
    due = (*([what] if what and not (page and what is What.REMINDER) else []), *([What.PAGE] if page else []))
    return _after(episode, due, present, now), due


def _to_the_issue(episode: Episode, present: Present, deadlines: Deadlines, now: datetime) -> What | None:
    """One at most: each tells the numbers, so that none is left for the next."""
    if episode.told_at is None:
        return What.OPENED
    if present.open and episode.deadline_at is None and _age(episode, present, now) >= deadlines.deadline:
        return What.DEADLINE
    if episode.found >= TIMES_WORSE * episode.told_found:
        return What.WORSE
    if present.open and episode.at_error and now - episode.told_at >= deadlines.remind_every:
        return What.REMINDER
    return None


def _pages(episode: Episode, present: Present, deadlines: Deadlines, now: datetime) -> bool:
    may = episode.subject.cause.is_systemic and episode.paged_at is None
    return may and bool(present.open) and _age(episode, present, now) >= deadlines.page_after


def _age(episode: Episode, present: Present, now: datetime) -> timedelta:
    """Of the oldest open gap. One that was there before, for another cause, is as old as this episode."""
    return now - max(present.open_since or now, episode.opened_at)


def _after(episode: Episode, due: Sequence[What], present: Present, now: datetime) -> Episode:
    if not due:
        return episode
    return replace(
        episode,
        at_error=episode.at_error or any(level_of(what, present) in (Level.ERROR, Level.FATAL) for what in due),
        told_found=episode.found,
        told_at=now,
        deadline_at=now if What.DEADLINE in due else episode.deadline_at,
        paged_at=now if What.PAGE in due else episode.paged_at,
    )


def level_of(what: What, present: Present) -> Level:
    match what:
        case What.OPENED | What.WORSE:
            return Level.ERROR if present.open else Level.WARNING
        case What.DEADLINE | What.REMINDER:
            return Level.ERROR
        case What.PAGE:
            return Level.FATAL
        case What.END:
            return Level.INFO


def routes_of(what: What, oncall: Collection[str], heard: Collection[str], *, resolves: bool) -> frozenset[str]:
    """Who is told. ``heard``: the on-call routes that were told anything of this episode.

    An end is no event, which would open a resolved issue again; at Sentry it can only resolve (``resolves``).
    """
    match what:
        case What.PAGE:
            return frozenset({SENTRY, *oncall})
        case What.END:
            return frozenset({*([SENTRY] if resolves else []), *(set(oncall) & set(heard))})
        case _:
            return frozenset({SENTRY})


def report_of(
    what: What,
    episode: Episode,
    id_: str,
    present: Present,
    groups: Sequence[Group] = (),
    repaired: int = 0,
    events: Sequence[str] = (),
) -> Report:
    """What is said of an episode. ``groups``: its gaps, those that tell the most first; at its end ``events``."""
    subject, first = episode.subject, next(iter(groups), None)
    remedy = first.remedy if first else ""
    return Report(
        id=id_,
        kind=subject.kind,
        cause=subject.cause,
        level=level_of(what, present),
        what=what,
        episode=episode.id,
        found=episode.found,
        repaired=repaired,
        open=present.open,
        oldest_at=min((group.since for group in groups), default=episode.opened_at),
        references=tuple(dict.fromkeys(name for group in groups for name in group.references))[:MOST_REFERENCES],
        code=first.code if first else "",
        seen=first.seen if first else "",
        remedy=remedy or remedy_of(subject.kind, subject.cause),
        sql=first.sql if first else "",
        events=tuple(events),
    )
