"""An intent is one row of our ledger: one effect for one booking. It is written before the call.

```
             claimed, checked twice, leased          accepted ------------> done*
planned ------------------------------------> sending  permanent answer --> refused*
  ^  |  ^                                       | |
  |  |  +------ certainly not done -------------+ |
  |  +-> dropped*  satisfied, no longer eligible  |
  |  +-> needs_human  attempts used up            v timeout, reset, 5xx, unreadable 2xx, lease ran out
  +---- absence proved ---------------------- unknown --found--> done*   --absence proved, not wanted--> dropped*
                                                 +--undecided--> needs_human --a person--> done* | planned | dropped*
refused* --looked at again--> planned
```
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from reconciler.domain.bookings import BookingId, hashed_key
from reconciler.domain.gaps import Cause, Effect

IntentId = NewType("IntentId", str)

EVENT_TRIGGER = "event"
"""The application has no triggers for events, but the ledger's column is NOT NULL."""

HANDED_OVER = "handed_over"
"""The code of a *done* text that was handed over to the application (``Intent.handed_over``)."""

BY_A_PERSON = "by_a_person"
"""The code of an intent that a person resolved, and of its closed gap. Decisions read ``resolved_by_person``."""

LONGEST_PAUSE = timedelta(days=2)
"""The longest pause before an attempt. A later ``not_before`` comes from a process with a wrong clock."""

SUBJECT_PARTS = ":"
"""The separator between the parts of a subject. The first part is the recipient."""


class State(StrEnum):
    PLANNED = "planned"
    SENDING = "sending"
    UNKNOWN = "unknown"
    NEEDS_HUMAN = "needs_human"
    DONE = "done"
    REFUSED = "refused"
    DROPPED = "dropped"

    @property
    def is_final(self) -> bool:
        """Whether nothing is left to do for it, unless what refused it is gone."""
        return self in (State.DONE, State.REFUSED, State.DROPPED)


LEGAL_MOVES: dict[State, frozenset[State]] = {
    State.PLANNED: frozenset({State.SENDING, State.DROPPED, State.NEEDS_HUMAN}),
    State.SENDING: frozenset({State.DONE, State.REFUSED, State.PLANNED, State.UNKNOWN}),
    State.UNKNOWN: frozenset({State.DONE, State.PLANNED, State.DROPPED, State.NEEDS_HUMAN}),
    State.NEEDS_HUMAN: frozenset({State.DONE, State.PLANNED, State.DROPPED}),
    State.DONE: frozenset(),
    State.REFUSED: frozenset({State.PLANNED}),
    State.DROPPED: frozenset(),
}
"""The drawing above as data. The migration's CHECK lists the same states; a test compares all three."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A row of the ledger. ``claim`` is the token of the process that holds the lease; it guards every move."""

    id: IntentId
    booking: BookingId
    effect: Effect
    trigger: str
    generation: int
    state: State
    attempts: int
    subject: str
    """Digests of what is to be sent (number and text, or the event). A refusal holds only for the same subject."""
    code: str
    """Why it is in this state: a provider's code, or one of our names."""
    cause: Cause | None
    """The cause that a refusal sets on the gap; ``None`` if nothing was refused."""
    provider_id: str | None
    """The provider's id of the effect. ``None`` if there is none, or if only a person says that the effect exists."""
    not_before: datetime | None
    """No attempt starts before this time. While *unknown*, the provider is not queried before it (database clock)."""
    attempted_at: datetime | None
    """When the first call for this intent was about to leave the machine."""
    account: str
    """Digest of the provider account that received the last call."""
    settle_tries: int
    """How many times the provider was queried for the outcome without a certain answer."""
    claim: str | None
    updated_at: datetime
    tenant: str = ""
    source: str = ""
    """The key of the mapped table that the booking is in."""
    incarnation: int = 0
    """How many earlier bookings of this id the ledger knows."""
    recipient: str = ""
    """Digest of the number of the booking when the intent was planned; '' if there was none."""
    starts_at: datetime | None = None
    """The booking's start when the intent was planned."""
    any_occasion: bool = False
    """A text of a ledger that knew no occasions: it may have been for whatever its booking called for then."""
    effect_gone: bool = False
    """*done* or *dropped*, and the effect no longer exists (or never arrived); ``code`` says why."""
    resolved_by_person: bool = False
    """*done* or *dropped* because a person said so. An intent that a person dropped is not restarted."""
    handed_over: bool = False
    """*done*: the application sends the text. Whether it was sent is recorded only in the application's queue."""

    @property
    def key(self) -> str:
        """What stands for the booking in ids that are derived from this intent."""
        return hashed_key(self.booking, tenant=self.tenant, source=self.source, incarnation=self.incarnation)


class Result(StrEnum):
    """What a provider's answer means for the effect."""

    DONE = "done"
    REFUSED = "refused"
    """A permanent answer, certainly about this booking. Repeating the call unchanged is pointless or forbidden."""
    LATER = "later"
    """Certainly not done. Try again later; the attempt is not counted."""
    BROKEN = "broken"
    """Certainly not done, and nothing says that another booking would fare better: the integration counts as broken."""
    UNKNOWN = "unknown"
    """The call may have left the machine and its outcome is unclear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A provider's answer in our terms. ``code`` is the provider's code or reason, never its free text."""

    result: Result
    code: str
    provider_id: str | None = None
    cause: Cause | None = None
    """For a refusal: the cause that it sets on the gap."""
    retry_after: timedelta | None = None
    stops_pass: bool = False
    """The provider requests a pause or is failing: make no further call for this effect in this pass."""
    said: str = field(default="", compare=False)
    """What the code means by the provider's documentation; '' if that is not known."""

    @property
    def by_provider(self) -> bool:
        """Whether the code is the provider's own, and of nothing between us and it: it has the provider's name."""
        return self.code.partition(":")[0] in ("twilio", "google")
