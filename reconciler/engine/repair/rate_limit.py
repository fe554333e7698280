"""Rate limits across processes. No further call starts once our process is asked to stop."""

from datetime import timedelta

from reconciler.domain.decide.verdicts import Hold
from reconciler.domain.intents import LONGEST_PAUSE, Intent, Outcome, Result
from reconciler.engine.repair.results import AttemptResult, AttemptStatus
from reconciler.ports import RepairServices, Transaction

GOOGLE = "google"
LONGEST_WAIT = timedelta(minutes=1)
"""The longest wait for a slot within a pass. A repair that would have to wait longer is left to a later pass."""


def wait_for_slot(services: RepairServices, name: str, interval: timedelta, intent: Intent) -> AttemptResult | None:
    """Wait for the next slot of ``name``.

    Returns ``None`` once the slot has come. If there is none in time, or our process is asked to stop, the claim is
    released and the result of the attempt is returned.
    """
    hold = take_slot(services, name, interval)
    return _release(services, intent, hold) if hold else None


def take_slot(services: RepairServices, name: str, interval: timedelta) -> Hold | None:
    """Wait for the next slot of ``name``. Returns why there is none in time; ``None`` once it has come."""
    longest = max(LONGEST_WAIT, 2 * interval)
    with services.store.writing() as tx:
        wait = tx.rates.reserve(name, interval, longest)
    if wait > longest:
        # The provider has asked one process for a pause, and the pause holds for all of them.
        return Hold.PAUSED
    if wait:
        services.clock.pause(wait)
    return Hold.BUSY if services.stopping() else None


def apply_retry_after(tx: Transaction, name: str, outcome: Outcome) -> None:
    """If the provider asks for a pause, stop all processes from calling it until the pause is over."""
    if outcome.result is Result.LATER and outcome.stops_pass and outcome.retry_after:
        tx.rates.pause(name, min(outcome.retry_after, LONGEST_PAUSE))


def _release(services: RepairServices, intent: Intent, hold: Hold) -> AttemptResult:
    with services.store.writing() as tx:
        tx.intents.release(intent, hold, services.clock.now())
    return AttemptResult(status=AttemptStatus.HELD, reason=hold, outcome=without_slot(hold))


def without_slot(hold: Hold) -> Outcome | None:
    """The outcome of a call for which there was no slot: a pause stops the pass."""
    return Outcome(result=Result.LATER, code=hold, stops_pass=True) if hold is Hold.PAUSED else None
