"""Record the plan in the ledger before any call leaves: gaps are opened and closed, intents planned and dropped.

Intents come before gaps, as in every transaction that writes both, so that two of them never deadlock.
"""

from collections.abc import Sequence
from datetime import datetime

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.plan import Decision
from reconciler.domain.decide.verdicts import VerdictStatus
from reconciler.domain.intents import Intent, State
from reconciler.engine.reconcile.planning import PassPlan
from reconciler.engine.reconcile.scan import AT_ONCE
from reconciler.engine.repair.repairer import Repairer, latest_intents
from reconciler.ports import NewGap, NewIntent, Transaction


def record_plan(tx: Transaction, repairer: Repairer, seen: PassPlan, now: datetime) -> None:
    decisions = _still_true(tx, repairer, seen, seen.plan.decisions if seen.plan else ())
    _plan(tx, repairer, seen, decisions, now)
    dropped = {d.booking.id: d.verdict.reason for d in decisions if _drops_planned(d, seen)}
    tx.intents.drop_planned(repairer.effect, {**seen.resolved_otherwise, **dropped}, now)
    _record_gaps(tx, repairer, seen, decisions, now)


def record_gaps(tx: Transaction, repairer: Repairer, seen: PassPlan, now: datetime) -> None:
    """The part of a plan that a backfill records at once.

    Its intents follow one by one (``plan_repair``): a pass would drop what it finds planned and unclaimed and would not
    have planned itself, such as a booking from before ``since``.
    """
    _record_gaps(tx, repairer, seen, _still_true(tx, repairer, seen, seen.plan.decisions if seen.plan else ()), now)


def plan_repair(tx: Transaction, repairer: Repairer, seen: PassPlan, decision: Decision, now: datetime) -> None:
    """Plan one repair, unless another pass has acted on its booking since the scan."""
    _plan(tx, repairer, seen, _still_true(tx, repairer, seen, [decision]), now)


def _plan(tx: Transaction, repairer: Repairer, seen: PassPlan, decisions: Sequence[Decision], now: datetime) -> None:
    repairs = [decision for decision in decisions if decision.verdict.status is VerdictStatus.REPAIRABLE]
    refused = {d.booking.id: last for d in repairs if (last := seen.intents.get(d.booking.id)) and _is_same(last, d)}
    if refused:
        tx.intents.reopen(list(refused.values()), now)
    tx.intents.plan(
        [
            NewIntent(
                booking=d.booking.id,
                effect=repairer.effect,
                trigger=d.trigger,
                subject=d.subject,
                incarnation=d.incarnation,
                recipient=d.recipient,
                starts_at=d.booking.starts_at,
                planned_by=seen.planned_by,
            )
            for d in repairs
            if d.booking.id not in refused
        ],
        now,
    )


def _is_same(refused: Intent, decision: Decision) -> bool:
    """Whether the repair is the very one that was refused. It keeps its intent, and so its row or its event id."""
    return (refused.state, refused.trigger, refused.subject, refused.incarnation) == (
        State.REFUSED,
        decision.trigger,
        decision.subject,
        decision.incarnation,
    )


def _record_gaps(
    tx: Transaction, repairer: Repairer, seen: PassPlan, decisions: Sequence[Decision], now: datetime
) -> None:
    over = {d.booking.id: d.verdict.reason for d in decisions if d.verdict.cause is None}
    tx.gaps.close_all(repairer.kind, {**seen.resolved_otherwise, **over}, now)
    tx.gaps.adopt(repairer.kind)
    tx.gaps.record_all(repairer.kind, new_gaps(decisions), now)


def new_gaps(decisions: Sequence[Decision]) -> dict[BookingId, NewGap]:
    """The gaps among the decisions, as the ledger records them. Many are alike, and share one object."""
    alike: dict[NewGap, NewGap] = {}
    gaps: dict[BookingId, NewGap] = {}
    for decision in decisions:
        verdict, booking = decision.verdict, decision.booking
        if verdict.cause:
            new = NewGap(cause=verdict.cause, reason=verdict.reason, booking_status=booking.status)
            gaps[booking.id] = alike.setdefault(new, new)
    return gaps


def _still_true(
    tx: Transaction, repairer: Repairer, seen: PassPlan, decisions: Sequence[Decision]
) -> Sequence[Decision]:
    """The decisions on bookings that no other pass has acted on since the scan: what that pass recorded is newer."""
    kept: list[Decision] = []
    for some in (decisions[first : first + AT_ONCE] for first in range(0, len(decisions), AT_ONCE)):
        last = latest_intents(tx, repairer, [decision.booking for decision in some])
        kept += [d for d in some if last.get(d.booking.id) == seen.intents.get(d.booking.id)]
    return kept


def _drops_planned(decision: Decision, seen: PassPlan) -> bool:
    """Whether a refusal drops the planned intent: not if the intent itself waits to recheck that refusal."""
    last = seen.intents.get(decision.booking.id)
    rechecks = last is not None and last.state is State.PLANNED and last.code == decision.verdict.reason
    return decision.verdict.status is VerdictStatus.NEEDS_HUMAN and not rechecks
