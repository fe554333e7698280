"""``reconciler run``: runs the jobs on schedule until it is stopped. Only a configuration error ends it earlier."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from queue import Empty, SimpleQueue
from threading import Event, Thread

import structlog

from reconciler.domain.alerting.alerts import CheckIn, monitor_of
from reconciler.domain.alerting.heartbeats import ALERT_AFTER
from reconciler.domain.gaps import GapKind
from reconciler.engine.jobs import raise_crash, run_job
from reconciler.engine.reconcile.results import PassResult
from reconciler.errors import DatabaseDisagrees, DatabaseUnreachable, ReconcilerError, UnsafePlace
from reconciler.ports import Mandate, Notifier, Services
from reconciler.reporting import logs
from reconciler.reporting.heartbeats import Heartbeats
from reconciler.service.in_memory_alerts import InMemoryAlerts
from reconciler.service.job_state import JobState
from reconciler.settings import Settings
from reconciler.settings.model.jobs import GRACE, Job
from reconciler.timing.schedule import SOON, RunProblem, Schedule
from reconciler.wiring import assembly

CHECK_IN_INTERVAL = timedelta(minutes=5)
RERUN_AFTER_FAULT = timedelta(hours=1)
"""Run a job that found faults again after this long, so that recovery is noticed even if its schedule is rare."""
TICK = 1.0
"""Seconds between two checks of the clock and of ``stop``."""
STOP_TIMEOUT = 25.0
"""Seconds the running calls may take after ``stop`` is set: more than any provider's timeout, less than the 30 s after
which the container is killed. A call that hangs longer (a database that stopped answering) is abandoned: its lease runs
out, and the next process continues it."""
CLOCK_JUMP = timedelta(seconds=30)
"""How far the wall clock and the monotonic clock may drift apart between two ticks."""
HEARTBEATS = "heartbeats"
_log = structlog.get_logger()


@dataclass
class SchedulerLoop:
    """One process of the service."""

    settings: Settings
    stop: Event
    notifier: Notifier | None
    alerts: InMemoryAlerts = field(init=False)
    heartbeats: Heartbeats = field(init=False)
    states: dict[str, JobState] = field(init=False)
    schedule: Schedule = field(init=False)
    reruns: "SimpleQueue[tuple[str, timedelta]]" = field(default_factory=SimpleQueue)
    """The jobs to run again because their run failed or found faults, each with the delay."""
    lost_pings: dict[str, int] = field(default_factory=dict)
    """Job -> how many of its last pings in a row were not accepted."""
    began_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        self.alerts = InMemoryAlerts(
            self.notifier, assembly.oncall(self.settings), self.settings.deadlines(), logs.announce
        )
        self.heartbeats = assembly.switches(self.settings)
        self.states = {name: JobState() for name in self.jobs}
        self.schedule = Schedule(self.jobs, self.settings.file.timezone, self._run, self._skipped)

    @property
    def jobs(self) -> dict[str, Job]:
        return self.settings.file.running()

    def run(self) -> bool:
        """Run until ``stop`` is set, then finish the running calls. True if they end within ``STOP_TIMEOUT``."""
        _log.info("started", jobs=sorted(self.jobs), monitors=self.settings.file.reporting.monitors)
        self.schedule.start()
        clocks = _ClockJumpDetector()
        next_check_in = time.monotonic()
        while not self.stop.wait(TICK):
            self._schedule_reruns()
            if clocks.jumped():
                self._on_clock_jump()
            if time.monotonic() >= next_check_in:
                next_check_in = time.monotonic() + CHECK_IN_INTERVAL.total_seconds()
                self._check_in()
            self.alerts.resolve(datetime.now(UTC))
        _log.info("stopping")
        stopping = Thread(target=self.schedule.stop, daemon=True)
        stopping.start()
        stopping.join(STOP_TIMEOUT)
        self.alerts.deliver(datetime.now(UTC))
        _log.info("gave_up_waiting" if stopping.is_alive() else "stopped")
        return not stopping.is_alive()

    def _schedule_reruns(self) -> None:
        """Called by this thread, not by a run: a stopping schedule holds its lock while it waits for the runs."""
        with suppress(Empty):
            while True:
                self.schedule.make_up(*self.reruns.get_nowait())

    def _run(self, name: str) -> None:
        state = self.states[name]
        began = time.monotonic()
        state.begin(datetime.now(UTC))
        self._note_ping(name, self.heartbeats.start(name))
        failed = True
        try:
            results = self._results(name, at_start=not state.succeeded)
            _log_results(results, time.monotonic() - began)
            self._alert_database_faults(results)
            raise_crash(results)
            failed = any(fault.kind == GapKind.INTEGRATION_DATABASE for result in results for fault in result.faults)
            if failed:
                self.reruns.put((name, SOON))
            elif any(result.faults for result in results):
                self.reruns.put((name, RERUN_AFTER_FAULT))
                self._clear_faults(name)
            else:
                self._clear_faults(name)
        except DatabaseUnreachable as error:
            self._run_failed(GapKind.INTEGRATION_DATABASE, "database", error.code, error)
            self.reruns.put((name, SOON))
        except DatabaseDisagrees as error:
            self._run_failed(GapKind.INTEGRATION_SCHEMA, "ledger", error.code, error)
        except UnsafePlace as error:
            self._run_failed(GapKind.INTEGRATION_PLACE, "place", error.code, error)
        except Exception as error:  # noqa: BLE001 - the boundary of a run: a bug is alerted, and the schedule continues
            _log.exception("run_failed", job=name)
            self._alert_scheduler_fault(name, RunProblem.FAILED, f"job {name} failed ({type(error).__name__})")
            self.reruns.put((name, SOON))  # so that a lasting failure is noticed soon, even for a daily job
        finally:
            state.end(failed=failed)
            self._check_in_job(name)
            self._note_ping(name, self.heartbeats.end(name, failed=failed))

    def _note_ping(self, name: str, code: str) -> None:
        """Alert if a job's pings are not accepted, ``ALERT_AFTER`` in a row: the switch that watches us is dead."""
        if name not in self.heartbeats.jobs:
            return
        self.lost_pings[name] = self.lost_pings.get(name, 0) + 1 if code else 0
        if not any(self.lost_pings.values()):
            self.alerts.clear(GapKind.INTEGRATION_HEARTBEAT, HEARTBEATS)
        elif self.lost_pings[name] >= ALERT_AFTER:
            seen = f"the pings of job {name} are not accepted ({code})"
            remedy = f"compare the variable of jobs.{name}.alive with the URL that the monitoring service shows"
            now = datetime.now(UTC)
            self.alerts.fault(GapKind.INTEGRATION_HEARTBEAT, HEARTBEATS, "heartbeat_dead", seen, remedy, now)

    def _results(self, name: str, *, at_start: bool) -> Sequence[PassResult]:
        with assembly.services(self.settings, Mandate(act=True), stop=self.stop, at_start=at_start) as services:
            results = run_job(name, services)
            if not any(fault.kind == GapKind.INTEGRATION_DATABASE for result in results for fault in result.faults):
                self._compare_settings(services)
        for result in results:
            if result.removals and (result.removals.found or result.removal_results):
                # Each time: an incident that is open alerts no further removals until it has ten times as many.
                removed, left, waiting = result.events_removed, result.removals_left, len(result.removals.waiting)
                _log.info("removals", job=name, removed=removed, left=left, waiting=waiting)
        return results

    def _compare_settings(self, services: Services) -> None:
        """Alert if another process has different settings for the same bookings: they undo each other's work."""
        since = max(self.began_at, services.clock.now() - self._longest_interval)
        with services.store.reading() as tx:
            differ = tx.runs.settings_differ(services.runner, since)
        about = f"settings {services.runner.scope}".rstrip()
        if not differ:
            self.alerts.clear(GapKind.INTEGRATION_SCHEDULER, about)
        else:
            seen = "another process runs these jobs for the same bookings with other settings"
            remedy = "give all of them the same cron.yaml and variables, or stop the older one"
            now = services.clock.now()
            self.alerts.fault(GapKind.INTEGRATION_SCHEDULER, about, "settings_differ", seen, remedy, now)

    def _alert_database_faults(self, results: Sequence[PassResult]) -> None:
        for fault in (fault for result in results for fault in result.faults):
            if fault.kind == GapKind.INTEGRATION_DATABASE:
                now = datetime.now(UTC)
                self.alerts.fault(fault.kind, "database", fault.code, fault.seen, fault.remedy, now)

    def _clear_faults(self, name: str) -> None:
        self.alerts.clear(GapKind.INTEGRATION_DATABASE, "database")
        self.alerts.clear(GapKind.INTEGRATION_SCHEMA, "ledger")
        self.alerts.clear(GapKind.INTEGRATION_PLACE, "place")
        for problem in RunProblem:
            self.alerts.clear(GapKind.INTEGRATION_SCHEDULER, f"{name} {problem}")

    def _run_failed(self, kind: GapKind, about: str, code: str, error: ReconcilerError) -> None:
        _log.error("run_failed", kind=kind.value, code=code, seen=str(error), remedy=error.advice)
        self.alerts.fault(kind, about, code, str(error), error.advice, datetime.now(UTC))

    def _skipped(self, name: str, problem: RunProblem) -> None:
        _log.warning("run_skipped", job=name, problem=problem.value)
        self._alert_scheduler_fault(name, problem, f"a run of job {name} was {problem}")

    def _alert_scheduler_fault(self, name: str, problem: RunProblem, seen: str) -> None:
        remedy = "read the log of that time; the next run catches up"
        now = datetime.now(UTC)
        about = f"{name} {problem}"
        self.alerts.fault(GapKind.INTEGRATION_SCHEDULER, about, problem.value, seen, remedy, now)

    def _on_clock_jump(self) -> None:
        _log.warning("clock_jumped")
        seen, remedy = "the machine's clock jumped, or the machine slept", "keep its clock in step (NTP)"
        now = datetime.now(UTC)
        self.alerts.fault(GapKind.INTEGRATION_SCHEDULER, "clock", "clock_jumped", seen, remedy, now)
        self.schedule.run_now()

    def _check_in(self) -> None:
        self.alerts.deliver(datetime.now(UTC))
        if self.settings.file.reporting.monitors != "one" or self.notifier is None:
            return
        ok = not any(self._is_unhealthy(name) for name in self.states)
        monitor = monitor_of(self.settings.runner().scope)
        self.notifier.check_in(CheckIn(monitor=monitor, ok=ok, every=CHECK_IN_INTERVAL, longest=self._longest))

    def _check_in_job(self, name: str) -> None:
        if self.settings.file.reporting.monitors != "each" or self.notifier is None:
            return
        job, zone = self.jobs[name], self.settings.file.timezone.key
        self.notifier.check_in(
            CheckIn(
                monitor=monitor_of(self.settings.runner().scope, name),
                ok=not self.states[name].failed,
                every=job.every,
                cron=job.cron,
                zone=zone,
                longest=self._longest,
            )
        )

    def _is_unhealthy(self, name: str) -> bool:
        state, due_at = self.states[name], self.schedule.next_run(name)
        overdue = state.is_overdue(due_at, datetime.now(UTC), grace=GRACE, longest=self._longest)
        return state.failed or overdue

    @property
    def _longest_interval(self) -> timedelta:
        return max((job.every for job in self.jobs.values() if job.every), default=timedelta(days=1)) + GRACE

    @property
    def _longest(self) -> timedelta:
        """The longest run: a pass ends with its budget, and a repair begun by then may take as long as its lease."""
        return self.settings.file.limits.pass_budget + self.settings.file.limits.lease


class _ClockJumpDetector:
    """Compares the wall clock with the monotonic clock."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def jumped(self) -> bool:
        """Whether the wall clock jumped since the last call."""
        before, self._offset = self._offset, time.time() - time.monotonic()
        return abs(self._offset - before) > CLOCK_JUMP.total_seconds()


def _log_results(results: Sequence[PassResult], seconds: float) -> None:
    """One log line per pass with all its numbers, and one per fault."""
    for result in results:
        _log.info(
            "pass",
            job=result.job,
            **({"kind": result.kind.value} if result.kind else {}),
            run=result.run,
            result=result.exit_code.name.lower(),
            seconds=round(seconds, 3),
            full_scan=result.full_scan,
            **result.counts(),
        )
        for fault in result.faults:
            _log.warning("integration_broken", kind=fault.kind.value, code=fault.code, seen=fault.seen)
