"""What stands on the page: the ledger's facts and the schedule, in the order in which a woken person asks for them.

Is anything wrong, what do I do; then what is behind it.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from reconciler.domain.alerting.alerts import remedy_of
from reconciler.domain.decide.verdicts import LABELS, Hold
from reconciler.domain.explain.wording import FOR_A_PERSON, WOULD_CHANGE
from reconciler.domain.gaps import INTEGRATIONS, Cause, GapKind
from reconciler.domain.intents import State
from reconciler.service.lateness import late, next_time
from reconciler.settings.file.model import CronFile, Job
from reconciler.store.views.dashboard import DashboardSnapshot, FaultRow, OpenGapGroup
from reconciler.store.views.status import GapState, LastRun
from reconciler.web.health_mark import Mark
from reconciler.web.integration_view import IntegrationView, integration_view, name_of

TURNS = {GapState.REFUSED: "for a person", GapState.REPAIRABLE: "for the next pass", GapState.WAITING: "waiting"}
COUNTED = {"repaired": "repaired", "left": "left", "needs_human": "for a person"}
"""Counts of a run that the page shows, and what it calls them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    name: str
    when: str
    run: LastRun | None
    says: str
    next_at: datetime
    late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GapRow:
    """Open gaps of one kind and cause."""

    kind: GapKind
    cause: Cause
    number: int
    oldest: datetime
    turns: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Todo:
    """One thing a person can do: what is the case, and what helps."""

    mark: Mark
    title: str
    says: str
    remedy: str
    group: OpenGapGroup | None = None
    """Whose bookings are named."""
    fault: FaultRow | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusView:
    snapshot: DashboardSnapshot
    mark: Mark
    headline: str
    below: str
    todos: Sequence[Todo]
    integrations: Sequence[IntegrationView]
    gaps: Sequence[GapRow]
    jobs: Sequence[JobRow]

    @property
    def number(self) -> int:
        """Of open gaps."""
        return sum(group.gaps.number for group in self.snapshot.groups)


def status_view(snapshot: DashboardSnapshot, file: CronFile, now: datetime, *, answers: bool = True) -> StatusView:
    """What follows from the snapshot ``now``; ``answers``: the database does, and the snapshot is a new one."""
    finished = {name: ended.at for name, ended in snapshot.ended.items()}
    behind = {one.job for one in late(file, finished, now)}
    jobs = [_job(name, job, snapshot, behind, now, file.timezone) for name, job in sorted(file.running().items())]
    lights = [integration_view(kind, snapshot, file, behind, now, answers=answers) for kind in INTEGRATIONS]
    todos = [*_broken(snapshot), *_schedule(jobs), *_yours(snapshot)]
    mark = _mark(snapshot, jobs, todos)
    headline, below = _headline(mark, snapshot, todos)
    return StatusView(
        snapshot=snapshot,
        mark=mark,
        headline=headline,
        below=below,
        todos=todos,
        integrations=lights,
        gaps=list(_gaps(snapshot)),
        jobs=jobs,
    )


def why(group: OpenGapGroup) -> str:
    """Why these gaps are open, in a few words."""
    return LABELS.get(group.gaps.reason, group.gaps.reason) or "the next pass mends it"


def is_yours(group: OpenGapGroup) -> bool:
    """Whether nothing moves without a person; the breaker's refusal too waits for somebody's word."""
    return group.gaps.state is GapState.REFUSED or group.gaps.reason == Hold.BREAKER


def _mark(snapshot: DashboardSnapshot, jobs: Sequence[JobRow], todos: Sequence[Todo]) -> Mark:
    if any(todo.mark is Mark.BROKEN for todo in todos):
        return Mark.BROKEN
    if not any(row.run for row in jobs):
        return Mark.UNKNOWN
    if todos:
        return Mark.YOURS
    return Mark.WORKING if snapshot.groups or snapshot.unsettled else Mark.WELL


def _headline(mark: Mark, snapshot: DashboardSnapshot, todos: Sequence[Todo]) -> tuple[str, str]:
    number = sum(group.gaps.number for group in snapshot.groups)
    yours = sum(group.gaps.number for group in snapshot.groups if is_yours(group))
    broken = [todo for todo in todos if todo.mark is Mark.BROKEN]
    open_ = f"{_counted(number, 'gap')} open" if number else "No gap is open"
    match mark:
        case Mark.BROKEN:
            first = broken[0].title if len(broken) == 1 else f"{len(broken)} things are broken"
            return first, f"{open_}{f', {yours:,} of them for a person' if yours else ''}."
        case Mark.UNKNOWN:
            return "Nothing has looked yet", "Once `reconciler run` runs, this page shows what it finds."
        case Mark.YOURS:
            rest = f"{number - yours:,} more, and nobody is needed for them." if number > yours else ""
            return (f"{_counted(yours, 'gap')} for a person" if yours else "A person's word is needed"), rest
        case Mark.WORKING:
            return "Being mended", f"{open_}, and none of them needs you."
        case _:
            return "All is well", "Every booking that was looked at has the text and the event it should have."


def _gaps(snapshot: DashboardSnapshot) -> Iterator[GapRow]:
    of_one: dict[tuple[GapKind, Cause], list[OpenGapGroup]] = {}
    for group in snapshot.groups:
        of_one.setdefault((group.gaps.kind, group.gaps.cause), []).append(group)
    for (kind, cause), groups in of_one.items():
        whose: Counter[GapState] = Counter()
        for group in groups:
            whose[group.gaps.state] += group.gaps.number
        yield GapRow(
            kind=kind,
            cause=cause,
            number=whose.total(),
            oldest=min(group.gaps.oldest for group in groups),
            turns=", ".join(f"{whose[turn]:,} {said}" for turn, said in TURNS.items() if whose[turn]),
        )


def _broken(snapshot: DashboardSnapshot) -> Iterator[Todo]:
    for fault in snapshot.faults:
        broken = f"{name_of(fault.kind)}: {fault.code.replace('_', ' ')}"
        yield Todo(mark=Mark.BROKEN, title=broken, says=fault.seen, remedy=fault.remedy, fault=fault)


def _schedule(jobs: Sequence[JobRow]) -> Iterator[Todo]:
    behind = [row for row in jobs if row.late]
    if behind and any(row.run for row in jobs):
        said = ", ".join(f"{row.name} ({row.when})" for row in behind)
        yield Todo(
            mark=Mark.BROKEN,
            title="The service is late",
            says=said,
            remedy="see that `reconciler run` is running and reaches the database; its log says why a run failed",
        )


def _yours(snapshot: DashboardSnapshot) -> Iterator[Todo]:
    waiting = sum(number for (_, state), number in snapshot.unsettled.items() if state == State.NEEDS_HUMAN)
    if waiting:
        said = f"{_counted(waiting, 'repair')}: only a person can find out what became of it"
        remedy = "`reconciler resolve` lists them and says how to go on"
        yield Todo(mark=Mark.YOURS, title="A person's word is needed", says=said, remedy=remedy)
    for group in sorted(snapshot.groups, key=lambda group: (-group.gaps.number, group.gaps.oldest)):
        if is_yours(group):
            named = {**WOULD_CHANGE, **FOR_A_PERSON}
            remedy = named.get(group.gaps.reason) or remedy_of(group.gaps.kind, group.gaps.cause)
            said = f"{group.gaps.kind}, {_counted(group.gaps.number, 'gap')}"
            yield Todo(mark=Mark.YOURS, title=why(group), says=said, remedy=remedy, group=group)


def _job(
    name: str, job: Job, snapshot: DashboardSnapshot, behind: Collection[str], now: datetime, zone: ZoneInfo
) -> JobRow:
    run = snapshot.runs.get(name)
    return JobRow(
        name=name,
        when=job.when,
        run=run,
        says=_said(run) if run else "",
        next_at=next_time(job, run.started_at if run else None, now, zone),
        late=name in behind,
    )


def _said(run: LastRun) -> str:
    if run.result is None:
        return "is running, or died"
    numbers = ", ".join(f"{run.counts[name]:,} {said}" for name, said in COUNTED.items() if run.counts.get(name))
    return f"{run.result.replace('_', ' ')}{f': {numbers}' if numbers else ''}"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
