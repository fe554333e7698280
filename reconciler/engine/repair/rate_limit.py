"""Rates across processes: the slot for a call, and not a call more once somebody waits for us to stop."""

from datetime import timedelta

from reconciler.domain.decide.verdicts import Hold
from reconciler.domain.intents import LONGEST_PAUSE, Intent, Outcome, Result
from reconciler.engine.repair.results import AttemptResult, AttemptStatus
from reconciler.ports import RepairServices, Transaction

LONGEST_WAIT = timedelta(minutes=1)
"""For a slot, within a pass; who would have to wait longer leaves it to a later one."""


def wait_for_slot(services: RepairServices, name: str, interval: timedelta, intent: Intent) -> AttemptResult | None:
    """Wait for the next slot of ``name``; if the wait was cut short, the claim is given back: how that ended."""
    longest = max(LONGEST_WAIT, 2 * interval)
    with services.store.writing() as tx:
        wait = tx.rates.reserve(name, interval, longest)
    if wait > longest:
        # The provider has asked one of us for a pause: it is everybody's.
        return _give_back(services, intent, Hold.PAUSED, stops=True)
    if wait:
        services.clock.pause(wait)
    return _give_back(services, intent, Hold.BUSY, stops=False) if services.stopping() else None


def apply_retry_after(tx: Transaction, name: str, outcome: Outcome) -> None:
    """The provider wants no call before a while: no process makes one."""
    if outcome.result is Result.LATER and outcome.stops_pass and outcome.retry_after:
        tx.rates.pause(name, min(outcome.retry_after, LONGEST_PAUSE))


def _give_back(services: RepairServices, intent: Intent, hold: Hold, *, stops: bool) -> AttemptResult:
    with services.store.writing() as tx:
        tx.intents.release(intent, hold, services.clock.now())
    outcome = Outcome(result=Result.LATER, code=hold, stops_pass=True) if stops else None
    return AttemptResult(status=AttemptStatus.HELD, reason=hold, outcome=outcome)
