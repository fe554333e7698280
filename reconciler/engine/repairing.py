"""Claim and mend, one after the other, until the plan is done or the cap, the budget or a provider says stop."""

from collections.abc import Iterator

from reconciler.domain.gaps import Cause
from reconciler.domain.intents import Intent
from reconciler.domain.plan import Plan
from reconciler.domain.verdicts import Hold
from reconciler.engine.mender import Mender, Scope
from reconciler.engine.results import Became, Mended
from reconciler.errors import DatabaseBusy, DatabaseDisagrees, DatabaseUnreachable
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
    """One booking must not stop the others: a row that the database will not have, a lock held too long, a bug."""
    try:
        return mender.mend(intent, scope)
    except DatabaseBusy:
        end = Mended(became=Became.HELD, reason=Hold.BUSY)
    except DatabaseDisagrees as error:
        end = Mended(became=Became.BLOCKED, reason=error.code)
    except DatabaseUnreachable:
        raise
    except Exception as error:  # noqa: BLE001 - not hidden: the pass raises it once the other bookings are done
        end = Mended(became=Became.CRASHED, reason=type(error).__name__, crash=error)
    now = services.clock.now()
    with services.store.writing() as tx:
        tx.ledger.release(intent, end.reason, now)
        if end.became is not Became.HELD:
            tx.ledger.record_gap(mender.kind, intent.booking, Cause.BLOCKED, end.reason, now)
    return end
