"""When the breaker holds repairs: ask the provider about some of them, and let go, lock or go on holding."""

from dataclasses import replace

from reconciler.domain.decide.breaker import PlannedBy, Proof, candidates_of, judge_sample, sample
from reconciler.domain.decide.plan import Decision, Plan
from reconciler.domain.decide.verdicts import Hold
from reconciler.domain.gaps import Cause
from reconciler.engine.reconcile.planning import PassPlan
from reconciler.engine.repair.repairer import Repairer
from reconciler.ports import PassServices, ProviderFailure

TEXT_FOUND = "text_found"
"""The code of a lock: the provider has a text about one of the sample that the queue does not show, or not rightly."""


def after_proof(repairer: Repairer, services: PassServices, seen: PassPlan) -> PassPlan:
    """The plan after the provider was asked. Nothing is asked in a backfill, nor if a person gave ``--max``."""
    trip = seen.breaker_trip
    if trip is None or trip.locked or seen.plan is None or seen.as_found is None:
        return seen
    if services.booking_range or services.mandate.max_repairs is not None:
        return seen
    match _prove(repairer, services, seen, seen.plan):
        case Proof.LIFTED:
            approved = PlannedBy.APPROVED
            return replace(seen, plan=seen.as_found, as_found=None, breaker_trip=None, planned_by=approved)
        case Proof.LOCKED:
            plan = seen.as_found.holding(Hold.LOCKED, Cause.BREAKER)
            locked = replace(trip, locked=True, allowed=0, goes_on=0)
            return replace(seen, plan=plan, as_found=None, breaker_trip=locked, locks=TEXT_FOUND)
        case Proof.HELD:
            return replace(seen, as_found=None)


def _prove(repairer: Repairer, services: PassServices, seen: PassPlan, plan: Plan) -> Proof:
    try:
        presence_of = repairer.presence_finder(seen.scope)
        asked = (_with_details(repairer, services, seen, decision) for decision in candidates_of(plan))
        return judge_sample(sample(map(presence_of, asked)))
    except ProviderFailure:
        return Proof.HELD  # no answer proves nothing; the next pass asks again


def _with_details(repairer: Repairer, services: PassServices, seen: PassPlan, decision: Decision) -> Decision:
    """The decision with its booking in full: the provider is asked by number and words."""
    with services.store.reading() as tx:
        found = tx.bookings.in_full(repairer.kind, seen.at, [decision.booking.id])
    return replace(decision, booking=found[0]) if found else decision
