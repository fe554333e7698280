"""The last look before a call: nothing leaves that might be answered after our lease."""

from collections.abc import Callable

from reconciler.domain.intents import Intent, Outcome, Result
from reconciler.engine.repair.repairer import Repairer
from reconciler.ports import RepairServices


def call_within_lease(
    services: RepairServices, repairer: Repairer, sending: Intent, call: Callable[[], Outcome]
) -> Outcome:
    """Make the call if one timeout and more is left of the lease; else nothing has left, and nothing will.

    We may have been frozen, or slow: by the end of the lease somebody else decides what becomes of the intent.
    """
    with services.store.reading() as tx:
        left = tx.intents.lease_left(sending)
    if left < repairer.limits.call_timeout:
        return Outcome(result=Result.LATER, code="lease_too_short")
    return call()
