"""The last check before a call: no call leaves whose answer could arrive after our lease has ended."""

from collections.abc import Callable

from reconciler.domain.intents import Intent, Outcome, Result
from reconciler.engine.repair.repairer import Repairer
from reconciler.ports import RepairServices


def call_within_lease(
    services: RepairServices, repairer: Repairer, sending: Intent, call: Callable[[], Outcome]
) -> Outcome:
    """Make the call if the lease outlasts it and the record of its answer. Otherwise nothing leaves this machine.

    Our process may have been frozen or slow. Once the lease has ended, another process decides about the intent.
    """
    with services.store.reading() as tx:
        left = tx.intents.lease_left(sending)
    if left < repairer.limits.answer_within:
        return Outcome(result=Result.LATER, code="lease_too_short")
    return call()
