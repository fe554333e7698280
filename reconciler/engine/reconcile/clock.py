"""One clock: the ledger's moments are the database's. A host that disagrees with it writes that and no more."""

from datetime import timedelta

from reconciler.domain.gaps import GapKind
from reconciler.domain.intents import LONGEST_PAUSE
from reconciler.engine.reconcile.job_run import subject_of_job
from reconciler.engine.reconcile.results import PassResult
from reconciler.engine.repair.integration_faults import clock_faults, record_faults
from reconciler.ports import PassServices

CLOCK = "clock"
"""What the gap is about."""
LONGEST_SETTLE = timedelta(days=1)
"""Longer than any wait for an unknown outcome."""


def check_clocks(job: str, services: PassServices) -> PassResult | None:
    """The result of a run that must not begin; ``None`` if it may.

    What an earlier run stored with a wrong clock is clamped, so that no moment of it lasts longer than a right one.

    Raises:
        DatabaseUnreachable, DatabaseDisagrees: nothing was written.
    """
    faults = clock_faults(services.store.clock_skew())
    about, now, kind = subject_of_job(CLOCK, services), services.clock.now(), GapKind.INTEGRATION_SCHEDULER
    if faults:
        with services.store.writing() as tx:
            record_faults(tx, about, faults, (), now)
        return PassResult(job=job, kind=None, effect=None, plan=None, faults=tuple(faults), began_at=now)
    with services.store.reading() as tx:
        was_wrong, ahead = bool(tx.gaps.open_about(about, kind)), tx.clocks.has_futures(now)
    if was_wrong or ahead:
        with services.store.writing() as tx:
            tx.gaps.close(kind, about, "well", now)
            if ahead:
                # The database's clock was set back. How long a pause was meant to last is not known any more.
                settle = max(services.sms_limits.settle, services.calendar_limits.settle)
                tx.clocks.clamp(now, timedelta(0), settle)
            else:
                tx.clocks.clamp(now, LONGEST_PAUSE, LONGEST_SETTLE)
    return None
