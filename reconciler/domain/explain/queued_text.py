"""A queued text as ``explain`` shows it: no number, no name, no wording."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedText:
    """A row of the application's queue."""

    row: str
    status: str
    trigger: str
    made: str | None
    """When the row was created, as the database writes it; ``None`` if the queue has no such column or value."""
    provider_id: str | None
    ours: bool
    """Whether we wrote the row and have not sent the text yet."""
    is_evidence: bool
    """Whether it satisfies *sms.missing*: its trigger says what the booking calls for, and it is queued or sent."""
