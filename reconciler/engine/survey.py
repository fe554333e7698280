"""The look and the plan of a pass: read-only, from one consistent view of the database."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

from reconciler.domain.bookings import BookingId
from reconciler.domain.gaps import Cause, IntegrationFault
from reconciler.domain.intents import Intent, State
from reconciler.domain.plan import Look, Plan, Tripped, trips
from reconciler.domain.policies import Policy
from reconciler.domain.verdicts import Condition, Finding, Hold
from reconciler.engine.mender import Mender, Scope
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
    scope, full = _scope(tx, job, services, now)
    if any(fault.blinds for fault in faults):
        return Survey(scope=scope, full=full, faults=faults, plan=None, intents={}, mended_otherwise={})
    oldest = scope.since if full else max(scope.since, now - services.window.lookback)
    seen = tx.bookings.look(mender.kind, now, oldest)
    again = _again(tx, mender, {booking.id for booking in seen.broken})
    findings = tx.bookings.findings(mender.kind, now, scope.since, again)
    broken = [*seen.broken, *(finding.booking for finding in findings.values() if finding.failed is None)]
    has_ledger = tx.ledger.exists()
    ids = [booking.id for booking in broken]
    intents = tx.ledger.last_intents(mender.effect, ids, mender.final_triggers) if has_ledger else {}
    looked_at, by_condition = _with_older(seen, findings, oldest)
    plan = Plan(
        kind=mender.kind,
        looked_at=looked_at,
        by_condition=by_condition,
        decisions=mender.decide(tx, scope, broken, intents, now),
    )
    plan, tripped = _held_back(plan, mender, services, faults)
    return Survey(
        scope=scope,
        full=full,
        faults=faults,
        plan=plan,
        tripped=tripped,
        intents=intents,
        mended_otherwise={id_: _why(findings.get(id_)) for id_ in again if _is_over(findings.get(id_))},
    )


def blind(fault: IntegrationFault, now: datetime) -> Survey:
    """What is left of a look that the database refused."""
    scope = Scope(since=now, installation="")
    return Survey(scope=scope, full=False, faults=(fault,), plan=None, intents={}, mended_otherwise={})


def may_repair(mender: Mender, services: Services) -> bool:
    return Policy.REPAIR is mender.policy is services.repairs


def _scope(tx: Transaction, job: str, services: Services, now: datetime) -> tuple[Scope, bool]:
    """How far back we are responsible, and whether this pass goes back all the way: the first of each venue day."""
    window = services.window
    if not tx.ledger.exists():
        return Scope(since=window.since or now - window.lookback, installation=""), True
    installation = tx.ledger.installation()
    scope = Scope(since=window.since or installation.since, installation=installation.id)
    return scope, not tx.ledger.had_full_look(job, _midnight(now, services.texts.zone))


def _midnight(now: datetime, zone: ZoneInfo) -> datetime:
    return datetime.combine(now.astimezone(zone).date(), time(), tzinfo=zone)


def _again(tx: Transaction, mender: Mender, found: Collection[BookingId]) -> list[BookingId]:
    """Open gaps and planned intents are looked at by id whatever their age: none fades by leaving the window."""
    if not tx.ledger.exists():
        return []
    known = {BookingId(gap.about) for gap in tx.ledger.open_gaps(mender.kind)}
    known |= {intent.booking for intent in tx.ledger.in_state(mender.effect, State.PLANNED)}
    return sorted(known - set(found))


def _with_older(
    seen: Look, findings: Mapping[BookingId, Finding], oldest: datetime
) -> tuple[int, Mapping[tuple[Condition, str], int]]:
    """Counts of the look plus the bookings beyond its window that were looked at by id."""
    older = [finding for finding in findings.values() if finding.booking.created_at < oldest]
    counts = Counter(seen.by_condition)
    counts.update((finding.failed, "") for finding in older if finding.failed)
    return seen.looked_at + len(older), counts


def _is_over(finding: Finding | None) -> bool:
    return finding is None or finding.failed is not None


def _why(finding: Finding | None) -> str:
    return finding.failed if finding and finding.failed else "gone"


def _held_back(
    plan: Plan, mender: Mender, services: Services, faults: Collection[IntegrationFault]
) -> tuple[Plan, Tripped | None]:
    """The holds that stop a whole plan, the most fundamental first."""
    if not may_repair(mender, services):
        return plan.holding(Hold.POLICY), None
    if mender.effect in services.suspended:
        return plan.holding(Hold.SUSPENDED), None
    if faults:
        return plan.holding(Hold.INTEGRATION, Cause.BLOCKED), None
    tripped = trips(plan, mender.limits.breaker, services.mandate.ceiling)
    return (plan.holding(Hold.BREAKER, Cause.BREAKER), tripped) if tripped else (plan, None)
