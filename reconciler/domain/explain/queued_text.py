"""A queued text as ``explain`` shows it: no number, no name, no wording."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedText:
    """A row of the application's queue."""

    row: str
    status: str
    trigger: str
    made: str | None
    """As the database writes it; ``None`` if the queue has no such column or value."""
    provider_id: str | None
    ours: bool
    """We wrote the row and have sent nothing yet."""
