"""The look and the plan of a pass: read-only, from one consistent view of the database."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.plan import EVERYTHING, Plan, Tripped, trips
from reconciler.domain.decide.policies import Policy
from reconciler.domain.decide.verdicts import Check, Hold, check
from reconciler.domain.gaps import Cause, Gap, IntegrationFault
from reconciler.domain.intents import Intent, State
from reconciler.engine.reconcile.scan import look, oldest_of, scope_of
from reconciler.engine.repair.repairer import Mender, Scope
from reconciler.ports import Services, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What was seen and what follows from it; nothing has happened yet."""

    scope: Scope
    full: bool
    faults: tuple[IntegrationFault, ...]
    plan: Plan | None
    tripped: Tripped | None = None
    intents: Mapping[BookingId, Intent]
    mended_otherwise: Mapping[BookingId, str]
    """Bookings with an open gap or a planned intent whose rule holds now, and the condition that says so."""


def survey(tx: Transaction, job: str, mender: Mender, services: Services, now: datetime) -> Survey:
    acting = services.mandate.act and may_repair(mender, services)
    faults = tuple(tx.bookings.faults(mender.effect, writing=acting))
    scope, full = scope_of(tx, job, services, now)
    if any(fault.blinds for fault in faults):
        return Survey(scope=scope, full=full, faults=faults, plan=None, intents={}, mended_otherwise={})
    has_ledger = tx.ledger.exists()
    begun = begun_of(tx, mender) if has_ledger else []
    known = known_of(tx.ledger.open_gaps(mender.kind), begun) if has_ledger and services.span is None else set()
    oldest, span = oldest_of(scope, services, now, full=full), services.span or EVERYTHING
    seen = look(tx, mender.kind, scope.since, oldest, known, now, span, {intent.booking for intent in begun})
    ids = [booking.id for booking in seen.broken]
    intents = tx.ledger.last_intents(mender.effect, ids, mender.final_triggers) if has_ledger else {}
    plan = Plan(
        kind=mender.kind,
        looked_at=seen.looked_at,
        by_condition=seen.by_condition,
        decisions=mender.decide(tx, scope, seen.broken, intents, now),
        past=tx.bookings.past(mender.kind, now, oldest, span) if services.span else 0,
    )
    plan, tripped = _held_back(plan, mender, services, faults)
    return Survey(
        scope=scope,
        full=full,
        faults=faults,
        plan=plan,
        tripped=tripped,
        intents=intents,
        mended_otherwise=seen.over,
    )


def blind(fault: IntegrationFault, now: datetime) -> Survey:
    """What is left of a look that the database refused."""
    scope = Scope(since=now, installation="")
    return Survey(scope=scope, full=False, faults=(fault,), plan=None, intents={}, mended_otherwise={})


def may_repair(mender: Mender, services: Services) -> bool:
    return Policy.REPAIR is mender.policy is services.repairs


def pass_checks(mender: Mender, services: Services, faults: Collection[IntegrationFault]) -> Iterator[Check]:
    """What holds back every repair of an effect, the most fundamental first."""
    policy = mender.policy if services.repairs is Policy.REPAIR else f"repairs: {services.repairs}"
    seen = {
        Hold.POLICY: (policy, not may_repair(mender, services)),
        Hold.SUSPENDED: ("on" if mender.effect in services.suspended else "off", mender.effect in services.suspended),
        Hold.INTEGRATION: (", ".join(sorted({fault.code for fault in faults})) or "well", bool(faults)),
    }
    for name, (said, applies) in seen.items():
        yield check(name, said, applies=applies, cause=Cause.BLOCKED)


def known_of(gaps: Collection[Gap], begun: Sequence[Intent]) -> set[BookingId]:
    """Open gaps and planned intents are looked at whatever their age: none fades by leaving the window."""
    return {BookingId(gap.about) for gap in gaps} | {
        intent.booking for intent in begun if intent.state is State.PLANNED
    }


def begun_of(tx: Transaction, mender: Mender) -> list[Intent]:
    """What has not come to its end."""
    open_states = [state for state in State if not state.is_final]
    return [intent for state in open_states for intent in tx.ledger.in_state(mender.effect, state)]


def _held_back(
    plan: Plan, mender: Mender, services: Services, faults: Collection[IntegrationFault]
) -> tuple[Plan, Tripped | None]:
    """The holds that stop a whole plan, the most fundamental first."""
    hold = next((check for check in pass_checks(mender, services, faults) if check.verdict), None)
    if hold:
        name = Hold(hold.name)
        return plan.holding(name, Cause.BLOCKED if name is Hold.INTEGRATION else None), None
    tripped = trips(plan, mender.limits.breaker, services.mandate.ceiling)
    return (plan.holding(Hold.BREAKER, Cause.BREAKER), tripped) if tripped else (plan, None)
