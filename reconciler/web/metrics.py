"""Prometheus metrics, read from the ledger at each scrape: equal from every process and after every restart.

Numbers of repairs and calls are therefore gauges over 24 hours, not counters: old runs are removed from the ledger.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from reconciler.domain.gaps import Effect
from reconciler.domain.intents import State
from reconciler.domain.rules.registry import KINDS, REPAIRED
from reconciler.engine.reconcile.results import EVENTS_REMOVED
from reconciler.engine.repair.results import AttemptStatus
from reconciler.service.lateness import late
from reconciler.service.scans import unknown_in_force
from reconciler.settings.model.cron_file import CronFile
from reconciler.store.views.dashboard import DashboardSnapshot, LastDay
from reconciler.store.views.status import GapState
from reconciler.store.views.together import Together

CONTENT_TYPE = CONTENT_TYPE_LATEST
METRICS: dict[str, tuple[str, tuple[str, ...]]] = {
    "reconciler_info": ("1, with the version", ("version",)),
    "reconciler_database_up": ("1 if the database answered this scrape; if 0, the other metrics are absent", ()),
    "reconciler_scan_ok": (
        "1 if the last run could scan the rule; if 0, its number of gaps is unknown, and absent rather than 0",
        ("kind",),
    ),
    "reconciler_gaps_open": ("open gaps; absent rather than 0 where a rule could not be scanned", ("kind",)),
    "reconciler_gaps_open_by_cause": ("open gaps by cause; absent where there are none", ("kind", "cause")),
    "reconciler_gaps_open_by_turn": ("open gaps by who has to act, integrations excluded", ("turn",)),
    "reconciler_gap_oldest_age_seconds": ("age of the oldest open gap; 0 if there is none", ("kind",)),
    "reconciler_backlog_bookings": (
        "bookings from before the installation that break the rule; absent before the first count",
        ("kind",),
    ),
    "reconciler_backlog_counted_timestamp_seconds": ("when the backlog was last counted", ()),
    "reconciler_coverage_ratio": (
        "share of the new bookings of 24 hours that all rules apply to; absent without a new booking",
        (),
    ),
    "reconciler_coverage_usual_ratio": ("the same of the 28 days before; absent without enough of them", ()),
    "reconciler_unsettled": ("repairs whose outcome is unknown", ("effect", "state")),
    "reconciler_repairs_last_day": (
        "repairs that ended within 24 hours",
        ("effect", "outcome"),
    ),
    "reconciler_events_removed_last_day": ("events of ours removed within 24 hours", ()),
    "reconciler_provider_calls_last_day": (
        "calls for repairs within 24 hours, by the meaning of the answer",
        ("provider", "status"),
    ),
    "reconciler_pass_duration_seconds": ("duration of the last finished run", ("job",)),
    "reconciler_job_last_success_timestamp_seconds": ("when the last finished run ended", ("job",)),
    "reconciler_job_late": ("1 if the job should have finished a run by now but has not", ("job",)),
}
"""Every metric, with its help text and labels. docs/page.md lists them too."""
_PROVIDER_OF = {Effect.SMS: "twilio", Effect.CALENDAR: "google"}
PROVIDERS = {rule.job: (rule.effect, _PROVIDER_OF[rule.effect]) for rule in REPAIRED if rule.effect}
"""The jobs that call a provider, with their effect and the provider's name."""
ANSWERS = {
    "accepted": (AttemptStatus.SENT, AttemptStatus.CREATED),
    "unknown": (AttemptStatus.UNKNOWN,),
    "broken": (AttemptStatus.BROKEN,),
}
"""Value of the label ``status`` -> results of a repair attempt. Refusals are counted by their intents."""
TURN_LABELS = {GapState.REPAIRABLE: "repairable", GapState.HELD: "waiting", GapState.NEEDS_HUMAN: "refused"}
"""Values of the label ``turn``, which stay stable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one scrape read."""

    snapshot: DashboardSnapshot
    last_day: LastDay
    file: CronFile


def exposition(reading: Reading | None) -> bytes:
    """The metrics as text; ``None``: the database does not answer."""
    registry = CollectorRegistry()
    registry.register(_Once(reading))
    return generate_latest(registry)


class _Once(Collector):
    def __init__(self, reading: Reading | None) -> None:
        self._reading = reading

    def collect(self) -> Iterable[Metric]:
        yield _family("reconciler_info", [((version("reconciler"),), 1)])
        yield _family("reconciler_database_up", [((), int(self._reading is not None))])
        if self._reading:
            yield from _gaps(self._reading.snapshot, self._reading.file)
            yield from _together(self._reading.snapshot.together)
            yield from _repairs(self._reading.last_day)
            yield from _jobs(self._reading)


def _gaps(snapshot: DashboardSnapshot, file: CronFile) -> Iterator[Metric]:
    unknown = unknown_in_force(file, snapshot.unknown)
    known = [kind for kind in KINDS if kind not in unknown]
    scanned = [(kind, int(kind not in unknown)) for kind in KINDS if not kind.is_integration]
    yield _family("reconciler_scan_ok", [((kind,), ok) for kind, ok in scanned])
    numbers = dict.fromkeys(known, 0)
    ages = dict.fromkeys(known, 0.0)
    # What an earlier run recorded stays open and has its sample. Only a 0 would say what nobody knows.
    turns: dict[str, int] = {} if unknown else dict.fromkeys(TURN_LABELS.values(), 0)
    causes: dict[tuple[str, ...], float] = {}
    for group in snapshot.groups:
        gaps = group.gaps
        numbers[gaps.kind] = numbers.get(gaps.kind, 0) + gaps.number
        ages[gaps.kind] = max(ages.get(gaps.kind, 0.0), (snapshot.at - gaps.oldest).total_seconds())
        turns[TURN_LABELS[gaps.state]] = turns.get(TURN_LABELS[gaps.state], 0) + gaps.number
        causes[gaps.kind, gaps.cause] = causes.get((gaps.kind, gaps.cause), 0) + gaps.number
    for fault in snapshot.faults:
        numbers[fault.kind] = numbers.get(fault.kind, 0) + 1
        ages[fault.kind] = max(ages.get(fault.kind, 0.0), (snapshot.at - fault.since).total_seconds())
    yield _family("reconciler_gaps_open", [((kind,), number) for kind, number in numbers.items()])
    yield _family("reconciler_gaps_open_by_cause", causes.items())
    yield _family("reconciler_gaps_open_by_turn", [((turn,), number) for turn, number in turns.items()])
    yield _family("reconciler_gap_oldest_age_seconds", [((kind,), age) for kind, age in ages.items()])
    states = [(effect, state) for effect in Effect for state in (State.UNKNOWN, State.NEEDS_HUMAN)]
    yield _family("reconciler_unsettled", [(key, snapshot.unsettled.get(key, 0)) for key in states])


def _together(seen: Together) -> Iterator[Metric]:
    backlog, coverage = seen.backlog, seen.coverage
    counted = backlog.counts.items() if backlog else ()
    yield _family("reconciler_backlog_bookings", [((kind,), number) for kind, number in counted])
    at = backlog.at if backlog else None
    yield _family("reconciler_backlog_counted_timestamp_seconds", [((), at.timestamp())] if at else [])
    shares = {
        "reconciler_coverage_ratio": coverage.share if coverage else None,
        "reconciler_coverage_usual_ratio": coverage.usual if coverage else None,
    }
    for name, share in shares.items():
        yield _family(name, [] if share is None else [((), share)])


def _repairs(last_day: LastDay) -> Iterator[Metric]:
    ends = [(effect, state) for effect in Effect for state in (State.DONE, State.REFUSED, State.DROPPED)]
    yield _family("reconciler_repairs_last_day", [(key, last_day.ended.get(key, 0)) for key in ends])
    gone = sum(last_day.counted.get((job, EVENTS_REMOVED), 0) for job in PROVIDERS)
    yield _family("reconciler_events_removed_last_day", [((), gone)])
    calls: list[tuple[tuple[str, ...], float]] = []
    for job, (effect, provider) in PROVIDERS.items():
        for status, ones in ANSWERS.items():
            number = sum(last_day.counted.get((job, one.name.lower()), 0) for one in ones)
            calls.append(((provider, status), number))
        calls.append(((provider, "refused"), last_day.ended.get((effect, State.REFUSED), 0)))
    yield _family("reconciler_provider_calls_last_day", calls)


def _jobs(reading: Reading) -> Iterator[Metric]:
    snapshot, names = reading.snapshot, sorted(reading.file.running())
    ended = {name: snapshot.ended[name] for name in names if name in snapshot.ended}
    lasted = [((name,), (one.at - one.began_at).total_seconds()) for name, one in ended.items()]
    behind = {one.job for one in late(reading.file, {name: one.at for name, one in ended.items()}, snapshot.at)}
    yield _family("reconciler_pass_duration_seconds", lasted)
    yield _family(
        "reconciler_job_last_success_timestamp_seconds", [((name,), one.at.timestamp()) for name, one in ended.items()]
    )
    yield _family("reconciler_job_late", [((name,), int(name in behind)) for name in names])


def _family(name: str, samples: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    says, labels = METRICS[name]
    family = GaugeMetricFamily(name, says, labels=labels)
    for values, number in samples:
        family.add_metric(list(values), number)
    return family
