"""Rates across processes: the slot for a call, and not a call more once somebody waits for us to stop."""

from datetime import timedelta

from reconciler.domain.intents import Intent
from reconciler.domain.verdicts import Hold
from reconciler.engine.results import Became, Mended
from reconciler.ports import Services


def wait_for_slot(services: Services, name: str, interval: timedelta, intent: Intent) -> Mended | None:
    """Wait for the next slot of ``name``; if the wait was cut short, the claim is given back: how that ended."""
    with services.store.writing() as tx:
        wait = tx.ledger.reserve_slot(name, interval)
    if wait:
        services.clock.pause(wait)
    if not services.stopping():
        return None
    with services.store.writing() as tx:
        tx.ledger.release(intent, Hold.BUSY, services.clock.now())
    return Mended(became=Became.HELD, reason=Hold.BUSY)
