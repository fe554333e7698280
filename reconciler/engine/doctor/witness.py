"""The very statements and verdicts of a pass, run on a few bookings and on no others: what would fail, fails here."""

from dataclasses import replace

from reconciler.domain.decide.plan import BookingRange
from reconciler.engine.reconcile.planning import review_before
from reconciler.engine.reconcile.scan import Recorded, scan, scope_of
from reconciler.engine.repair.repairer import LONG_AGO, Repairer, latest_intents
from reconciler.ports import Services, Transaction

TRIED = 3
"""Bookings. The statements are the same for one and for a million."""


def try_scan(tx: Transaction, repairer: Repairer, services: Services) -> int:
    """Scan and judge the oldest bookings as a pass would. Returns how many that were; nothing is recorded.

    Raises:
        DatabaseDisagrees: the database refuses a statement, or a value of these bookings.
    """
    now, tried = services.clock.now(), frozenset(tx.bookings.oldest(TRIED))
    scope, _ = scope_of(tx, repairer.kind, services, now, [repairer.kind])
    scope = replace(scope, review_before=review_before(tx, repairer, services, now))
    settings, only = services.runner.scan_settings, BookingRange(bookings=tried)
    seen = scan(tx, repairer.kind, LONG_AGO, LONG_AGO, Recorded(planned=tried), settings, now, only)
    judged = tx.bookings.in_full(repairer.kind, now, [*seen.broken, *sorted(tried)])
    last = latest_intents(tx, repairer, judged) if tx.ledger.exists() else {}
    repairer.decide(tx, scope, judged, last, now)
    return len(tried)
