"""What was looked at to decide about one booking, as ``explain`` shows it: no number, no name, no text."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedText:
    """A row of the application's queue."""

    row: str
    status: str
    trigger: str
    made: str | None
    """As the database writes it; ``None`` where the queue does not say."""
    provider_id: str | None
    ours: bool
    """Written by us, while nothing was sent."""
