"""A provider's answer must not be lost because the database is briefly busy or unreachable."""

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from reconciler.errors import DatabaseUnreachable
from reconciler.ports import RepairServices, Transaction

T = TypeVar("T")

PAUSES = tuple(timedelta(seconds=seconds) for seconds in (0.1, 0.5, 2))
"""Long enough for a deadlock or a failover behind a pooler; short enough for a process that is asked to stop."""


def write_with_retry(services: RepairServices, write: Callable[[Transaction], T]) -> T:
    """Run ``write`` in its own transaction, up to four times. ``write`` must be safe to repeat.

    Raises:
        DatabaseUnreachable: the database did not come back. The ledger still says *sending*, so the lease expires and
            the outcome becomes *unknown*. It is then queried or alerted, never guessed.
    """
    for pause in PAUSES:
        try:
            with services.store.writing() as tx:
                return write(tx)
        except DatabaseUnreachable:
            services.clock.sleep(pause)
    with services.store.writing() as tx:
        return write(tx)
