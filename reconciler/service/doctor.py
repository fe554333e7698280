"""All doctor checks of an installation: those of the engine, and those of the ledger, the jobs and the scheduler."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from reconciler.domain.beacon import acting_fault, beacon_says
from reconciler.domain.doctor import CheckResult, CheckSpec, Note
from reconciler.domain.formatting import sanitize
from reconciler.domain.gaps import GapKind, IntegrationFault
from reconciler.domain.place import NO_TIMELINE, UNREADABLE, UNREADABLE_REMEDY
from reconciler.engine.doctor.checks import DATABASE, TWILIO, DoctorChecks
from reconciler.engine.drill.listeners import heartbeat_fault, oncall_fault
from reconciler.engine.jobs import unknown
from reconciler.engine.repair.integration_faults import database_fault, schema_fault
from reconciler.errors import DatabaseDisagrees, DatabaseUnreachable
from reconciler.ports import Notifier, Route, Services
from reconciler.service.lateness import expected, late, next_time
from reconciler.settings import Settings
from reconciler.store.connection.server import about
from reconciler.store.database import READ, Database
from reconciler.store.ledger.check import require_ledger, revision
from reconciler.store.ledger.installation.beacon import read_beacon
from reconciler.store.ledger.installation.place import view_place
from reconciler.store.ledger.schema import REVISION
from reconciler.store.views.status import last_finished

SETTINGS, OWNER, LEDGER, JOBS, SCHEDULER = "settings", "owner", "ledger", "jobs", "scheduler"
ONCALL, ONCALL_TEST, HEARTBEATS = "on-call", "on-call test", "heartbeats"


@dataclass(frozen=True, slots=True)
class DoctorSuite:
    """Every check, in the order it is printed."""

    settings: Settings
    services: Services
    notifier: Notifier | None
    database: Database
    owner: Database | None
    """The same database as the role of OWNER_URL sees it."""
    oncall: Sequence[Route] = ()
    posts: bool = False
    """Whether a message is sent through each on-call route: a probe."""

    def check_specs(self) -> Sequence[CheckSpec]:
        specs = []
        for spec in DoctorChecks(self.services, self.notifier).check_specs():
            if spec.name == TWILIO:
                specs.append(CheckSpec(name=LEDGER, needs=(DATABASE,), run=self.ledger))
            specs.append(spec)
            if spec.name == DATABASE and self.owner:
                specs.append(CheckSpec(name=OWNER, run=partial(_owner, self.owner)))
        if self.oncall:
            specs.append(CheckSpec(name=ONCALL_TEST if self.posts else ONCALL, run=self.oncall_routes))
        if self.services.heartbeats.jobs:
            specs.append(CheckSpec(name=HEARTBEATS, run=self.heartbeats))
        scheduler = CheckSpec(name=SCHEDULER, needs=(DATABASE, JOBS), run=self.scheduler)
        return [*specs, CheckSpec(name=JOBS, run=self.jobs), scheduler]

    def ledger(self) -> CheckResult:
        try:
            with self.database.transaction() as connection:
                if revision(connection) is None:
                    return CheckResult(notes=[_NO_LEDGER])
                require_ledger(connection)
                view, beacon = view_place(connection), read_beacon(connection)
        except DatabaseDisagrees as error:
            return CheckResult(faults=[schema_fault(error)])
        except DatabaseUnreachable as error:
            return CheckResult(faults=[database_fault(error)])
        fault = acting_fault(view, beacon.status)
        notes = [Note(message=f"revision {REVISION}")]
        notes += [Note(message=f"beacon: {beacon_says(beacon.status, beacon.code)}")]
        notes += [] if view.is_readable else [Note(message=UNREADABLE, remedy=UNREADABLE_REMEDY)]
        notes += [] if view.here.timeline else [Note(message=NO_TIMELINE)]
        return CheckResult(faults=[fault] if fault else [], notes=notes)

    def oncall_routes(self) -> CheckResult:
        names = ", ".join(route.name for route in self.oncall)
        if not self.posts:
            said = f"{names}: readable, and encrypted; `--probe` and `reconciler drill` post a message through each"
            return CheckResult(notes=[Note(message=said)])
        fault = oncall_fault(self.oncall, (), self.services.clock.now())
        return CheckResult(faults=[fault] if fault else [], notes=[Note(message=f"{names}: took a message")])

    def heartbeats(self) -> CheckResult:
        tried = self.services.heartbeats
        fault = heartbeat_fault(tried)
        proven = [job for job in tried.jobs if tried.is_proven_by_trial(job)]
        rest = [job for job in tried.jobs if job not in proven]
        notes = [Note(message=f"{', '.join(proven)}: the service knows the URL")] if proven else []
        notes += (
            [Note(message=f"{', '.join(rest)}: the host answers; the next run pings the URL itself")] if rest else []
        )
        return CheckResult(faults=[fault] if fault else [], notes=notes)

    def jobs(self) -> CheckResult:
        running = self.settings.file.running()
        remedy = "correct the name under jobs in cron.yaml; the folder jobs has one file per job"
        missing = [_fault("job_unknown", name, remedy) for name in unknown(running)]
        return CheckResult(faults=missing, notes=[Note(message=f"all {len(running)} jobs of cron.yaml exist")])

    def scheduler(self) -> CheckResult:
        """When jobs ran last and run next, and which jobs are late."""
        file = self.settings.file
        try:
            finished, now = last_finished(self.database, expected(file), self.settings.runner().scope)
        except DatabaseDisagrees:
            return CheckResult(notes=[_NEVER_RAN])
        except DatabaseUnreachable as error:
            return CheckResult(faults=[database_fault(error)])
        if not finished:
            return CheckResult(notes=[_NEVER_RAN])
        overdue = [
            Note(
                message=f"{late_job.job} has not finished a run on time (schedule: {late_job.schedule})", remedy=_START
            )
            for late_job in late(file, finished, now)
        ]
        return CheckResult(notes=[Note(message=self._last_and_next(finished, now)), *overdue])

    def _last_and_next(self, finished: Mapping[str, datetime], now: datetime) -> str:
        zone = self.settings.file.timezone
        times = {
            name: next_time(job, finished.get(name), now, zone) for name, job in self.settings.file.running().items()
        }
        name = min(times, key=lambda job: times[job])
        last = max(finished.values()).astimezone(zone)
        return f"last run {last:%H:%M}, next {times[name].astimezone(zone):%H:%M} ({name})"


def _owner(database: Database) -> CheckResult:
    """What runs printed SQL should have no more rights than the tables' owner needs."""
    try:
        with database.transaction(READ) as connection:
            seen = about(connection)
    except (DatabaseDisagrees, DatabaseUnreachable) as error:
        return CheckResult(notes=[Note(message=f"OWNER_URL was not checked: {error}", remedy=error.advice)])
    name = sanitize(seen.role, 63)
    if not seen.is_superuser and not seen.bypasses_policies:
        return CheckResult(notes=[Note(message=f"role {name}")])
    power = "is a superuser" if seen.is_superuser else "bypasses row-level security"
    message = f"the role of OWNER_URL, {name}, {power}: printed SQL needs no such right"
    return CheckResult(notes=[Note(message=message, remedy=_OWNER_REMEDY)])


_OWNER_REMEDY = "let OWNER_URL lead to the role that owns the application's tables"
_NO_LEDGER = Note(
    message="schema `reconciler` not created yet; read-only commands work without it", remedy="reconciler migrate"
)
_START = "check that `reconciler run` is running, and read its log"
_NEVER_RAN = Note(message="no job has run yet", remedy="start `reconciler run`")


def _fault(code: str, seen: str, remedy: str) -> IntegrationFault:
    return IntegrationFault(kind=GapKind.INTEGRATION_SCHEDULER, code=code, seen=seen, remedy=remedy)
