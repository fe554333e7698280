"""The morning after: passes over the bookings that a person names, however old they are.

A backfill is a pass with other services: its own span, no cap but ``--limit``, all the time it takes. What it finds,
decides, records and repairs is the pass's own code.
"""

import sys
from dataclasses import dataclass, replace
from datetime import timedelta

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.plan import BookingRange, Decision, Plan
from reconciler.domain.decide.policies import Limits
from reconciler.domain.decide.sms import SHORTEST_VALIDITY
from reconciler.domain.decide.verdicts import HOLDS_BY_A_PERSON, Refusal, VerdictStatus
from reconciler.domain.gaps import Effect
from reconciler.engine import alerting
from reconciler.engine.reconcile.results import PassResult
from reconciler.engine.reconcile.run_pass import run_pass
from reconciler.engine.repair.repairers import repairer_of
from reconciler.ports import Services

AS_LONG_AS_IT_TAKES = timedelta(days=365)
WIDENINGS = tuple(timedelta(days=days) for days in (7, 14, 21, 30, 60, 90, 180, 365, 730, 1825, 3650))
JOBS = {Effect.SMS: "backfill_sms", Effect.CALENDAR: "backfill_calendar"}
"""Under which names a backfill stands among the ledger's runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleAfterSuggestion:
    """A longer ``stale_after``, and how many more texts it would let through."""

    stale_after: timedelta
    more: int


def backfill_services(
    services: Services, span: BookingRange, *, limit: int | None, stale_after: timedelta | None
) -> Services:
    """The services of a pass over ``span``: at most ``limit`` repairs of each effect, texts up to ``stale_after``."""
    return replace(
        services,
        span=span,
        sms_policy=replace(services.sms_policy, stale_after=stale_after or services.sms_policy.stale_after),
        sms_limits=_unhurried(services.sms_limits, limit),
        calendar_limits=_unhurried(services.calendar_limits, limit),
    )


def _unhurried(limits: Limits, limit: int | None) -> Limits:
    return replace(limits, repairs=limit or sys.maxsize, budget=AS_LONG_AS_IT_TAKES)


def plan_backfill(effect: Effect, services: Services) -> PassResult:
    """What there is to do; nothing is written, whatever the mandate."""
    return _pass(effect, replace(services, mandate=replace(services.mandate, act=False)))


def run_backfill(effect: Effect, services: Services) -> PassResult:
    """Look once more, record, repair and tell.

    Raises:
        Exception: a bug met one of the bookings; all others were done before it is raised.
    """
    result = _pass(effect, services)
    alerting.send_alerts([result], services)
    return result


def _pass(effect: Effect, services: Services) -> PassResult:
    return run_pass(JOBS[effect], repairer_of(effect, services), services)


def suggest_stale_after(seen: PassResult, services: Services) -> StaleAfterSuggestion | None:
    """The smallest round ``stale_after`` that lets through every text that only its age holds back, if there is one."""
    old = _too_old(seen.plan)
    if not old:
        return None
    generous = replace(services, sms_policy=replace(services.sms_policy, stale_after=WIDENINGS[-1]))
    plan = plan_backfill(Effect.SMS, generous).plan
    let_through = [d for d in plan.decisions if d.booking.id in old and _is_possible(d)] if plan else []
    if not let_through:
        return None
    oldest = min(decision.booking.created_at for decision in let_through)
    needed = services.clock.now() - oldest + SHORTEST_VALIDITY
    enough = next((wide for wide in WIDENINGS if wide >= needed), None)
    return StaleAfterSuggestion(stale_after=enough, more=len(let_through)) if enough else None


def _too_old(plan: Plan | None) -> set[BookingId]:
    return {d.booking.id for d in plan.decisions if d.verdict.reason == Refusal.OLD} if plan else set()


def _is_possible(decision: Decision) -> bool:
    """Now, or later without a person's doing."""
    verdict = decision.verdict
    return (
        verdict.standing in (VerdictStatus.REPAIRABLE, VerdictStatus.HELD) and verdict.reason not in HOLDS_BY_A_PERSON
    )
