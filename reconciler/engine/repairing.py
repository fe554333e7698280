"""Claim and mend, one after the other, until the plan is done or the cap, the budget or a provider says stop."""

from collections.abc import Iterator

from reconciler.domain.gaps import Cause
from reconciler.domain.intents import Intent
from reconciler.domain.plan import Plan
from reconciler.engine.mender import Mender, Scope
from reconciler.engine.results import Became, Mended
from reconciler.errors import DatabaseDisagrees
from reconciler.ports import Services


def repairs(mender: Mender, services: Services, plan: Plan, scope: Scope) -> Iterator[Mended]:
    """The end of each attempt, in the order in which they happened.

    A booking that only looked repairable (it was mended, moved or locked meanwhile) costs nothing of the cap.
    """
    wanted = [decision.booking.id for decision in plan.repairs]
    ends_at = services.clock.now() + mender.limits.budget
    with services.store.reading() as tx:
        begun_at = tx.ledger.now()
    acted = 0
    while wanted and acted < mender.limits.repairs and services.clock.now() < ends_at:
        now = services.clock.now()
        with services.store.writing() as tx:
            intent = tx.ledger.claim(mender.effect, wanted, begun_at, mender.limits.lease, now)
        if intent is None:
            return
        end = _mend(mender, services, intent, scope)
        yield end
        acted += end.outcome is not None or end.became.is_repaired
        if end.stops_pass:
            return


def _mend(mender: Mender, services: Services, intent: Intent, scope: Scope) -> Mended:
    try:
        return mender.mend(intent, scope)
    except DatabaseDisagrees as error:
        # One booking's row that the database will not have (a trigger, a constraint) must not stop the others.
        now = services.clock.now()
        with services.store.writing() as tx:
            tx.ledger.release(intent, error.code, now)
            tx.ledger.record_gap(mender.kind, intent.booking, Cause.BLOCKED, error.code, now)
        return Mended(became=Became.HELD, reason=error.code)
