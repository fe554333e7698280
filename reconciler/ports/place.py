"""The place that the ledger is bound to."""

from typing import Protocol

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
        """Take another installation id, so that nothing derived from it is the original's. Drops what is planned."""
        ...
