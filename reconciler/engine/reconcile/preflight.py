"""The preflight of a pass: faults that would break every repair and that a scan of the bookings cannot show."""

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.domain.gaps import GapKind, IntegrationFault
from reconciler.domain.intents import State
from reconciler.engine.reconcile.job_run import gap_subject
from reconciler.engine.reconcile.planning import PassPlan, may_repair
from reconciler.engine.repair.integration_faults import clock_faults, is_blind, provider_fault, try_writes
from reconciler.engine.repair.repairer import Repairer
from reconciler.ports import PassServices


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightResult:
    faults: Sequence[IntegrationFault]
    checked: Sequence[GapKind]
    """The kinds of integration that were checked: one without a fault works."""
    was_displaced: bool
    """Whether an earlier pass met another copy that acts, or a restored ledger."""


def run_preflight(
    repairer: Repairer, services: PassServices, seen: PassPlan, met: Sequence[IntegrationFault]
) -> PreflightResult:
    """Check what a repair needs, if there is one to do, and what was broken before, to see whether it works again.

    ``met``: faults that the settling met.
    """
    schema, provider, clock = GapKind.INTEGRATION_SCHEMA, repairer.integration, GapKind.INTEGRATION_SCHEDULER
    broken = _broken(repairer, services, (schema, provider, clock, GapKind.INTEGRATION_PLACE))
    displaced = GapKind.INTEGRATION_PLACE in broken
    if not may_repair(repairer, services):
        # A provider that nothing may be sent to is not asked: it cannot block a repair either.
        return PreflightResult(faults=(), checked=(schema, provider, clock), was_displaced=displaced)
    repairs = bool((seen.plan and seen.plan.repairs) or (seen.removals and seen.removals.allowed))
    found = [fault for fault in met if fault.kind == provider][:1]
    # A scan that found the tables locked says nothing about them, neither well nor broken.
    checked = [schema] if seen.plan or any(fault.kind == schema for fault in seen.faults) else []
    if found or repairs or (provider in broken and not is_blind(seen.faults)):
        found = found or [fault for fault in [provider_fault(repairer)] if fault]
        if found or not _waits_for_proof(seen, broken.get(provider, "")):
            checked.append(provider)
    if not any(fault.kind == schema for fault in seen.faults) and (repairs or schema in broken):
        found += try_writes(repairer, services).faults
    if repairs or clock in broken:
        checked.append(clock)
        found += clock_faults(services.store.clock_skew())
    return PreflightResult(faults=found, checked=checked, was_displaced=displaced)


def _broken(repairer: Repairer, services: PassServices, kinds: Sequence[GapKind]) -> dict[GapKind, str]:
    """The integrations that are recorded as broken, each with its code."""
    about = gap_subject(repairer, services)
    with services.store.reading() as tx:
        return {gap.kind: gap.reason for gap in tx.gaps.open_about(about, *kinds)}


def _waits_for_proof(seen: PassPlan, code: str) -> bool:
    """Whether a repair was refused with the code of the recorded fault and waits for its next attempt.

    The provider's own check cannot show such a fault, so that it finds nothing proves nothing. A repair that is
    accepted does.
    """
    waiting = (intent for intent in seen.intents.values() if intent.state is State.PLANNED)
    return any(intent.code == code for intent in waiting)
