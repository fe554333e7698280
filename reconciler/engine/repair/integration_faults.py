"""Faults of a whole integration. They are checked first, because they break every repair and not just one."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from reconciler.domain.doctor import CheckResult, Note
from reconciler.domain.gaps import GapKind, IntegrationFault
from reconciler.engine.repair.repairer import Repairer
from reconciler.engine.repair.results import AttemptResult
from reconciler.errors import DatabaseBusy, DatabaseDisagrees, DatabaseUnreachable
from reconciler.ports import ProviderFailure, RepairServices, Transaction


def is_blind(faults: Collection[IntegrationFault]) -> bool:
    """Whether the application's tables cannot be read or cannot be trusted."""
    return any(fault.blinds for fault in faults)


def provider_fault(repairer: Repairer) -> IntegrationFault | None:
    """Return what would break every repair of this effect, an unreachable provider included."""
    try:
        return repairer.check()
    except ProviderFailure as failure:
        return unreachable(repairer.integration, failure)


def try_writes(repairer: Repairer, services: RepairServices) -> CheckResult:
    """Check that the database accepts what a repair writes: write it and roll back. A busy database is no fault.

    Raises:
        DatabaseUnreachable: the database cannot be reached.
    """
    try:
        with services.store.writing() as tx:
            return tx.bookings.try_writes(repairer.effect)
    except DatabaseBusy:
        said = f"no {repairer.effect.noun} could be tried: somebody holds a lock for longer than limits.timeouts.lock"
        return CheckResult(notes=[Note(message=said, remedy="try again once whoever holds it is done")])
    except DatabaseDisagrees as error:
        return CheckResult(faults=[schema_fault(error)])


UNUSABLE = timedelta(minutes=2)
"""With clocks this far apart, leases, quiet hours and tokens mean different times on each side."""


def clock_faults(ahead: timedelta) -> Sequence[IntegrationFault]:
    """Return the fault if the database's clock is too far ahead of, or behind, this machine's."""
    seconds = ahead.total_seconds()
    if abs(seconds) < UNUSABLE.total_seconds():
        return ()
    fault = IntegrationFault(
        kind=GapKind.INTEGRATION_SCHEDULER,
        code="clock_skew",
        seen=f"the database's clock is {seconds:+.0f} s from this machine's",
        remedy="keep both in step (NTP); find out which of them is wrong",
    )
    return (fault,)


def unreachable(kind: GapKind, failure: ProviderFailure) -> IntegrationFault:
    return IntegrationFault(
        kind=kind,
        code=failure.outcome.code,
        seen=f"the provider could not be asked ({failure.outcome.code})",
        remedy="nothing was sent; the next pass tries again",
        transient=True,
    )


def schema_fault(error: DatabaseDisagrees) -> IntegrationFault:
    """Return the fault of a database that rejects the scan itself, so that no conclusion can be trusted."""
    return IntegrationFault(
        kind=GapKind.INTEGRATION_SCHEMA, code=error.code, seen=str(error), remedy=error.advice, blinds=True
    )


def database_fault(error: DatabaseUnreachable) -> IntegrationFault:
    return IntegrationFault(
        kind=GapKind.INTEGRATION_DATABASE,
        code=error.code,
        seen=str(error),
        remedy=error.advice,
        transient=error.transient,
    )


def recordable(faults: Collection[IntegrationFault]) -> list[IntegrationFault]:
    """The faults for the ledger. Whether the database answers is known by whoever asks it, and told from memory."""
    return [fault for fault in faults if fault.kind != GapKind.INTEGRATION_DATABASE]


def attempt_fault(repairer: Repairer, end: AttemptResult) -> IntegrationFault:
    """Return why a repair ended *broken*, as precisely as the provider's own check can say."""
    said = (end.outcome and end.outcome.said) or "the provider refuses what we ask"
    return provider_fault(repairer) or IntegrationFault(
        kind=repairer.integration,
        code=end.reason,
        seen=f"{said} ({end.reason})",
        remedy="look the code up in the provider's documentation. Each pass tries one repair, another one first, and "
        "goes on by itself once one is accepted",
    )


def record_faults(
    tx: Transaction, about: str, faults: Collection[IntegrationFault], checked: Collection[GapKind], now: datetime
) -> None:
    """Record one gap per broken integration and subject. Close the gaps of the ``checked`` kinds that have no fault."""
    found = {kind: [fault for fault in faults if fault.kind == kind] for kind in {fault.kind for fault in faults}}
    for kind in checked:
        if kind not in found:
            tx.gaps.close(kind, about, "well", now)
    for kind in sorted(found):
        tx.gaps.record_faults(kind, about, found[kind], now)
