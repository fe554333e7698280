"""Backfill: passes over a range of bookings that a human names, at any age.

A backfill is a pass with other services: its own range, no cap but ``--limit``, and no time budget. It scans, plans,
records and repairs with the code of the pass.
"""

import sys
from dataclasses import dataclass, replace
from datetime import timedelta

from reconciler.domain.decide.plan import BookingRange, Decision
from reconciler.domain.decide.policies import Limits
from reconciler.domain.decide.sms import SHORTEST_VALIDITY
from reconciler.domain.decide.verdicts import HOLDS_BY_A_PERSON, Refusal, VerdictStatus
from reconciler.domain.gaps import Effect
from reconciler.engine import alerting
from reconciler.engine.reconcile.clock import check_clocks
from reconciler.engine.reconcile.results import PassResult
from reconciler.engine.reconcile.run_pass import run_pass
from reconciler.engine.repair.repairers import repairer_of
from reconciler.ports import Services

NO_BUDGET = timedelta(days=365)
WIDENINGS = tuple(timedelta(days=days) for days in (7, 14, 21, 30, 60, 90, 180, 365, 730, 1825, 3650))
JOBS = {Effect.SMS: "backfill_sms", Effect.CALENDAR: "backfill_calendar"}
"""The job names of backfills in the ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleAfterSuggestion:
    """A longer ``stale_after``, and how many more texts it would let through."""

    stale_after: timedelta
    more: int


def backfill_services(
    services: Services, booking_range: BookingRange, *, limit: int | None, stale_after: timedelta | None
) -> Services:
    """The services of a pass over the range: at most ``limit`` repairs per effect.

    A person names the bookings, so no text is too old for them, unless ``stale_after`` says so.
    """
    return replace(
        services,
        booking_range=booking_range,
        sms_policy=replace(services.sms_policy, stale_after=stale_after),
        sms_limits=_without_budget(services.sms_limits, limit),
        calendar_limits=_without_budget(services.calendar_limits, limit),
    )


def _without_budget(limits: Limits, limit: int | None) -> Limits:
    return replace(limits, repairs=limit or sys.maxsize, budget=NO_BUDGET)


def plan_backfill(effect: Effect, services: Services) -> PassResult:
    """The result of a backfill that only plans, with its decisions. It writes nothing, under any mandate."""
    return _pass(effect, replace(services, mandate=replace(services.mandate, act=False)), keep_decisions=True)


def run_backfill(effect: Effect, services: Services) -> PassResult:
    """Scan again, record, repair and alert.

    Raises:
        Exception: a bug occurred with one of the bookings. It is raised after all others are done.
    """
    refused = check_clocks(JOBS[effect], services)
    result = refused or _pass(effect, services)
    alerting.send_alerts([result], services)
    return result


def _pass(effect: Effect, services: Services, *, keep_decisions: bool = False) -> PassResult:
    return run_pass(JOBS[effect], repairer_of(effect, services), services, keep_decisions=keep_decisions)


def suggest_stale_after(seen: PassResult, services: Services) -> StaleAfterSuggestion | None:
    """The smallest round ``stale_after`` that lets through every text that only its age stops, if there is one."""
    old = {d.booking.id for d in seen.decisions if d.verdict.reason == Refusal.OLD}
    if not old:
        return None
    generous = replace(services, sms_policy=replace(services.sms_policy, stale_after=WIDENINGS[-1]))
    let_through = [d for d in plan_backfill(Effect.SMS, generous).decisions if d.booking.id in old and _is_possible(d)]
    if not let_through:
        return None
    oldest = min(decision.booking.due_at for decision in let_through)
    needed = services.clock.now() - oldest + SHORTEST_VALIDITY
    enough = next((wide for wide in WIDENINGS if wide >= needed), None)
    return StaleAfterSuggestion(stale_after=enough, more=len(let_through)) if enough else None


def _is_possible(decision: Decision) -> bool:
    """Whether the booking can be repaired now, or later without a human."""
    verdict = decision.verdict
    return verdict.status in (VerdictStatus.REPAIRABLE, VerdictStatus.HELD) and verdict.reason not in HOLDS_BY_A_PERSON
