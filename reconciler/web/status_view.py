"""What the page shows: the ledger's facts and the schedule, in the order an on-call person needs them.

First whether anything is wrong and what to do, then the details.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from reconciler.domain.alerting.alerts import remedy_of
from reconciler.domain.decide.verdicts import BY_APPROVAL, LABELS
from reconciler.domain.explain.coverage import coverage_line
from reconciler.domain.explain.wording import FOR_A_PERSON, WOULD_CHANGE
from reconciler.domain.formatting import ago
from reconciler.domain.gaps import INTEGRATIONS, Cause, GapKind
from reconciler.domain.intents import State
from reconciler.errors import Exit
from reconciler.service.lateness import late, next_time
from reconciler.service.scans import unknown_in_force
from reconciler.settings.model.cron_file import CronFile
from reconciler.settings.model.jobs import Job
from reconciler.store.views.dashboard import DashboardSnapshot, FaultRow, OpenGapGroup
from reconciler.store.views.status import GapState, LastRun
from reconciler.web.health_mark import Mark
from reconciler.web.integration_view import IntegrationView, integration_view, is_shown, name_of

STATE_WORDS = {GapState.NEEDS_HUMAN: "needs human", GapState.REPAIRABLE: "repairable", GapState.HELD: "held"}
SHOWN_COUNTS = {"repaired": "repaired", "left": "left", "needs_human": "needs human"}
"""Counts of a run that the page shows -> their label."""


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
    states: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionItem:
    """One thing for a person to do: the problem and its remedy."""

    mark: Mark
    title: str
    says: str
    remedy: str
    group: OpenGapGroup | None = None
    """The gaps whose bookings the page names."""
    fault: FaultRow | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusView:
    snapshot: DashboardSnapshot
    mark: Mark
    headline: str
    below: str
    actions: Sequence[ActionItem]
    integrations: Sequence[IntegrationView]
    gaps: Sequence[GapRow]
    unknown: Mapping[GapKind, str]
    """Rules whose number of gaps is unknown, and why."""
    jobs: Sequence[JobRow]

    @property
    def coverage(self) -> str:
        """The last coverage in words; '' before the first count."""
        counted = self.snapshot.together.coverage
        return coverage_line(counted.of, counted.share, counted.usual) if counted else ""

    @property
    def number(self) -> int:
        """Number of open gaps of bookings."""
        return _number(self.snapshot)


def status_view(snapshot: DashboardSnapshot, file: CronFile, now: datetime, *, answers: bool = True) -> StatusView:
    """The page at ``now``. ``answers``: the database does, so the snapshot is fresh."""
    finished = {name: ended.at for name, ended in snapshot.ended.items()}
    behind = {one.job for one in late(file, finished, now)}
    jobs = [_job(name, job, snapshot, behind, now, file.timezone) for name, job in sorted(file.running().items())]
    integrations = [
        integration_view(kind, snapshot, file, behind, now, answers=answers)
        for kind in INTEGRATIONS
        if is_shown(kind, snapshot, file)
    ]
    actions = [*_broken_actions(snapshot), *_late_actions(jobs), *_needs_human_actions(snapshot, file.timezone)]
    unknown = unknown_in_force(file, snapshot.unknown)
    mark = _mark(snapshot, jobs, actions, unknown)
    headline, below = _headline(mark, snapshot, actions, unknown if any(row.run for row in jobs) else {})
    return StatusView(
        snapshot=snapshot,
        mark=mark,
        headline=headline,
        below=below,
        actions=actions,
        integrations=integrations,
        gaps=list(_gaps(snapshot)),
        unknown=unknown,
        jobs=jobs,
    )


def reason_text(group: OpenGapGroup) -> str:
    """Why these gaps are open, in a few words."""
    if group.is_aggregate:
        return group.gaps.seen
    return LABELS.get(group.gaps.reason, group.gaps.reason) or "the next pass repairs it"


def needs_human(group: OpenGapGroup) -> bool:
    """Whether nothing proceeds without a person; gaps that the breaker holds also need approval."""
    return group.gaps.state is GapState.NEEDS_HUMAN or group.gaps.reason in BY_APPROVAL


def _mark(
    snapshot: DashboardSnapshot, jobs: Sequence[JobRow], actions: Sequence[ActionItem], unknown: Mapping[GapKind, str]
) -> Mark:
    if any(action.mark is Mark.BROKEN for action in actions):
        return Mark.BROKEN
    if snapshot.together.open_backlog:  # it stands first, also before the first pass
        return Mark.YOURS
    if not any(row.run for row in jobs):
        return Mark.UNKNOWN
    if actions:
        return Mark.YOURS
    if unknown:
        return Mark.UNKNOWN
    return Mark.WORKING if snapshot.groups or snapshot.unsettled else Mark.WELL


def _headline(
    mark: Mark, snapshot: DashboardSnapshot, actions: Sequence[ActionItem], unknown: Mapping[GapKind, str]
) -> tuple[str, str]:
    number = _number(snapshot)
    yours = sum(group.gaps.number for group in snapshot.groups if needs_human(group) and not group.is_aggregate)
    broken = [action for action in actions if action.mark is Mark.BROKEN]
    none = "Whether a gap is open is unknown" if unknown else "No gap is open"
    open_ = f"{_counted(number, 'gap')} open" if number else none
    match mark:
        case Mark.BROKEN:
            first = broken[0].title if len(broken) == 1 else f"{len(broken)} things are broken"
            return first, f"{open_}{f', {yours:,} of which need a human' if yours else ''}."
        case Mark.UNKNOWN if unknown:
            said = "; ".join(f"{kind}: {why}" for kind, why in unknown.items())
            return "What is missing is unknown", f"{said}. The next run tries again; its log says why one failed."
        case Mark.UNKNOWN:
            return "No job has run yet", "Once `reconciler run` is running, this page shows what it finds."
        case Mark.YOURS:
            if snapshot.together.open_backlog:
                return actions[0].title, f"{open_}{f', {yours:,} of which need a human' if yours else ''}."
            rest = f"{number - yours:,} more, which need no action." if number > yours else ""
            if not yours:
                return actions[0].title, rest
            return f"{_counted(yours, 'gap')} {'needs' if yours == 1 else 'need'} a human", rest
        case Mark.WORKING:
            return "Repairs in progress", f"{open_}, none of which needs you."
        case _:
            return "All is well", "Every booking that was checked has the text and the event it should have."


def _number(snapshot: DashboardSnapshot) -> int:
    return sum(group.gaps.number for group in snapshot.groups if not group.is_aggregate)


def _gaps(snapshot: DashboardSnapshot) -> Iterator[GapRow]:
    of_one: dict[tuple[GapKind, Cause], list[OpenGapGroup]] = {}
    for group in snapshot.groups:
        of_one.setdefault((group.gaps.kind, group.gaps.cause), []).append(group)
    for (kind, cause), groups in of_one.items():
        by_state: Counter[GapState] = Counter()
        for group in groups:
            by_state[group.gaps.state] += group.gaps.number
        yield GapRow(
            kind=kind,
            cause=cause,
            number=by_state.total(),
            oldest=min(group.gaps.oldest for group in groups),
            states=", ".join(f"{by_state[state]:,} {said}" for state, said in STATE_WORDS.items() if by_state[state]),
        )


def _broken_actions(snapshot: DashboardSnapshot) -> Iterator[ActionItem]:
    for fault in snapshot.faults:
        broken = f"{name_of(fault.kind)}: {fault.code.replace('_', ' ')}"
        yield ActionItem(mark=Mark.BROKEN, title=broken, says=fault.seen, remedy=fault.remedy, fault=fault)


def _late_actions(jobs: Sequence[JobRow]) -> Iterator[ActionItem]:
    behind = [row for row in jobs if row.late]
    if behind and any(row.run for row in jobs):
        said = ", ".join(f"{row.name} ({row.when})" for row in behind)
        yield ActionItem(
            mark=Mark.BROKEN,
            title="The service is late",
            says=said,
            remedy="check that `reconciler run` is running and reaches the database; its log says why a run failed",
        )


def _needs_human_actions(snapshot: DashboardSnapshot, zone: ZoneInfo) -> Iterator[ActionItem]:
    backlog = snapshot.together.open_backlog
    if backlog:
        age = f"counted {ago(snapshot.at - backlog.at)} ago" if backlog.at else ""
        remedy = remedy_of(GapKind.BACKLOG, Cause.BEFORE_INSTALLATION)
        yield ActionItem(mark=Mark.YOURS, title=f"Backlog {backlog.says(zone)}", says=age, remedy=remedy)
    waiting = sum(number for (_, state), number in snapshot.unsettled.items() if state == State.NEEDS_HUMAN)
    if waiting:
        said = f"{_counted(waiting, 'repair')}: only a person can find out the outcome"
        remedy = "`reconciler resolve` lists them and says how to continue"
        yield ActionItem(mark=Mark.YOURS, title="Repairs to resolve", says=said, remedy=remedy)
    for group in sorted(snapshot.groups, key=lambda group: (-group.gaps.number, group.gaps.oldest)):
        if group.is_aggregate:
            # The count itself says more than its gap, which is as old as the last count that opened it.
            if group.gaps.kind != GapKind.BACKLOG:
                yield ActionItem(
                    mark=Mark.YOURS,
                    title=reason_text(group),
                    says=f"{group.gaps.kind}",
                    remedy=remedy_of(group.gaps.kind, group.gaps.cause),
                    group=group,
                )
        elif needs_human(group):
            named = {**WOULD_CHANGE, **FOR_A_PERSON}
            remedy = named.get(group.gaps.reason) or remedy_of(
                group.gaps.kind, group.gaps.cause, group.gaps.number, group.gaps.reason
            )
            said = f"{group.gaps.kind}, {_counted(group.gaps.number, 'gap')}"
            yield ActionItem(mark=Mark.YOURS, title=reason_text(group), says=said, remedy=remedy, group=group)


def _job(
    name: str, job: Job, snapshot: DashboardSnapshot, behind: Collection[str], now: datetime, zone: ZoneInfo
) -> JobRow:
    run = snapshot.runs.get(name)
    return JobRow(
        name=name,
        when=job.when,
        run=run,
        says=_result(run) if run else "",
        next_at=next_time(job, run.started_at if run else None, now, zone),
        late=name in behind,
    )


def _result(run: LastRun) -> str:
    if run.result is None:
        return "running, or died"
    numbers = ", ".join(f"{run.counts[name]:,} {said}" for name, said in SHOWN_COUNTS.items() if run.counts.get(name))
    # The number of those that need a human says this result already.
    if run.result == Exit.NEEDS_A_HUMAN.name.lower() and run.counts.get("needs_human"):
        return numbers
    return f"{run.result.replace('_', ' ')}{f': {numbers}' if numbers else ''}"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
