"""The doctor's check_specs of a whole installation, those of its own ledger and schedule among them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.domain.doctor import CheckResult, CheckSpec, Note
from reconciler.domain.gaps import GapKind, IntegrationFault
from reconciler.engine.doctor.checks import DATABASE, GOOGLE, TWILIO, DoctorChecks
from reconciler.engine.jobs import unknown
from reconciler.engine.repair.integration_faults import database_fault, schema_fault
from reconciler.errors import DatabaseDisagrees, DatabaseUnreachable
from reconciler.ports import Notifier, Services
from reconciler.service.lateness import expected, late, next_time
from reconciler.settings import Settings
from reconciler.store import migrate
from reconciler.store.database import Database
from reconciler.store.migrate import require_ledger
from reconciler.store.views.status import last_finished

SETTINGS, LEDGER, JOBS, SCHEDULER = "settings", "ledger", "jobs", "scheduler"
OF_PROVIDERS = frozenset({TWILIO, GOOGLE})
"""Without complete settings these cannot be asked."""


@dataclass(frozen=True, slots=True)
class DoctorSuite:
    """Everything there is to examine."""

    settings: Settings
    services: Services
    notifier: Notifier | None
    database: Database

    def check_specs(self) -> Sequence[CheckSpec]:
        found = []
        for spec in DoctorChecks(self.services, self.notifier).check_specs():
            if spec.name == TWILIO:
                found.append(CheckSpec(name=LEDGER, needs=(DATABASE,), run=self.ledger))
            needs = (*spec.needs, *([SETTINGS] if spec.name in OF_PROVIDERS else []))
            found.append(CheckSpec(name=spec.name, needs=needs, run=spec.run))
        scheduler = CheckSpec(name=SCHEDULER, needs=(DATABASE, JOBS), run=self.scheduler)
        return [*found, CheckSpec(name=JOBS, run=self.jobs), scheduler]

    def ledger(self) -> CheckResult:
        try:
            with self.database.transaction() as connection:
                if migrate.revision(connection) is None:
                    return CheckResult(notes=[_NOT_YET])
                require_ledger(connection)
        except DatabaseDisagrees as error:
            return CheckResult(faults=[schema_fault(error)])
        except DatabaseUnreachable as error:
            return CheckResult(faults=[database_fault(error)])
        return CheckResult(notes=[Note(message=f"revision {migrate.newest()}")])

    def jobs(self) -> CheckResult:
        running = self.settings.file.running()
        remedy = "correct the name under jobs in cron.yaml; the folder jobs has those that there are"
        nobody = [_fault("job_unknown", name, remedy) for name in unknown(running)]
        return CheckResult(faults=nobody, notes=[Note(message=f"all {len(running)} of cron.yaml are there")])

    def scheduler(self) -> CheckResult:
        """When the jobs ran last and run next, and which of them did not when they should."""
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
            Note(message=f"{one.job} has not finished a run when it should (wanted: {one.wanted})", remedy=_START)
            for one in late(file, finished, now)
        ]
        return CheckResult(notes=[Note(message=self._times(finished, now)), *overdue])

    def _times(self, finished: Mapping[str, datetime], now: datetime) -> str:
        zone = self.settings.file.timezone
        times = {
            name: next_time(job, finished.get(name), now, zone) for name, job in self.settings.file.running().items()
        }
        name = min(times, key=lambda job: times[job])
        last = max(finished.values()).astimezone(zone)
        return f"last run {last:%H:%M}, next {times[name].astimezone(zone):%H:%M} ({name})"


_NOT_YET = Note(message="not there yet; looking works without it", remedy="reconciler migrate")
_START = "see whether `reconciler run` runs, and read its log"
_NEVER_RAN = Note(message="no job has run yet", remedy="start `reconciler run`")


def _fault(code: str, seen: str, remedy: str) -> IntegrationFault:
    return IntegrationFault(kind=GapKind.INTEGRATION_SCHEDULER, code=code, seen=seen, remedy=remedy)
