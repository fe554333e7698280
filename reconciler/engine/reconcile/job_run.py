"""The life of one run of a job: started in the ledger, faults recorded, finished with what came of it.

Every job that acts goes through here: the passes, the settling of unknown outcomes, the report-only rules, the doctor's
checks, the retention and the fire drill. Each chooses its own transactions, because a pass records its gaps and
intents in the transaction that starts its run.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from reconciler.domain.gaps import UNSCANNED, GapKind, IntegrationFault
from reconciler.domain.rules.registry import ALL_RULES
from reconciler.engine.reconcile.results import PassResult
from reconciler.engine.repair.integration_faults import database_fault, record_faults, schema_fault
from reconciler.engine.repair.repairer import Repairer
from reconciler.errors import DatabaseBusy, DatabaseDisagrees, DatabaseUnreachable, most_urgent
from reconciler.ports import SCAN_PARTS, PassServices, Transaction

T = TypeVar("T")
CRASHED = "crashed"
"""The result of a run that met a bug."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRun:
    """A run that has a row in the ledger."""

    number: int
    services: PassServices
    began_at: datetime

    @classmethod
    def start(
        cls, tx: Transaction, job: str, services: PassServices, began_at: datetime, *, full: bool = False
    ) -> "JobRun":
        """Add the row. ``full``: the run scans all bookings."""
        return cls(
            number=tx.runs.start(job, services.runner, began_at, full=full), services=services, began_at=began_at
        )

    def record_faults(
        self,
        tx: Transaction,
        subject: str,
        faults: Collection[IntegrationFault],
        checked: Collection[GapKind] = (),
        now: datetime | None = None,
    ) -> None:
        """Record the faults as gaps; close the gaps of kinds that were ``checked`` and work.

        Gaps carry the moment the run began, which is when a pass scanned, unless the faults were found at ``now``.
        """
        record_faults(tx, subject, faults, checked, now or self.began_at)

    def attach(self, result: PassResult) -> PassResult:
        """The result with the row and the start of this run."""
        return replace(result, began_at=self.began_at, run=self.number)

    def finish(self, tx: Transaction, results: Sequence[PassResult], *, crashed: bool = False) -> None:
        """Complete the row with the name of the most urgent exit code and with the counts of all results together."""
        # In the row of a run over several rules, a result that needs a human outranks work that a later run does.
        code = most_urgent((result.exit_code for result in results), human_first=True)
        outcome = CRASHED if crashed else code.name.lower()
        tx.runs.finish(self.number, self.services.clock.now(), outcome, total_counts(results))


def total_counts(results: Sequence[PassResult]) -> dict[str, int]:
    """The counts of all results together. What counts the same bookings in each is not added up."""
    counts: dict[str, int] = {}
    for result in results:
        for name, number in result.counts().items():
            so_far = counts.get(name, 0)
            counts[name] = max(so_far, number) if name in ("checked", SCAN_PARTS) else so_far + number
    return counts


def gap_subject(repairer: Repairer, services: PassServices) -> str:
    """What an effect's integration faults are about: the effect, and the scope if several share the database."""
    return f"{repairer.effect} {services.runner.scope}".rstrip()


def subject_of_job(job: str, services: PassServices) -> str:
    """What a job's own integration faults are about: the job, and its scope if several share the database."""
    return f"{job} {services.runner.scope}".rstrip()


def run_or_unreachable(run: Callable[[], Sequence[PassResult]], so_far: Sequence[PassResult]) -> Sequence[PassResult]:
    """The results of ``run``; if the database cannot be reached, those so far, each with that fault."""
    try:
        return run()
    except DatabaseUnreachable as error:
        fault = database_fault(error)
        return [replace(result, faults=(*result.faults, fault)) for result in so_far]


def scan_or_fault(read: Callable[[], T], otherwise: Callable[[IntegrationFault], T]) -> T:
    """As ``read_or_fault``; a scan that takes too long or meets a lock is a fault as well.

    The ledger answers all the same: the run is recorded as one that could not scan.
    """
    try:
        return read_or_fault(read, otherwise)
    except DatabaseBusy as error:
        return otherwise(database_fault(error))


def record_crash(job: str, services: PassServices) -> None:
    """Record a run that a bug ended: what its rules would have found is unknown."""
    now = services.clock.now()
    kinds = [rule.kind for rule in ALL_RULES if rule.job == job]
    with services.store.writing() as tx:
        run = JobRun.start(tx, job, services, now)
        tx.runs.finish(run.number, now, CRASHED, {UNSCANNED + kind: 1 for kind in kinds})


def read_or_fault(read: Callable[[], T], otherwise: Callable[[IntegrationFault], T]) -> T:
    """What ``read`` returns; if the database refuses it, what ``otherwise`` makes of the fault.

    Raises:
        DatabaseUnreachable: the run ends, see ``run_or_unreachable``.
    """
    try:
        return read()
    except DatabaseDisagrees as error:
        return otherwise(schema_fault(error))
