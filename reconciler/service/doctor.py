"""The doctor's examinations of a whole installation, those of its own ledger and schedule among them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.domain.doctor import Examination, Examined, Remark
from reconciler.domain.gaps import GapKind, IntegrationFault
from reconciler.engine.doctor.checks import DATABASE, GOOGLE, TWILIO, Doctor
from reconciler.engine.jobs import unknown
from reconciler.engine.repair.integration_faults import disagreement, unreachable_database
from reconciler.errors import DatabaseDisagrees, DatabaseUnreachable
from reconciler.ports import Reporter, Services
from reconciler.service.lateness import expected, late, next_time
from reconciler.settings import Settings
from reconciler.store import migrate
from reconciler.store.database import Database
from reconciler.store.views.status import last_finished, require_ledger

SETTINGS, LEDGER, JOBS, SCHEDULER = "settings", "ledger", "jobs", "scheduler"
OF_PROVIDERS = frozenset({TWILIO, GOOGLE})
"""Without complete settings these cannot be asked."""


@dataclass(frozen=True, slots=True)
class Practice:
    """Everything there is to examine."""

    settings: Settings
    services: Services
    reporter: Reporter | None
    database: Database

    def examinations(self) -> Sequence[Examination]:
        found = []
        for examination in Doctor(self.services, self.reporter).examinations():
            if examination.name == TWILIO:
                found.append(Examination(name=LEDGER, needs=(DATABASE,), look=self.ledger))
            needs = (*examination.needs, *([SETTINGS] if examination.name in OF_PROVIDERS else []))
            found.append(Examination(name=examination.name, needs=needs, look=examination.look))
        scheduler = Examination(name=SCHEDULER, needs=(DATABASE, JOBS), look=self.scheduler)
        return [*found, Examination(name=JOBS, look=self.jobs), scheduler]

    def ledger(self) -> Examined:
        try:
            with self.database.transaction() as connection:
                if migrate.revision(connection) is None:
                    return Examined(remarks=[_NOT_YET])
                require_ledger(connection)
        except DatabaseDisagrees as error:
            return Examined(faults=[disagreement(error)])
        except DatabaseUnreachable as error:
            return Examined(faults=[unreachable_database(error)])
        return Examined(remarks=[Remark(said=f"revision {migrate.newest()}")])

    def jobs(self) -> Examined:
        running = self.settings.file.running()
        remedy = "correct the name under jobs in cron.yaml; the folder jobs has those that there are"
        nobody = [_fault("job_unknown", name, remedy) for name in unknown(running)]
        return Examined(faults=nobody, remarks=[Remark(said=f"all {len(running)} of cron.yaml are there")])

    def scheduler(self) -> Examined:
        """When the jobs ran last and run next, and which of them did not when they should."""
        file = self.settings.file
        try:
            finished, now = last_finished(self.database, expected(file), self.settings.runner().scope)
        except DatabaseDisagrees:
            return Examined(remarks=[_NEVER_RAN])
        except DatabaseUnreachable as error:
            return Examined(faults=[unreachable_database(error)])
        if not finished:
            return Examined(remarks=[_NEVER_RAN])
        overdue = [
            Remark(said=f"{one.job} has not finished a run when it should (wanted: {one.wanted})", remedy=_START)
            for one in late(file, finished, now)
        ]
        return Examined(remarks=[Remark(said=self._times(finished, now)), *overdue])

    def _times(self, finished: Mapping[str, datetime], now: datetime) -> str:
        zone = self.settings.file.timezone
        times = {
            name: next_time(job, finished.get(name), now, zone) for name, job in self.settings.file.running().items()
        }
        name = min(times, key=lambda job: times[job])
        last = max(finished.values()).astimezone(zone)
        return f"last run {last:%H:%M}, next {times[name].astimezone(zone):%H:%M} ({name})"


_NOT_YET = Remark(said="not there yet; looking works without it", remedy="reconciler migrate")
_START = "see whether `reconciler run` runs, and read its log"
_NEVER_RAN = Remark(said="no job has run yet", remedy="start `reconciler run`")


def _fault(code: str, seen: str, remedy: str) -> IntegrationFault:
    return IntegrationFault(kind=GapKind.INTEGRATION_SCHEDULER, code=code, seen=seen, remedy=remedy)
