"""What we made, and its booking has no use for: removed, or put right, as carefully as anything is made."""

from collections.abc import Sequence

from reconciler.domain.gaps import IntegrationFault
from reconciler.domain.intents import Intent
from reconciler.engine.reconcile.planning import may_repair
from reconciler.engine.reconcile.settle import what_is_broken
from reconciler.engine.repair.integration_faults import fault_of
from reconciler.engine.repair.repairer import Mender, Scope
from reconciler.errors import DatabaseBusy
from reconciler.ports import ProviderFailure, Services


def sweep(mender: Mender, services: Services) -> tuple[IntegrationFault, ...]:
    """Put the strays right, at most a pass's number of them; what is broken, if nobody could be asked.

    More than the breaker allows at once are rather somebody's mistake than so many cancelled parties: not one is
    touched, and a person is asked.
    """
    if not may_repair(mender, services) or mender.effect in services.suspended:
        return ()
    now = services.clock.now()
    with services.store.reading() as tx:
        scope = Scope(since=now, installation=tx.ledger.installation().id)
        strays = mender.strays(tx, scope, now - services.window.lookback)
    if not strays:
        return ()
    faults = what_is_broken(mender, services)
    if faults:
        return faults
    most = mender.limits.breaker.floor if services.mandate.ceiling is None else services.mandate.ceiling
    if len(strays) > most:
        return (_too_many(mender, len(strays), most),)
    return _sweep(strays[: mender.limits.repairs], mender, scope, services)


def _sweep(strays: Sequence[Intent], mender: Mender, scope: Scope, services: Services) -> tuple[IntegrationFault, ...]:
    ends_at = services.clock.now() + mender.limits.budget
    for stray in strays:
        if services.stopping() or services.clock.now() >= ends_at:
            break
        try:
            mender.sweep(stray, scope)
        except DatabaseBusy:
            continue  # somebody is writing the booking: the next pass looks again
        except ProviderFailure:
            # If the provider as a whole is well, one event that cannot be asked for stops no other.
            fault = fault_of(mender)
            if fault:
                return (fault,)
    return ()


def _too_many(mender: Mender, found: int, most: int) -> IntegrationFault:
    return IntegrationFault(
        kind=mender.integration,
        code="too_many_strays",
        seen=f"{found} events of ours have lost their booking at once, and limits.breaker.events allows {most}",
        remedy=f"check that bookings were not removed by mistake; if they were meant to be, reconciler once "
        f"missing_events --do --max {found} removes the events",
    )
