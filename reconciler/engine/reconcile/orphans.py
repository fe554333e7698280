"""Orphans: events of ours whose booking no longer calls for them. They are removed as carefully as events are made."""

from collections.abc import Sequence

from reconciler.domain.gaps import IntegrationFault
from reconciler.domain.intents import Intent
from reconciler.engine.reconcile.planning import may_repair
from reconciler.engine.reconcile.settle import effect_faults
from reconciler.engine.repair.integration_faults import provider_fault
from reconciler.engine.repair.repairer import Repairer, Scope
from reconciler.errors import DatabaseBusy
from reconciler.ports import PassServices, ProviderFailure


def repair_orphans(repairer: Repairer, services: PassServices) -> tuple[IntegrationFault, ...]:
    """Repair the orphans, at most as many as a pass repairs. Returns the faults that prevented it.

    More orphans at once than the breaker allows are more likely a mistake than that many cancelled bookings: none is
    touched, and the fault needs a human.
    """
    if not may_repair(repairer, services) or repairer.effect in services.suspended:
        return ()
    now = services.clock.now()
    with services.store.reading() as tx:
        scope = Scope(since=now, installation=tx.ledger.installation().id)
        orphans = repairer.orphans(tx, scope, now - services.window.scan_window)
    if not orphans:
        return ()
    faults = effect_faults(repairer, services)
    if faults:
        return faults
    most = repairer.limits.breaker.floor if services.mandate.max_repairs is None else services.mandate.max_repairs
    if len(orphans) > most:
        return (_too_many(repairer, len(orphans), most),)
    return _remove_orphans(orphans[: repairer.limits.repairs], repairer, scope, services)


def _remove_orphans(
    orphans: Sequence[Intent], repairer: Repairer, scope: Scope, services: PassServices
) -> tuple[IntegrationFault, ...]:
    ends_at = services.clock.now() + repairer.limits.budget
    for orphan in orphans:
        if services.stopping() or services.clock.now() >= ends_at:
            break
        try:
            repairer.remove_orphan(orphan, scope)
        except DatabaseBusy:
            continue  # another transaction is writing the booking: the next pass tries again
        except ProviderFailure:
            # If the provider as a whole works, one event that cannot be read does not stop the others.
            fault = provider_fault(repairer)
            if fault:
                return (fault,)
    return ()


def _too_many(repairer: Repairer, found: int, most: int) -> IntegrationFault:
    return IntegrationFault(
        kind=repairer.integration,
        code="too_many_orphans",
        seen=f"{found} events of ours have lost their booking at once, and limits.breaker.calendar allows {most}",
        remedy=f"check that bookings were not removed by mistake; if they were meant to be, reconciler once "
        f"calendar_missing --do --max {found} removes the events",
    )
