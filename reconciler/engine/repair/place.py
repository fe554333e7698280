"""Entering the place: nothing acts in a copy of the database, and a new timeline starts caution."""

from reconciler.domain.gaps import GapKind
from reconciler.domain.place import CautionReason, PlaceStatus, caution_fault, place_fault
from reconciler.engine.repair.integration_faults import record_faults
from reconciler.errors import UnsafePlace
from reconciler.ports import Clock, Store, Transaction

ABOUT = "place"
"""What the gaps of ``integration.place`` are about: the installation, whatever the scope."""


def enter_place(store: Store, clock: Clock) -> None:
    """Called before anything acts.

    Raises:
        UnsafePlace: the installation is bound to another database.
    """
    with store.reading() as tx:
        view = tx.places.view()
    if view.status in (PlaceStatus.UNBOUND, PlaceStatus.NEW_TIMELINE):
        with store.writing() as tx:
            view = tx.places.enter()
            if view.status is PlaceStatus.NEW_TIMELINE:
                alert_caution(tx, CautionReason.NEW_TIMELINE, clock)
    fault = place_fault(view)
    if fault:
        raise UnsafePlace(fault.seen, fault.remedy, fault.code)


def alert_caution(tx: Transaction, reason: CautionReason, clock: Clock) -> None:
    """Record that caution began. The gap is closed at once: it is alerted, and stops nothing."""
    now = clock.now()
    record_faults(tx, ABOUT, [caution_fault(reason)], (), now)
    tx.gaps.close(GapKind.INTEGRATION_PLACE, ABOUT, "caution", now)
