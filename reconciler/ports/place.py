"""The place that the ledger is bound to, and the beacon that shows it in the calendar."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from reconciler.domain.beacon import Beacon, BeaconStatus, LedgerView
from reconciler.domain.intents import Outcome
from reconciler.domain.place import Caution, CautionReason, Place, PlaceView


class Places(Protocol):
    """Where this installation may act, and with how much caution."""

    def view(self) -> PlaceView:
        """The place of this database beside the one that the ledger is bound to. Writes nothing."""
        ...

    def caution(self) -> Caution | None: ...

    def lock(self) -> None:
        """Until the end of the transaction nobody else changes the place or the caution."""
        ...

    def is_lost(self) -> bool:
        """Whether the ledger is new, and the application's tables hold what an earlier one made."""
        ...

    def bind(self, here: Place) -> None:
        """Bind the ledger to this place."""
        ...

    def start_caution(self, reason: CautionReason) -> None: ...

    def become_new(self) -> None:
        """Take another installation id, so that nothing derived from it is the original's. Drops what is planned.

        The beacon of the original is not ours any more.
        """
        ...


class BeaconLedger(Protocol):
    """What the ledger keeps of the beacon. All processes of an installation share it."""

    def view(self) -> LedgerView: ...

    def may_be_lost(self) -> bool:
        """Whether this ledger is new, and nobody has asked the calendar yet whether there was one before."""
        ...

    def issue(self, shown: str | None) -> Beacon:
        """The next content of the beacon. It is stored before it is written to the calendar; ``shown`` stays known."""
        ...

    def accept(self, nonce: str) -> None:
        """From now on this nonce is one of ours."""
        ...

    def note(self, status: BeaconStatus, code: str = "") -> None:
        """What was found, for whoever looks at the ledger; ``code``: why the calendar does not have the newest."""
        ...

    def confirm(self, strangers: Collection[str] = ()) -> None:
        """The calendar has our beacon. ``strangers``: the other installations that were reported."""
        ...

    def next_generation(self, generation: int) -> None:
        """The event of this generation was deleted, and its id is used up."""
        ...

    def settle(self) -> None:
        """A person said that this is the installation: the next unknown nonce is accepted."""
        ...

    def last(self) -> BeaconStatus | None:
        """What the last pass that was about to act has found; ``None`` if none has asked, or a person has decided."""
        ...

    def looked(self) -> None:
        """The calendar was asked whether there was a ledger before."""
        ...

    def continue_lost(self, lost: Beacon) -> bool:
        """Take the installation id of an earlier ledger of this database. ``False``: this one has begun to act."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownBeacon:
    """An event under the id of a beacon."""

    etag: str
    live: bool
    beacon: Beacon | None
    """``None``: somebody has removed what we wrote there."""


class Beacons(Protocol):
    """The beacons in the calendar."""

    def get(self, event_id: str) -> ShownBeacon | None:
        """The event, live or tombstone; ``None`` if the calendar never had it.

        Raises:
            ProviderFailure: the answer says nothing about the event.
        """
        ...

    def others(self) -> Sequence[Beacon]:
        """Every beacon that the calendar has.

        Raises:
            ProviderFailure: the list could not be read to its end.
        """
        ...

    def insert(self, beacon: Beacon) -> Outcome:
        """Insert it. ``DUPLICATE``: the id exists, live or deleted."""
        ...

    def renew(self, beacon: Beacon, etag: str) -> Outcome:
        """Replace the content. ``CHANGED``: somebody has changed the event since it had this etag."""
        ...


CHANGED = "google:conditionNotMet"
"""The code of a renewal that came second."""
