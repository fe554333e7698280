"""Meeting the beacon before anything acts: another copy is refused, a restored ledger begins caution.

The beacon is renewed before the first call of a pass, and not after its last one. Two copies wake at the same minute:
the one whose renewal comes second sees the other before it has sent anything. A pass that is killed half-way has
renewed it too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.domain.beacon import (
    Beacon,
    BeaconStatus,
    BeaconView,
    beacon_fault,
    beacon_id,
    judge_beacon,
    missing_fault,
    stranger_fault,
)
from reconciler.domain.gaps import Effect, GapKind, IntegrationFault
from reconciler.domain.intents import Outcome, Result
from reconciler.domain.place import CautionReason, caution_fault
from reconciler.engine.repair.integration_faults import record_faults
from reconciler.engine.repair.place import ABOUT
from reconciler.engine.repair.rate_limit import GOOGLE, apply_retry_after
from reconciler.ports import CHANGED, DUPLICATE, Beacons, PassServices, ProviderFailure, ShownBeacon, Transaction

MOST_TRIES = 12
"""Deleted beacons and renewals of other processes that one pass follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """What a pass that is about to act has learned from the beacon."""

    status: BeaconStatus
    fault: IntegrationFault | None = None
    """Why nothing may act."""


def meet_beacon(services: PassServices) -> Meeting:
    """Compare the beacon with the ledger, and renew it. A calendar that does not answer stops nothing."""
    if services.beacons is None:
        return Meeting(status=BeaconStatus.OFF)
    try:
        return _meet(services.beacons, services)
    except ProviderFailure as failure:
        return _unanswered(services, failure.outcome)


def continue_lost_ledger(services: PassServices) -> None:
    """If this ledger is new and the calendar has the beacon of an earlier one of this database, continue that one.

    Called before the scan: nothing has been derived from the new ledger's id yet. Without an answer of the calendar the
    next pass asks again, unless something was planned until then.
    """
    if services.beacons is None:
        return
    with services.store.reading() as tx:
        if not tx.beacon.may_be_lost():
            return
    try:
        shown = services.beacons.others()
    except ProviderFailure:
        return
    with services.store.writing() as tx:
        lost = BeaconView(ledger=tx.beacon.view(), shown=None, others=shown).lost
        if lost is None:
            tx.beacon.looked()
        elif tx.beacon.continue_lost(lost):
            tx.places.start_caution(CautionReason.LOST_LEDGER)
            _alert(tx, services, [caution_fault(CautionReason.LOST_LEDGER)])


def _meet(beacons: Beacons, services: PassServices) -> Meeting:
    status = BeaconStatus.UNKNOWN
    for _ in range(MOST_TRIES):
        view, shown = _read(beacons, services)
        if view is None:
            continue
        # An event of ours whose content cannot be read says nothing about anybody: it is written again.
        status = BeaconStatus.UNKNOWN if shown and shown.beacon is None else judge_beacon(view)
        if status.forbids:
            return _refuse(services, status)
        outcome = _renew(beacons, services, status, view, shown)
        if outcome is None or outcome.result is Result.DONE:
            return Meeting(status=status)
        if outcome.code not in (CHANGED, DUPLICATE):
            return _unanswered(services, outcome)
        # Somebody was faster: a process of this ledger, whose nonce is ours, or another copy.
    return Meeting(status=status)


def _read(beacons: Beacons, services: PassServices) -> tuple[BeaconView | None, ShownBeacon | None]:
    """The beacon beside the ledger; ``None``: the event was deleted, and the next generation has to be read.

    The ledger is read after the calendar. What a process of this ledger wrote to the calendar was in the ledger before,
    so that processes of one ledger never take each other for a copy.
    """
    with services.store.reading() as tx:
        known = tx.beacon.view()
    shown = beacons.get(beacon_id(known.installation, known.generation))
    if shown and not shown.live:
        with services.store.writing() as tx:
            tx.beacon.next_generation(known.generation)
        return None, None
    others = beacons.others() if shown is None else ()
    with services.store.reading() as tx:
        ledger = tx.beacon.view()
    return BeaconView(ledger=ledger, shown=shown.beacon if shown else None, others=others), shown


def _refuse(services: PassServices, status: BeaconStatus) -> Meeting:
    with services.store.writing() as tx:
        tx.beacon.note(status)
    return Meeting(status=status, fault=beacon_fault(status))


def _renew(
    beacons: Beacons, services: PassServices, status: BeaconStatus, view: BeaconView, shown: ShownBeacon | None
) -> Outcome | None:
    """Write the next content; ``None``: nothing may be written to the calendar now."""
    may_write = Effect.CALENDAR not in services.suspended
    with services.store.writing() as tx:
        _begin_caution(tx, services, status, view)
        # Stored before the call: a process that is killed in between leaves a nonce that the ledger knows, whether or
        # not the calendar has it. The one that is shown stays known too.
        beacon = tx.beacon.issue(view.shown.nonce if view.shown else None) if may_write else None
        tx.beacon.note(status)
    if beacon is None:
        return None
    outcome = beacons.renew(beacon, shown.etag) if shown else beacons.insert(beacon)
    with services.store.writing() as tx:
        apply_retry_after(tx, GOOGLE, outcome)
        if outcome.result is Result.DONE:
            _confirm(tx, services, status, view.strangers)
    return outcome


def _begin_caution(tx: Transaction, services: PassServices, status: BeaconStatus, view: BeaconView) -> None:
    """Before the renewal, which takes away what shows that the ledger was restored."""
    if status is not BeaconStatus.RESTORED or view.shown is None:
        return
    tx.places.lock()
    if view.shown.nonce in tx.beacon.view().nonces:
        return  # another process of this ledger has seen it, and has begun the caution
    tx.beacon.accept(view.shown.nonce)
    tx.places.start_caution(CautionReason.RESTORED)
    _alert(tx, services, [caution_fault(CautionReason.RESTORED)])


def _confirm(tx: Transaction, services: PassServices, status: BeaconStatus, strangers: Sequence[Beacon]) -> None:
    tx.beacon.confirm({beacon.installation for beacon in strangers})
    faults = [missing_fault()] if status is BeaconStatus.MISSING else []
    _alert(tx, services, [*faults, *([stranger_fault(strangers)] if strangers else [])])


def _unanswered(services: PassServices, outcome: Outcome) -> Meeting:
    """Repairs go on as if there were no beacon. The calendar's own faults say what is wrong with it.

    What the last answer refused stays refused.
    """
    with services.store.writing() as tx:
        last = tx.beacon.last()
        if last is None or not last.forbids:
            tx.beacon.note(BeaconStatus.UNKNOWN, outcome.code)
            return Meeting(status=BeaconStatus.UNKNOWN)
    return Meeting(status=last, fault=beacon_fault(last))


def _alert(tx: Transaction, services: PassServices, faults: Sequence[IntegrationFault]) -> None:
    """Alert once. The gap is closed at once: it stops nothing."""
    now = services.clock.now()
    for fault in faults:
        record_faults(tx, ABOUT, [fault], (), now)
        tx.gaps.close(GapKind.INTEGRATION_PLACE, ABOUT, "caution", now)
