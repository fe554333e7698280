"""``reconciler run``: keeps time until it is told to stop. Only a configuration error ends it otherwise."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from queue import Empty, SimpleQueue
from threading import Event, Thread

import structlog

from reconciler.domain.alerting.alerts import CheckIn, monitor_of
from reconciler.domain.gaps import GapKind
from reconciler.engine.jobs import raise_crash, run_job
from reconciler.engine.reconcile.results import PassResult
from reconciler.errors import DatabaseDisagrees, DatabaseUnreachable, ReconcilerError
from reconciler.ports import Mandate, Notifier, Services
from reconciler.reporting import logs
from reconciler.reporting.heartbeats import Heartbeats
from reconciler.schedule import GRACE, SOON, Schedule, Trouble
from reconciler.service.in_memory_alerts import InMemoryAlerts
from reconciler.service.job_state import JobState
from reconciler.settings import Settings
from reconciler.settings.file.model import Job
from reconciler.wiring import assembly

BEAT = timedelta(minutes=5)
LATER = timedelta(hours=1)
"""What a rare job found broken is looked at again after so long: it says when that is over."""
TICK = 1.0
"""Seconds between two looks at the clock and at the wish to stop."""
PATIENCE = 25.0
"""Seconds the calls in hand may take once we shall stop: more than any provider's timeout, less than Docker's patience.
A database that went mute in the middle may keep one for ever; its lease runs out, and the next process sees to it."""
JUMP = timedelta(seconds=30)
"""So far may the wall clock and the monotonic one drift apart from one tick to the next."""
_log = structlog.get_logger()


@dataclass
class SchedulerLoop:
    """One process of the service."""

    settings: Settings
    stop: Event
    notifier: Notifier | None
    troubles: InMemoryAlerts = field(init=False)
    switches: Heartbeats = field(init=False)
    states: dict[str, JobState] = field(init=False)
    schedule: Schedule = field(init=False)
    again: "SimpleQueue[tuple[str, timedelta]]" = field(default_factory=SimpleQueue)
    """Jobs that shall run again, and after how long: their runs were in vain, or found something broken."""
    began_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        self.troubles = InMemoryAlerts(
            self.notifier, assembly.oncall(self.settings), self.settings.deadlines(), logs.announce
        )
        self.switches = assembly.switches(self.settings)
        self.states = {name: JobState() for name in self.jobs}
        self.schedule = Schedule(self.jobs, self.settings.file.timezone, self._run, self._trouble)

    @property
    def jobs(self) -> dict[str, Job]:
        return self.settings.file.running()

    def run(self) -> bool:
        """Run until ``stop`` is set, then finish the calls in hand. Whether they came to an end in time."""
        _log.info("started", jobs=sorted(self.jobs), monitors=self.settings.file.reporting.monitors)
        self.schedule.start()
        clocks = _Clocks()
        next_beat = time.monotonic()
        while not self.stop.wait(TICK):
            self._make_up()
            if clocks.jumped():
                self._tell_of_jump()
            if time.monotonic() >= next_beat:
                next_beat = time.monotonic() + BEAT.total_seconds()
                self._beat()
        _log.info("stopping")
        stopping = Thread(target=self.schedule.stop, daemon=True)
        stopping.start()
        stopping.join(PATIENCE)
        self.troubles.deliver(datetime.now(UTC))
        _log.info("gave_up_waiting" if stopping.is_alive() else "stopped")
        return not stopping.is_alive()

    def _make_up(self) -> None:
        """From here, and not from the run itself: while it stops, the schedule waits for runs and lets nobody in."""
        with suppress(Empty):
            while True:
                self.schedule.make_up(*self.again.get_nowait())

    def _run(self, name: str) -> None:
        state = self.states[name]
        began = time.monotonic()
        state.begin(datetime.now(UTC))
        self.switches.start(name)
        failed = True
        try:
            results = self._results(name, at_start=not state.succeeded)
            _say(results, time.monotonic() - began)
            self._tell_of_database(name, results)
            raise_crash(results)
            failed = any(fault.kind == GapKind.INTEGRATION_DATABASE for result in results for fault in result.faults)
            if failed:
                self.again.put((name, SOON))
            elif any(result.faults for result in results):
                self.again.put((name, LATER))
                self._tell_of_success(name)
            else:
                self._tell_of_success(name)
        except DatabaseUnreachable as error:
            self._happened(GapKind.INTEGRATION_DATABASE, "database", "unreachable", error)
            self.again.put((name, SOON))
        except DatabaseDisagrees as error:
            self._happened(GapKind.INTEGRATION_SCHEMA, "ledger", error.code, error)
        except Exception as error:  # noqa: BLE001 - the border of a run: a bug is told, and the schedule goes on
            _log.exception("run_failed", job=name)
            self._scheduler_trouble(name, Trouble.FAILED, f"job {name} failed ({type(error).__name__})")
            self.again.put((name, SOON))  # what goes on shall be seen to go on, also of a job that runs once a day
        finally:
            state.end(failed=failed)
            self._check_in_job(name)
            self.switches.end(name, failed=failed)

    def _results(self, name: str, *, at_start: bool) -> Sequence[PassResult]:
        with assembly.services(self.settings, Mandate(act=True), stop=self.stop, at_start=at_start) as services:
            results = run_job(name, services)
            if not any(fault.kind == GapKind.INTEGRATION_DATABASE for result in results for fault in result.faults):
                self._compare_settings(services)
        return results

    def _compare_settings(self, services: Services) -> None:
        """Two processes for the same bookings with different settings undo each other's work."""
        since = max(self.began_at, services.clock.now() - self._longest_interval)
        with services.store.reading() as tx:
            differ = tx.runs.settings_differ(services.runner, since)
        about = f"settings {services.runner.scope}".rstrip()
        if not differ:
            self.troubles.well(GapKind.INTEGRATION_SCHEDULER, about)
        else:
            seen = "another process runs these jobs for the same bookings with other settings"
            remedy = "give all of them the same cron.yaml and variables, or stop the older one"
            now = services.clock.now()
            self.troubles.happened(GapKind.INTEGRATION_SCHEDULER, about, "settings_differ", seen, remedy, now)

    def _tell_of_database(self, name: str, results: Sequence[PassResult]) -> None:
        for fault in (fault for result in results for fault in result.faults):
            if fault.kind == GapKind.INTEGRATION_DATABASE:
                now = datetime.now(UTC)
                self.troubles.happened(fault.kind, "database", fault.code, fault.seen, fault.remedy, now)

    def _tell_of_success(self, name: str) -> None:
        self.troubles.well(GapKind.INTEGRATION_DATABASE, "database")
        self.troubles.well(GapKind.INTEGRATION_SCHEMA, "ledger")
        for trouble in Trouble:
            self.troubles.well(GapKind.INTEGRATION_SCHEDULER, f"{name} {trouble}")

    def _happened(self, kind: GapKind, about: str, code: str, error: ReconcilerError) -> None:
        _log.error("run_failed", kind=kind.value, code=code, seen=str(error), remedy=error.advice)
        self.troubles.happened(kind, about, code, str(error), error.advice, datetime.now(UTC))

    def _trouble(self, name: str, trouble: Trouble) -> None:
        _log.warning("run_skipped", job=name, trouble=trouble.value)
        self._scheduler_trouble(name, trouble, f"a run of job {name} was {trouble}")

    def _scheduler_trouble(self, name: str, trouble: Trouble, seen: str) -> None:
        remedy = "read the log of that time; the next run does what this one did not"
        now = datetime.now(UTC)
        about = f"{name} {trouble}"
        self.troubles.happened(GapKind.INTEGRATION_SCHEDULER, about, trouble.value, seen, remedy, now)

    def _tell_of_jump(self) -> None:
        _log.warning("clock_jumped")
        seen, remedy = "the machine's clock jumped, or the machine slept", "keep its clock in step (NTP)"
        now = datetime.now(UTC)
        self.troubles.happened(GapKind.INTEGRATION_SCHEDULER, "clock", "clock_jumped", seen, remedy, now)
        self.schedule.run_now()

    def _beat(self) -> None:
        self.troubles.deliver(datetime.now(UTC))
        if self.settings.file.reporting.monitors != "one" or self.notifier is None:
            return
        ok = not any(self._is_unwell(name) for name in self.states)
        monitor = monitor_of(self.settings.runner().scope)
        self.notifier.check_in(CheckIn(monitor=monitor, ok=ok, every=BEAT, longest=self._longest))

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

    def _is_unwell(self, name: str) -> bool:
        state, due_at = self.states[name], self.schedule.next_run(name)
        overdue = state.is_overdue(due_at, datetime.now(UTC), grace=GRACE, longest=self._longest)
        return state.failed or overdue

    @property
    def _longest_interval(self) -> timedelta:
        return max((job.every for job in self.jobs.values() if job.every), default=timedelta(days=1)) + GRACE

    @property
    def _longest(self) -> timedelta:
        """A pass ends with its budget; what it had begun by then may take as long as a lease."""
        return self.settings.file.limits.pass_budget + self.settings.file.limits.lease


class _Clocks:
    """The wall clock beside one that only ever goes forward."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def jumped(self) -> bool:
        """Whether the wall clock jumped since the last look."""
        before, self._offset = self._offset, time.time() - time.monotonic()
        return abs(self._offset - before) > JUMP.total_seconds()


def _say(results: Sequence[PassResult], seconds: float) -> None:
    """One wide line per pass."""
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
