"""The fire drill: a gap of each kind is planted, found, repaired and alerted.

Each link of this chain is tried and reported separately.

The passes are the real ones. They run in an environment (``ports.DrillStage``) that is rolled back and that calls no
provider. Only the last links leave the machine: one event, marked as a drill, goes to the notifier, one message through
each on-call route, and the monitoring service of each heartbeat is tried.
"""

import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta

from reconciler.domain.alerting.alerts import DeliveryStatus
from reconciler.domain.drill import DrillAlert, DrillResult, Link, LinkResult, LinkStatus
from reconciler.domain.gaps import GapKind, IntegrationFault
from reconciler.engine.doctor.checks import is_refusal
from reconciler.engine.drill import listeners
from reconciler.engine.drill.scenario import DrillScenario
from reconciler.engine.reconcile.job_run import JobRun, run_or_unreachable, subject_of_job
from reconciler.engine.reconcile.results import PassResult
from reconciler.engine.repair.integration_faults import database_fault, schema_fault
from reconciler.errors import DatabaseDisagrees, DatabaseUnreachable
from reconciler.ports import Clock, DrillStage, Services

Attempt = Callable[[], IntegrationFault | None]
CHECKED = (
    GapKind.INTEGRATION_SCHEMA,
    GapKind.INTEGRATION_SCHEDULER,
    GapKind.INTEGRATION_SENTRY,
    GapKind.INTEGRATION_ONCALL,
    GapKind.INTEGRATION_HEARTBEAT,
)
"""The integrations whose faults a drill records in the ledger. An unreachable database cannot be recorded there."""


def fire_drill(job: str, services: Services) -> PassResult:
    """Run the job once: run the drill, and record the faults. Without the mandate to act, do nothing.

    If the database cannot be reached, the result contains that fault.
    """
    result = PassResult(job=job, kind=None, effect=None, plan=None)
    if not services.mandate.act:
        return result
    return run_or_unreachable(lambda: _drill_and_record(result, services), [result])[0]


def _drill_and_record(result: PassResult, services: Services) -> Sequence[PassResult]:
    began_at = services.clock.now()
    with services.store.writing() as tx:
        run = JobRun.start(tx, result.job, services, began_at)
    faults = services.run_fire_drill().faults
    if any(fault.transient for fault in faults):
        # A lock or a failover is soon over, and the next drill may be a week away.
        faults = services.run_fire_drill().faults
    drilled = run.attach(replace(result, faults=faults))
    # If the database goes away now, the result still contains the faults that the drill found.
    return run_or_unreachable(lambda: _record(run, drilled, services), [drilled])


def _record(run: JobRun, result: PassResult, services: Services) -> Sequence[PassResult]:
    recorded = [fault for fault in result.faults if fault.kind in CHECKED]
    # If the drill did not try every link, nothing shows that an earlier fault is over: no fault is closed.
    checked = CHECKED if len(recorded) == len(result.faults) else ()
    with services.store.writing() as tx:
        run.record_faults(tx, subject_of_job(result.job, services), recorded, checked, services.clock.now())
        run.finish(tx, [result])
    return [result]


def try_links(stage: DrillStage) -> DrillResult:
    """Try every link. If a link is broken, the links that depend on it are not tried."""
    attempts = _Attempts(stage.clock)
    attempts.make(Link.SCHEDULER, stage.try_schedule)
    planted: tuple[GapKind, ...] = ()
    # The work in the environment is rolled back even if the connection is lost.
    with suppress(DatabaseUnreachable), ExitStack() as stack:
        scenarios: list[DrillScenario] = []

        def scan() -> IntegrationFault | None:
            scenarios.append(DrillScenario(stack.enter_context(stage.environment())))
            return scenarios[0].scan()

        attempts.make(Link.SCAN, scan)
        for scenario in scenarios:
            planted = tuple(scenario.planted)
            attempts.make(Link.REPAIR, scenario.repair, off=not scenario.repairs, after=Link.SCAN)
            attempts.make(Link.REPORT, scenario.report, after=Link.REPAIR)
    attempts.leave_out(Link.REPAIR, Link.REPORT)
    attempts.make(Link.SINK, lambda: _sink(stage, planted))
    attempts.make(
        Link.ONCALL, lambda: listeners.oncall_fault(stage.oncall, planted, stage.clock.now()), off=not stage.oncall
    )
    attempts.make(Link.HEARTBEATS, lambda: listeners.heartbeat_fault(stage.heartbeats), off=not stage.heartbeats.jobs)
    return DrillResult(links=tuple(attempts.made[link] for link in Link), planted=planted)


@dataclass(slots=True)
class _Attempts:
    """The result of each link so far."""

    clock: Clock
    made: dict[Link, LinkResult] = field(default_factory=dict)

    def make(self, link: Link, attempt: Attempt, *, off: bool = False, after: Link | None = None) -> None:
        """Try a link, unless the link it comes ``after`` is broken. ``off``: the settings turn it off."""
        if after and (after not in self.made or self.made[after].status is LinkStatus.BROKEN):
            return
        began = self.clock.now()
        try:
            fault = attempt()
        except DatabaseUnreachable as error:
            fault = database_fault(error)
        except DatabaseDisagrees as error:
            fault = schema_fault(error)
        status = LinkStatus.BROKEN if fault else LinkStatus.OFF if off else LinkStatus.OK
        self.made[link] = LinkResult(link=link, status=status, took=self.clock.now() - began, fault=fault)

    def leave_out(self, *links: Link) -> None:
        """Record the links that have not been tried as not reached."""
        for link in links:
            self.made.setdefault(link, LinkResult(link=link, status=LinkStatus.NOT_REACHED, took=timedelta(0)))


def _sink(stage: DrillStage, planted: tuple[GapKind, ...]) -> IntegrationFault | None:
    if stage.notifier is None:
        seen = "SENTRY_DSN is not set: alerts wait in the ledger and reach no one"
        return _sink_fault("no_sink", seen, "set SENTRY_DSN")
    delivery = stage.notifier.send_test_event(DrillAlert(id=uuid.uuid4().hex, planted=planted, at=stage.clock.now()))
    if delivery is DeliveryStatus.ACCEPTED:
        return None
    code = stage.notifier.check() or delivery
    remedy = "check SENTRY_DSN (Settings, Client Keys), the network path to its host, and its rate limits; see the log"
    fault = _sink_fault(f"sink_{delivery}", f"Sentry did not accept the drill's event ({code})", remedy)
    return replace(fault, transient=not is_refusal(code))


def _sink_fault(code: str, seen: str, remedy: str) -> IntegrationFault:
    return IntegrationFault(kind=GapKind.INTEGRATION_SENTRY, code=code, seen=seen, remedy=remedy)
