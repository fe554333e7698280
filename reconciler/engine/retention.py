"""Remove old finished rows from the ledger: nothing open, no undelivered alert, nothing of a future booking.

Transactions are short, oldest rows first. A run may be killed anywhere or overlap with another; the next does the rest.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from reconciler.domain.gaps import GapKind, IntegrationFault
from reconciler.domain.intents import IntentId
from reconciler.engine.reconcile.job_run import JobRun, read_or_fault, run_or_unreachable, subject_of_job
from reconciler.engine.reconcile.results import PassResult
from reconciler.ports import Cursor, Prunable, Services, Transaction

RUNS_KEPT = timedelta(days=90)
"""Long enough to compare with last month; there are a few hundred runs a day."""
BATCH = 1000
"""Rows per transaction."""
INTENTS = "intents"
REMOVABLE = (INTENTS, *(what.value for what in Prunable))
"""In the order of the output."""


def run_retention(job: str, services: Services) -> PassResult:
    """Remove the rows that may go; without the mandate to act, count them.

    A database that cannot be reached, or that refuses, is a fault in the result; what was removed by then is gone.
    """
    run = _act if services.mandate.act else _scan
    return run_or_unreachable(lambda: [run(job, services)], [_result(job, Counter())])[0]


def _result(job: str, removed: Counter[str]) -> PassResult:
    named = {what: removed[what] for what in REMOVABLE}
    return PassResult(job=job, kind=None, effect=None, plan=None, removed=named)


def _scan(job: str, services: Services) -> PassResult:
    counts: Counter[str] = Counter()

    def count() -> Sequence[IntegrationFault]:
        with services.store.reading() as tx:
            if not tx.ledger.exists():
                return ()
            now = _now(tx, services)
            counts.update({what: tx.retention.count(what, _before(what, services, now)) for what in Prunable})
            faults = tx.retention.read_faults()
            pages = [] if faults else _pages(tx, _before(INTENTS, services, now))
            counts[INTENTS] = sum(map(len, pages))
            return faults

    faults = read_or_fault(count, lambda fault: (fault,))
    return replace(_result(job, counts), faults=tuple(faults))


def _pages(tx: Transaction, before: datetime) -> Iterator[list[IntentId]]:
    page = tx.retention.old_intents(before, BATCH, None)
    yield list(page.intents)
    while page.last:
        page = tx.retention.old_intents(before, BATCH, page.last)
        yield list(page.intents)


def _act(job: str, services: Services) -> PassResult:
    began_at = services.clock.now()
    with services.store.writing() as tx:
        run = JobRun.start(tx, job, services, began_at)
        now = _now(tx, services)
    removal = _Removal(services=services, now=now, ends_at=began_at + services.calendar_limits.budget)
    read_or_fault(removal.run, removal.fail)
    removed = _result(job, removal.removed)
    result = run.attach(replace(removed, faults=removal.faults, cut_short=removal.cut_short))
    checked = [] if removal.cut_short else [GapKind.INTEGRATION_SCHEMA]
    with services.store.writing() as tx:
        run.record_faults(tx, subject_of_job(job, services), removal.faults, checked)
        run.finish(tx, [result])
    return result


def _now(tx: Transaction, services: Services) -> datetime:
    """The earlier of two clocks: a clock that is years ahead must not remove last week's rows."""
    return min(services.clock.now(), tx.ledger.now())


def _before(what: str, services: Services, now: datetime) -> datetime:
    return now - (RUNS_KEPT if what == Prunable.RUNS else services.retention_period)


@dataclass(slots=True, kw_only=True)
class _Removal:
    """The progress of one run. Intents come last: only they need the application's tables."""

    services: Services
    now: datetime
    ends_at: datetime
    removed: Counter[str] = field(default_factory=Counter)
    faults: tuple[IntegrationFault, ...] = ()
    cut_short: bool = False

    def run(self) -> None:
        for what in Prunable:
            self._remove(what)
        self._remove_intents()

    def fail(self, fault: IntegrationFault) -> None:
        self.faults = (fault,)

    def _is_over(self) -> bool:
        self.cut_short = self.services.stopping() or self.services.clock.now() >= self.ends_at
        return self.cut_short

    def _remove(self, what: Prunable) -> None:
        number = BATCH
        while number == BATCH and not self._is_over():
            with self.services.store.writing() as tx:
                number = tx.retention.remove(what, _before(what, self.services, self.now), BATCH)
            self.removed[what] += number

    def _remove_intents(self) -> None:
        before = _before(INTENTS, self.services, self.now)
        after: Cursor | None = None
        is_last = False
        while not is_last and not self._is_over():
            with self.services.store.writing() as tx:
                self.faults = tuple(tx.retention.read_faults())
                if self.faults:
                    return
                page = tx.retention.old_intents(before, BATCH, after)
                number = tx.retention.remove_intents(page.intents, before)
            self.removed[INTENTS] += number
            after, is_last = page.last, page.last is None
