"""The breaker: how many new repairs a pass may begin, and when it lets go of the rest by itself.

Suspiciously many repairs look the same whether the application failed or we do not see what it did. So they are held,
until the provider has shown for some of them that the effect does not exist, or a person has decided.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.plan import BreakerTrip, Decision, Plan, hold_decision
from reconciler.domain.decide.policies import Breaker
from reconciler.domain.decide.verdicts import Hold, Verdict, VerdictStatus
from reconciler.domain.gaps import Cause, Gap

COUNTED = timedelta(days=1)
"""The breaker counts repairs, and what called for them, over this time: a mistake in portions is still one mistake."""
DEMAND_DAYS = 28
LEAST_FLOOR = 5
"""The floor of a venue that is never busier than this: a person can look at so few."""
SAMPLE = 10
"""How many held repairs the provider is asked about."""
MOST_ASKED = 20
"""Where some of them cannot be read, others are asked about, so many in all."""


class PlannedBy(StrEnum):
    """Which count of the breaker a repair belongs to."""

    ORDINARY = "pass"
    BACKFILL = "backfill"
    APPROVED = "approved"
    """To none: a person gave ``--max``, or the provider has shown that the effects were absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What bookings called for lately."""

    due: int
    """Bookings whose occasion became due within the last day."""
    busiest_day: int
    """The most bookings of one day among the days that were read: the last ``DEMAND_DAYS``, or the last one."""


def needs_busiest_day(number: int, breaker: Breaker, due: int) -> bool:
    """Whether the busiest day can decide anything about so many repairs, of which ``due`` became due in a day."""
    if number <= LEAST_FLOOR:
        return False
    return number <= breaker.floor or _are_many(number, breaker.floor, breaker, of=due)


def floor_of(breaker: Breaker, demand: Demand) -> int:
    """As many repairs in a day never trip the breaker. A quiet venue has a lower floor than the setting."""
    return min(breaker.floor, max(LEAST_FLOOR, demand.busiest_day))


def check_breaker(
    plan: Plan, breaker: Breaker, demand: Demand, repaired: int, max_repairs: int | None
) -> BreakerTrip | None:
    """The trip if the plan is suspiciously large, else ``None``.

    ``repaired``: what was begun within the last day and is not approved. ``max_repairs`` (``--max``) replaces the
    breaker for one run, and refuses the plan as a whole.
    """
    if max_repairs is not None:
        return _beyond(plan, demand.due, max_repairs)
    found, floor = plan.new_repairs, floor_of(breaker, demand)
    if not found or not _are_many(found + repaired, floor, breaker, of=demand.due):
        return None
    goes_on = max(0, floor - repaired)
    return BreakerTrip(found=found, checked=demand.due, allowed=goes_on, goes_on=goes_on, repaired=repaired)


def check_backfill(plan: Plan, breaker: Breaker, repaired: int, max_repairs: int | None) -> BreakerTrip | None:
    """The same for a backfill, which has a count of its own: a share of the bookings that the person named."""
    if max_repairs is not None:
        return _beyond(plan, plan.checked, max_repairs)
    found = plan.new_repairs
    if not found or not _are_many(found + repaired, breaker.floor, breaker, of=plan.checked):
        return None
    return BreakerTrip(
        found=found, checked=plan.checked, allowed=max(0, breaker.floor - repaired), repaired=repaired, of="checked"
    )


def _beyond(plan: Plan, checked: int, max_repairs: int) -> BreakerTrip | None:
    found = plan.new_repairs
    return BreakerTrip(found=found, checked=checked, allowed=max_repairs) if found > max_repairs else None


def _are_many(number: int, floor: int, breaker: Breaker, *, of: int) -> bool:
    # A share means nothing for a handful of bookings: then the floor alone decides.
    share = breaker.ratio * of if of >= breaker.ratio_from else 0
    return number > floor and number > share


def hold_beyond(plan: Plan, trip: BreakerTrip) -> Plan:
    """The plan in which what the breaker holds is held. What was begun before goes on, then what starts soonest."""
    new = sorted((d for d in plan.repairs if d.is_new), key=_soonest_first)
    kept = {decision.booking.id for decision in new[trip.goes_on :]}
    decisions = [hold_decision(d, Hold.BREAKER, Cause.BREAKER) if d.booking.id in kept else d for d in plan.decisions]
    return replace(plan, decisions=decisions)


def _soonest_first(decision: Decision) -> tuple[bool, float, str]:
    starts_at = decision.booking.starts_at
    return starts_at is None, starts_at.timestamp() if starts_at else 0.0, decision.booking.id


class Presence(StrEnum):
    """What the provider shows of one effect that is about to be repaired."""

    ABSENT = "absent"
    PRESENT = "present"
    """There is something that the application's tables do not show: they cannot be believed."""
    UNDECIDED = "undecided"
    """Nothing is proved by what the provider shows, for this effect or for any other."""
    LEFT_OUT = "left out"
    """There is too much to read about this one. The others can be proved without it."""


class Proof(StrEnum):
    """What follows for the repairs that the breaker holds."""

    LIFTED = "lifted"
    LOCKED = "locked"
    HELD = "held"


def candidates_of(held: Plan) -> Sequence[Decision]:
    """Held repairs in the order in which they are asked about.

    The first ``SAMPLE`` are spread evenly from the soonest to the latest booking start. The others stand in for those
    of them that cannot be read.
    """
    waiting = sorted((d for d in held.decisions if d.verdict.reason == Hold.BREAKER), key=_soonest_first)
    last, most = len(waiting) - 1, min(len(waiting), SAMPLE)
    spread = [number * last // max(1, most - 1) for number in range(most)]
    order = [*spread, *sorted(set(range(len(waiting))) - set(spread))]
    return [waiting[index] for index in order[:MOST_ASKED]]


def sample(answers: Iterable[Presence]) -> list[Presence]:
    """As many of the answers as the proof needs; no further one is asked for."""
    seen: list[Presence] = []
    for answer in answers:
        if answer is not Presence.LEFT_OUT:
            seen.append(answer)
        if answer in (Presence.PRESENT, Presence.UNDECIDED) or len(seen) == SAMPLE:
            break
    return seen


def judge_sample(seen: Collection[Presence]) -> Proof:
    """One effect that exists is enough to stop; every one of the sample must be absent to go on."""
    if Presence.PRESENT in seen:
        return Proof.LOCKED
    return Proof.LIFTED if seen and set(seen) == {Presence.ABSENT} else Proof.HELD


def mark_refused_alike(
    plan: Plan, gaps: Mapping[BookingId, Gap], breaker: Breaker, demand: Demand, now: datetime
) -> Plan:
    """The plan in which many refusals for one new reason have a cause that may page: something they share is wrong."""
    lately = now - COUNTED

    def is_new(decision: Decision) -> bool:
        gap = gaps.get(decision.booking.id)
        return gap is None or gap.reason != decision.verdict.reason or gap.opened_at >= lately

    refused = [d for d in plan.decisions if d.verdict.status is VerdictStatus.NEEDS_HUMAN]
    counts = Counter(d.verdict.reason for d in refused if is_new(d))
    many = {reason for reason, number in counts.items() if _are_many(number, LEAST_FLOOR, breaker, of=demand.due)}

    def marked(decision: Decision) -> Decision:
        verdict, gap = decision.verdict, gaps.get(decision.booking.id)
        if verdict.status is not VerdictStatus.NEEDS_HUMAN:
            return decision
        # A gap keeps the cause while it keeps its reason: another cause would be a new incident.
        was = gap is not None and gap.cause is Cause.REFUSED_ALIKE and gap.reason == verdict.reason
        if was or (verdict.reason in many and is_new(decision)):
            return replace(decision, verdict=_refused_alike(verdict))
        return decision

    return replace(plan, decisions=[marked(d) for d in plan.decisions])


@cache
def _refused_alike(verdict: Verdict) -> Verdict:
    """The verdict with the cause that may page. There are as many of them as reasons, and each is shared."""
    return replace(verdict, cause=Cause.REFUSED_ALIKE)
