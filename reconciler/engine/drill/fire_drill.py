"""The fire drill: a gap of each kind is planted, found, mended and told, each link of the chain by itself.

The passes are the real ones. Where they take place (``ports.Stage``) nothing of it lasts, and no provider is asked;
only the last link reaches out: one event that says *drill* to whoever is told of real gaps.
"""

import uuid
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta

from reconciler.domain.alerting.alerts import Told
from reconciler.domain.drill import Came, Drilled, DrillReport, Link, Tried
from reconciler.domain.gaps import GapKind, IntegrationFault
from reconciler.engine.doctor.checks import is_refusal
from reconciler.engine.drill.scenario import Performance
from reconciler.engine.reconcile.results import PassResult
from reconciler.engine.repair.integration_faults import disagreement, record_faults, unreachable_database
from reconciler.errors import DatabaseDisagrees, DatabaseUnreachable
from reconciler.ports import Clock, Services, Stage

Attempt = Callable[[], IntegrationFault | None]
CHECKED = (GapKind.INTEGRATION_SCHEMA, GapKind.INTEGRATION_SCHEDULER, GapKind.INTEGRATION_SENTRY)
"""What a drill may find broken; a database that is away is told without the ledger."""


def fire_drill(job: str, services: Services) -> PassResult:
    """One run of the job: drill, and write down what is broken. Without the mandate to act, nothing.

    A database that cannot be reached is a fault in the result.
    """
    result = PassResult(job=job, kind=None, effect=None, plan=None)
    if not services.mandate.act:
        return result
    began_at = services.clock.now()
    try:
        with services.store.writing() as tx:
            run = tx.ledger.start_run(job, services.runner, began_at, full=False)
        faults = services.drill().faults
        if any(fault.transient for fault in faults):
            faults = services.drill().faults  # a lock, a failover: the next time may be a week away
        result = replace(result, faults=faults, began_at=began_at, run=run)
        recorded = [fault for fault in faults if fault.kind in CHECKED]
        # Who could not try everything has nothing to say about what was broken before.
        well = CHECKED if len(recorded) == len(faults) else ()
        with services.store.writing() as tx:
            now = services.clock.now()
            record_faults(tx, f"{job} {services.runner.scope}".rstrip(), recorded, well, now)
            tx.ledger.finish_run(run, now, result.exit_code.name.lower(), result.counts())
    except DatabaseUnreachable as error:
        return replace(result, faults=(*result.faults, unreachable_database(error)))
    return result


def drill(stage: Stage) -> Drilled:
    """Try every link; one that is broken leaves out those that stand on it."""
    attempts = _Attempts(stage.clock)
    attempts.make(Link.SCHEDULER, stage.try_schedule)
    planted: tuple[GapKind, ...] = ()
    # Whatever becomes of the connection, what was done there is undone.
    with suppress(DatabaseUnreachable), ExitStack() as stack:
        performances: list[Performance] = []

        def scan() -> IntegrationFault | None:
            performances.append(Performance(stack.enter_context(stage.rehearsal())))
            return performances[0].scan()

        attempts.make(Link.SCAN, scan)
        for performance in performances:
            planted = tuple(performance.planted)
            attempts.make(Link.REPAIR, performance.repair, off=not performance.repairs, after=Link.SCAN)
            attempts.make(Link.REPORT, performance.report, after=Link.REPAIR)
    attempts.leave_out(Link.REPAIR, Link.REPORT)
    attempts.make(Link.SINK, lambda: _sink(stage, planted))
    return Drilled(tried=tuple(attempts.made[link] for link in Link), planted=planted)


@dataclass(slots=True)
class _Attempts:
    """What came of each link so far."""

    clock: Clock
    made: dict[Link, Tried] = field(default_factory=dict)

    def make(self, link: Link, attempt: Attempt, *, off: bool = False, after: Link | None = None) -> None:
        """Try a link, unless the one ``after`` which it comes is broken; ``off``: that it does nothing is as wanted."""
        if after and (after not in self.made or self.made[after].came is Came.BROKEN):
            return
        began = self.clock.now()
        try:
            fault = attempt()
        except DatabaseUnreachable as error:
            fault = unreachable_database(error)
        except DatabaseDisagrees as error:
            fault = disagreement(error)
        came = Came.BROKEN if fault else Came.OFF if off else Came.OK
        self.made[link] = Tried(link=link, came=came, took=self.clock.now() - began, fault=fault)

    def leave_out(self, *links: Link) -> None:
        """What was not tried until now could not be."""
        for link in links:
            self.made.setdefault(link, Tried(link=link, came=Came.NOT_REACHED, took=timedelta(0)))


def _sink(stage: Stage, planted: tuple[GapKind, ...]) -> IntegrationFault | None:
    if stage.reporter is None:
        seen = "SENTRY_DSN is not set: what is to be told waits in our ledger, and nobody hears of it"
        return _unheard("no_sink", seen, "set SENTRY_DSN")
    told = stage.reporter.rehearse(DrillReport(id=uuid.uuid4().hex, planted=planted, at=stage.clock.now()))
    if told is Told.ACCEPTED:
        return None
    code = stage.reporter.check() or told
    remedy = "check SENTRY_DSN (Settings, Client Keys), the way to its host, and its rate limits; the log has more"
    fault = _unheard(f"sink_{told}", f"Sentry did not accept the drill's event ({code})", remedy)
    return replace(fault, transient=not is_refusal(code))


def _unheard(code: str, seen: str, remedy: str) -> IntegrationFault:
    return IntegrationFault(kind=GapKind.INTEGRATION_SENTRY, code=code, seen=seen, remedy=remedy)
