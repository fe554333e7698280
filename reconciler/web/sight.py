"""What stands on the page: the ledger's facts and the schedule, in the order in which a woken person asks for them.

Is anything wrong, what do I do; then what is behind it.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reconciler.domain.advice import WOULD_CHANGE
from reconciler.domain.durations import ago
from reconciler.domain.gaps import Cause, GapKind
from reconciler.domain.intents import State
from reconciler.domain.policies import Deliver, Policy
from reconciler.domain.verdicts import LABELS, Hold
from reconciler.service.lateness import late, next_time
from reconciler.settings.model import CronFile, Job
from reconciler.store.glance import Fault, Glance, Group
from reconciler.store.overview import LastRun, Turn

NAMES = {
    GapKind.INTEGRATION_DATABASE: "Database",
    GapKind.INTEGRATION_SCHEMA: "The application's tables",
    GapKind.INTEGRATION_TWILIO: "Twilio",
    GapKind.INTEGRATION_GOOGLE: "Google Calendar",
    GapKind.INTEGRATION_SCHEDULER: "Schedule",
}
LOOKED_AT_BY = {
    GapKind.INTEGRATION_SCHEMA: ("integrations", "missing_sms", "missing_events", "sms_delivery"),
    GapKind.INTEGRATION_TWILIO: ("integrations", "missing_sms"),
    GapKind.INTEGRATION_GOOGLE: ("integrations", "missing_events"),
}
"""Which jobs would have found it broken; for one that is not named, the first."""
TURNS = {Turn.REFUSED: "for a person", Turn.REPAIRABLE: "for the next pass", Turn.WAITING: "waiting"}
COUNTED = ("repaired", "left", "told")


class Mark(StrEnum):
    """How it is. The page gives each a word, a shape and a colour."""

    BROKEN = "broken"
    YOURS = "yours"
    WORKING = "working"
    WELL = "well"
    UNKNOWN = "unknown"
    OFF = "off"


WORDS = {Mark.YOURS: "your turn", Mark.WORKING: "nothing to do", Mark.UNKNOWN: "not known"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """One integration."""

    name: str
    mark: Mark
    says: str
    faults: Sequence[Fault] = ()


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
    group: Group | None = None
    """Whose bookings are named."""
    fault: Fault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    glance: Glance
    mark: Mark
    headline: str
    below: str
    todos: Sequence[Todo]
    lights: Sequence[Light]
    gaps: Sequence[GapRow]
    jobs: Sequence[JobRow]

    @property
    def number(self) -> int:
        """Of open gaps."""
        return sum(group.gaps.number for group in self.glance.groups)


def sight(glance: Glance, file: CronFile, now: datetime, *, answers: bool = True) -> Sight:
    """What follows from the glance ``now``; ``answers``: the database does, and the glance is a new one."""
    jobs = [_job(name, job, glance, file, now) for name, job in sorted(file.running().items())]
    lights = [_light(kind, glance, file, now, answers=answers) for kind in GapKind if kind.is_integration]
    todos = [*_broken(glance), *_schedule(jobs), *_yours(glance)]
    mark = _mark(glance, jobs, todos)
    headline, below = _headline(mark, glance, todos)
    return Sight(
        glance=glance,
        mark=mark,
        headline=headline,
        below=below,
        todos=todos,
        lights=lights,
        gaps=list(_gaps(glance)),
        jobs=jobs,
    )


def why(group: Group) -> str:
    """Why these gaps are open, in a few words."""
    return LABELS.get(group.gaps.reason, group.gaps.reason) or "the next pass mends it"


def is_yours(group: Group) -> bool:
    """Whether nothing moves without a person; the breaker's refusal too waits for somebody's word."""
    return group.gaps.turn is Turn.REFUSED or group.gaps.reason == Hold.BREAKER


def _mark(glance: Glance, jobs: Sequence[JobRow], todos: Sequence[Todo]) -> Mark:
    if any(todo.mark is Mark.BROKEN for todo in todos):
        return Mark.BROKEN
    if not any(row.run for row in jobs):
        return Mark.UNKNOWN
    if todos:
        return Mark.YOURS
    return Mark.WORKING if glance.groups or glance.unsettled else Mark.WELL


def _headline(mark: Mark, glance: Glance, todos: Sequence[Todo]) -> tuple[str, str]:
    number = sum(group.gaps.number for group in glance.groups)
    yours = sum(group.gaps.number for group in glance.groups if is_yours(group))
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


def _gaps(glance: Glance) -> Iterator[GapRow]:
    of_one: dict[tuple[GapKind, Cause], list[Group]] = {}
    for group in glance.groups:
        of_one.setdefault((group.gaps.kind, group.gaps.cause), []).append(group)
    for (kind, cause), groups in of_one.items():
        whose: Counter[Turn] = Counter()
        for group in groups:
            whose[group.gaps.turn] += group.gaps.number
        yield GapRow(
            kind=kind,
            cause=cause,
            number=whose.total(),
            oldest=min(group.gaps.oldest for group in groups),
            turns=", ".join(f"{whose[turn]:,} {said}" for turn, said in TURNS.items() if whose[turn]),
        )


def _broken(glance: Glance) -> Iterator[Todo]:
    for fault in glance.faults:
        broken = f"{_name(fault.kind)}: {fault.code.replace('_', ' ')}"
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


def _yours(glance: Glance) -> Iterator[Todo]:
    waiting = sum(number for (_, state), number in glance.unsettled.items() if state == State.NEEDS_HUMAN)
    if waiting:
        said = f"{_counted(waiting, 'repair')}: only a person can find out what became of it"
        remedy = "`reconciler resolve` lists them and says how to go on"
        yield Todo(mark=Mark.YOURS, title="A person's word is needed", says=said, remedy=remedy)
    for group in sorted(glance.groups, key=lambda group: (-group.gaps.number, group.gaps.oldest)):
        if is_yours(group):
            remedy = WOULD_CHANGE.get(group.gaps.reason, "`reconciler explain` says what stands in the way")
            said = f"{group.gaps.kind}, {_counted(group.gaps.number, 'gap')}"
            yield Todo(mark=Mark.YOURS, title=why(group), says=said, remedy=remedy, group=group)


def _light(kind: GapKind, glance: Glance, file: CronFile, now: datetime, *, answers: bool) -> Light:
    faults = tuple(fault for fault in glance.faults if fault.kind is kind)
    name = _name(kind)
    if faults:
        since = min(fault.since for fault in faults)
        return Light(name=name, mark=Mark.BROKEN, says=f"broken for {ago(now - since)}", faults=faults)
    if kind is GapKind.INTEGRATION_DATABASE:
        if not answers:
            return Light(name=name, mark=Mark.BROKEN, says="does not answer as it should")
        return Light(name=name, mark=Mark.WELL, says="well: it has just answered")
    if kind is GapKind.INTEGRATION_SCHEDULER:
        return _schedule_light(name, _late(glance, file, now), glance)
    if not _wanted(kind, file):
        return Light(name=name, mark=Mark.OFF, says="not needed: cron.yaml repairs nothing through it")
    lookers = LOOKED_AT_BY.get(kind, ("integrations",))
    seen = [(glance.ended[job].at, job) for job in lookers if job in glance.ended]
    if not seen:
        return Light(name=name, mark=Mark.UNKNOWN, says="not looked at yet")
    at, job = max(seen)
    if job in _late(glance, file, now):
        return Light(name=name, mark=Mark.UNKNOWN, says=f"was well {ago(now - at)} ago, not looked at since")
    return Light(name=name, mark=Mark.WELL, says=f"well {ago(now - at)} ago")


def _schedule_light(name: str, behind: set[str], glance: Glance) -> Light:
    if not glance.runs:
        return Light(name=name, mark=Mark.UNKNOWN, says="no job has run yet")
    if behind:
        return Light(name=name, mark=Mark.BROKEN, says=f"late: {', '.join(sorted(behind))}")
    return Light(name=name, mark=Mark.WELL, says="well: every job ran when it should")


def _wanted(kind: GapKind, file: CronFile) -> bool:
    """Whether anything would be done through it."""
    texts, events = file.rules.sms_missing, file.rules.calendar_missing
    repairs = file.repairs is Policy.REPAIR
    sends = texts.policy is Policy.REPAIR and texts.deliver is Deliver.RECONCILER
    wanted = {
        GapKind.INTEGRATION_TWILIO: repairs and sends,
        GapKind.INTEGRATION_GOOGLE: repairs and events.policy is Policy.REPAIR,
    }
    return wanted.get(kind, True)


def _job(name: str, job: Job, glance: Glance, file: CronFile, now: datetime) -> JobRow:
    run = glance.runs.get(name)
    return JobRow(
        name=name,
        when=job.when,
        run=run,
        says=_said(run) if run else "",
        next_at=next_time(job, run.started_at if run else None, now, file.timezone),
        late=name in _late(glance, file, now),
    )


def _said(run: LastRun) -> str:
    if run.result is None:
        return "is running, or died"
    numbers = ", ".join(f"{run.counts[name]:,} {name}" for name in COUNTED if run.counts.get(name))
    return f"{run.result.replace('_', ' ')}{f': {numbers}' if numbers else ''}"


def _late(glance: Glance, file: CronFile, now: datetime) -> set[str]:
    return {one.job for one in late(file, {name: ended.at for name, ended in glance.ended.items()}, now)}


def _name(kind: GapKind) -> str:
    return NAMES.get(kind, kind.rpartition(".")[2].capitalize())


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
