"""What a provider has answered must not be lost to a database that is busy or away for a moment."""

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from reconciler.errors import DatabaseUnreachable
from reconciler.ports import RepairServices, Transaction

T = TypeVar("T")

PAUSES = tuple(timedelta(seconds=seconds) for seconds in (0.1, 0.5, 2))
"""Long enough for a deadlock or a failover behind a pooler; short enough for somebody who waits for us to stop."""


def write_with_retry(services: RepairServices, write: Callable[[Transaction], T]) -> T:
    """Run ``write`` in a transaction of its own, up to four times; it must be harmless to repeat.

    Raises:
        DatabaseUnreachable: it did not come back. The ledger still says *sending*: the lease runs out, and the outcome
            is *unknown*, which is asked for or told, never guessed.
    """
    for pause in PAUSES:
        try:
            with services.store.writing() as tx:
                return write(tx)
        except DatabaseUnreachable:
            services.clock.sleep(pause)
    with services.store.writing() as tx:
        return write(tx)
