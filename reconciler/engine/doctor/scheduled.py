"""The doctor's checks on schedule: a failed check is a gap of its integration, closed when the check succeeds again."""

from collections.abc import Sequence

from reconciler.domain.gaps import GapKind, IntegrationFault
from reconciler.engine.doctor.checks import DoctorChecks, sink_fault
from reconciler.engine.reconcile.job_run import JobRun, gap_subject, read_or_fault, run_or_unreachable
from reconciler.engine.reconcile.planning import access_faults, may_repair
from reconciler.engine.reconcile.results import PassResult
from reconciler.engine.repair.integration_faults import (
    clock_faults,
    is_blind,
    provider_fault,
    try_writes,
)
from reconciler.engine.repair.repairer import Repairer
from reconciler.ports import Services

SINK = "sink"


def run_scheduled_checks(job: str, services: Services) -> PassResult:
    """Check every effect that is not off, and the notifier; without the mandate to act, read only.

    A pass checks the same in its preflight: a fault found here blocks it, and its end unblocks it.
    """
    run = _act if services.mandate.act else _scan
    return run_or_unreachable(lambda: [run(job, services)], [_result(job, [])])[0]


def _result(job: str, faults: Sequence[IntegrationFault]) -> PassResult:
    return PassResult(job=job, kind=None, effect=None, plan=None, faults=tuple(dict.fromkeys(faults)))


def _scan(job: str, services: Services) -> PassResult:
    """The checks that need only the right to read."""
    faults = list(clock_faults(services.store.clock_skew()))

    def read() -> None:
        with services.store.reading() as tx:
            for repairer in DoctorChecks(services, None).enabled:
                faults.extend(tx.bookings.effect_faults(repairer.effect, writing=False))
                faults.extend(access_faults(repairer, services))

    read_or_fault(read, faults.append)
    return _result(job, faults)


def _act(job: str, services: Services) -> PassResult:
    doctor, now = DoctorChecks(services, services.notifier), services.clock.now()
    clock = clock_faults(services.store.clock_skew())
    found = {gap_subject(repairer, services): _faults(repairer, doctor, clock) for repairer in doctor.enabled}
    checked = {
        gap_subject(repairer, services): _checked(repairer, services, found[gap_subject(repairer, services)])
        for repairer in doctor.enabled
    }
    silent = sink_fault(services.notifier)
    sink = f"{SINK} {services.runner.scope}".rstrip()
    found[sink], checked[sink] = [silent] if silent else [], [GapKind.INTEGRATION_SENTRY]
    with services.store.writing() as tx:
        run = JobRun.start(tx, job, services, now)
        for subject, faults in found.items():
            run.record_faults(tx, subject, faults, checked[subject])
    result = run.attach(_result(job, [fault for faults in found.values() for fault in faults]))
    with services.store.writing() as tx:
        run.finish(tx, [result])
    return result


def _faults(repairer: Repairer, doctor: DoctorChecks, clock: Sequence[IntegrationFault]) -> list[IntegrationFault]:
    """In the order of a pass: faults that falsify a scan, then faults that would break a repair."""
    faults = read_or_fault(lambda: list(doctor.faults_of(repairer)), lambda fault: [fault])
    if not may_repair(repairer, doctor.services):
        return faults
    if not faults:
        faults += try_writes(repairer, doctor.services).faults
    # Whether event ids belong to this calendar can only be checked if the tables can be read.
    provider = None if is_blind(faults) else provider_fault(repairer)
    return [*faults, *([provider] if provider else []), *clock]


def _checked(repairer: Repairer, services: Services, faults: Sequence[IntegrationFault]) -> Sequence[GapKind]:
    if not may_repair(repairer, services):
        return [GapKind.INTEGRATION_SCHEMA]
    if is_blind(faults):
        return [GapKind.INTEGRATION_SCHEMA, GapKind.INTEGRATION_SCHEDULER]
    return [GapKind.INTEGRATION_SCHEMA, repairer.integration, GapKind.INTEGRATION_SCHEDULER]
