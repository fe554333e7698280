"""Claim and repair one intent after the other, until the plan is done or the cap, the budget or a provider stops it."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.plan import Decision, Plan
from reconciler.domain.decide.verdicts import Hold
from reconciler.domain.gaps import Cause
from reconciler.domain.intents import Intent
from reconciler.engine.reconcile.planning import PassPlan
from reconciler.engine.reconcile.record import plan_repair
from reconciler.engine.repair.repairer import Repairer, Scope
from reconciler.engine.repair.results import AttemptResult, AttemptStatus
from reconciler.errors import DatabaseBusy, DatabaseDisagrees, DatabaseUnreachable
from reconciler.ports import PassServices


def repairs(repairer: Repairer, services: PassServices, plan: Plan, seen: PassPlan) -> Iterator[AttemptResult]:
    """The result of each attempt, in the order in which they happened.

    A booking that only seemed repairable (it was texted, moved or locked meanwhile) does not count towards the cap.
    """
    if not plan.repairs:
        return
    ends_at = services.clock.now() + repairer.limits.budget
    with services.store.reading() as tx:
        begun_at = tx.ledger.now()
    if services.booking_range:
        claims = _claim_in_order(repairer, services, seen, plan.repairs, begun_at)
    else:
        claims = _claim_any(repairer, services, [decision.booking.id for decision in plan.repairs], begun_at)
    acted = 0
    while acted < repairer.limits.repairs and services.clock.now() < ends_at and not services.stopping():
        intent = next(claims, None)
        if intent is None:
            return
        end = _attempt(repairer, services, intent, seen.scope)
        yield end
        acted += end.outcome is not None or end.status.is_repaired
        if end.stops_pass:
            return


def _claim_any(
    repairer: Repairer, services: PassServices, wanted: Sequence[BookingId], begun_at: datetime
) -> Iterator[Intent]:
    """A pass claims planned intents of any process, the least recently tried first, so that none starves."""
    while wanted:
        now = services.clock.now()
        with services.store.writing() as tx:
            intent = tx.intents.claim(repairer.effect, wanted, begun_at, repairer.limits.lease, now)
        if intent is None:
            return
        yield intent


def _claim_in_order(
    repairer: Repairer, services: PassServices, seen: PassPlan, wanted: Sequence[Decision], begun_at: datetime
) -> Iterator[Intent]:
    """A backfill starts with the oldest booking and plans and claims each in one transaction."""
    # A repair that failed before may fail again, and would stop the backfill: whatever has not failed goes first.
    for decision in sorted(wanted, key=lambda one: _has_failed(seen.intents.get(one.booking.id))):
        if services.stopping():
            return
        now = services.clock.now()
        with services.store.writing() as tx:
            plan_repair(tx, repairer, seen, decision, now)
            intent = tx.intents.claim(repairer.effect, [decision.booking.id], begun_at, repairer.limits.lease, now)
        if intent:
            yield intent


def _has_failed(last: Intent | None) -> bool:
    return last is not None and last.code != ""


def _attempt(repairer: Repairer, services: PassServices, intent: Intent, scope: Scope) -> AttemptResult:
    """One booking must not stop the others: a row the database refuses, a lock held too long, a bug."""
    try:
        return repairer.repair(intent, scope)
    except DatabaseBusy:
        end = AttemptResult(status=AttemptStatus.HELD, reason=Hold.BUSY)
    except DatabaseDisagrees as error:
        end = AttemptResult(status=AttemptStatus.BLOCKED, reason=error.code)
    except DatabaseUnreachable:
        raise
    except Exception as error:  # noqa: BLE001 - not hidden: the pass raises it once the other bookings are done
        end = AttemptResult(status=AttemptStatus.CRASHED, reason=type(error).__name__, crash=error)
    now = services.clock.now()
    with services.store.writing() as tx:
        tx.intents.release(intent, end.reason, now)
        if end.status is not AttemptStatus.HELD:
            tx.gaps.record(repairer.kind, intent.booking, Cause.BLOCKED, end.reason, now)
    return end
