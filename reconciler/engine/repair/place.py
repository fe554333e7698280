"""Entering the place: nothing acts in a copy of the database; a new timeline and a lost ledger start caution."""

from dataclasses import dataclass, replace
from datetime import datetime

from reconciler.domain.beacon import BeaconStatus
from reconciler.domain.gaps import GapKind
from reconciler.domain.place import CautionReason, PlaceStatus, PlaceView, caution_fault, place_fault
from reconciler.engine.repair.integration_faults import record_faults
from reconciler.errors import UnsafePlace
from reconciler.ports import Clock, Store, Transaction

ABOUT = "place"
"""What the gaps of ``integration.place`` are about: the installation, whatever the scope."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    view: PlaceView
    """The place before anything was bound."""
    caution: CautionReason = CautionReason.NONE
    """Why caution began, if it began now."""
    beacon: BeaconStatus | None = None
    """What the beacon said to the last pass that was about to act."""


def enter_place(store: Store, clock: Clock) -> None:
    """Called before anything acts.

    Raises:
        UnsafePlace: the installation is bound to another database, or it cannot be told whether this is a copy.
    """
    with store.reading() as tx:
        view = tx.places.view()
    if not view.is_settled:
        with store.writing() as tx:
            view = enter(tx, clock.now()).view
    fault = place_fault(view)
    if fault:
        raise UnsafePlace(fault.seen, fault.remedy, fault.code)


def enter(tx: Transaction, now: datetime) -> Entry:
    """Bind an unbound ledger, and store what has become known of the place. What starts caution is alerted.

    Of several processes that meet a new timeline, the first one alone sees it.
    """
    tx.places.lock()
    view = tx.places.view()
    if view.is_settled:
        return Entry(view=view)
    reason = CautionReason.NONE
    if view.status is PlaceStatus.NEW_TIMELINE:
        reason = CautionReason.NEW_TIMELINE
    elif view.status is PlaceStatus.UNBOUND and tx.places.is_lost():
        # Decided here and not where the schema is made: a migration may die in between, or be run as SQL by hand.
        reason = CautionReason.LOST_LEDGER
    tx.places.bind(view.known)
    if reason:
        tx.places.start_caution(reason)
        _alert_caution(tx, reason, now)
    return Entry(view=view, caution=reason)


def enter_at_migration(tx: Transaction, decided: str | None, now: datetime) -> Entry:
    """What `migrate` does about the place. ``decided``: *same* or *new* installation, or nothing.

    A place that is right, and that no beacon contradicts, needs no decision: then nothing changes. Without a decision,
    the person who migrates says that a ledger which was never bound belongs here.
    """
    tx.places.lock()
    view, beacon = tx.places.view(), tx.beacon.last()
    if decided and (not view.status.is_home or (beacon and beacon.forbids)):
        moved = CautionReason.BEACON_SETTLED if view.status.is_home else CautionReason.ANOTHER_PLACE
        reason = moved if decided == "same" else CautionReason.NEW_INSTALLATION
        if decided == "new":
            tx.places.become_new()
        else:
            tx.beacon.settle()
        tx.places.bind(view.known if view.status.is_home else view.here)
        tx.places.start_caution(reason)
        return Entry(view=view, caution=reason)
    if view.status is PlaceStatus.NEVER_BOUND:
        tx.places.bind(view.here)
        return Entry(view=view, beacon=beacon)
    return replace(enter(tx, now), beacon=beacon)


def _alert_caution(tx: Transaction, reason: CautionReason, now: datetime) -> None:
    """Record that caution began. The gap is closed at once: it is alerted, and stops nothing."""
    record_faults(tx, ABOUT, [caution_fault(reason)], (), now)
    tx.gaps.close(GapKind.INTEGRATION_PLACE, ABOUT, "caution", now)
