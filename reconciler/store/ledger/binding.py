"""What `migrate` does about the place: it binds a ledger that is not bound, and does what a person decides."""

from sqlalchemy import Connection

from reconciler.domain.place import CautionReason, PlaceView
from reconciler.store.ledger.place import PostgresPlaces


def bind_at_migration(connection: Connection, decided: str | None, *, lost: bool) -> PlaceView:
    """``decided``: *same* or *new* installation, or nothing. ``lost``: the ledger is new, and it is not the first.

    Returns the view before anything was bound.

    A place that is right needs no decision: then nothing changes.
    """
    places = PostgresPlaces(connection)
    view = places.enter()
    if lost:
        places.start_caution(CautionReason.LOST_LEDGER)
    if not view.status.forbids or decided is None:
        return view
    if decided == "new":
        places.become_new()
    places.bind(view.here)
    places.start_caution(CautionReason.ANOTHER_PLACE if decided == "same" else CautionReason.NEW_INSTALLATION)
    return view
