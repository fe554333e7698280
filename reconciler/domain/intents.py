"""An intent: one row in our ledger, "this effect for this booking", written before the call.

```
             claimed, checked twice, leased          accepted ------------> done*
planned ------------------------------------> sending  permanent answer --> refused*
  ^  |  ^                                       | |
  |  |  +------ certainly not done -------------+ |
  |  +-> dropped*  satisfied, no longer eligible  |
  |  +-> needs_human  attempts used up            v timeout, reset, 5xx, unreadable 2xx, lease ran out
  +---- absence proved ---------------------- unknown --found--> done*   --absence proved, not wanted--> dropped*
                                                 +--undecided--> needs_human --a person--> done* | planned | dropped*
```
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from reconciler.domain.bookings import BookingId
from reconciler.domain.gaps import Cause, Effect

IntentId = NewType("IntentId", str)

EVENT_TRIGGER = "event"
"""Events have no trigger of the application's; the ledger's column is NOT NULL."""


HANDED_OVER = "handed_over"
"""The code of a *done* text that the application is to send. Such a *done* ends nothing: whether it is sent stands in
the application's queue, and only there."""

BY_A_PERSON = "by_a_person"
"""The code of an intent that a person has settled; one that a person *dropped* is not begun anew."""

LONGEST_PAUSE = timedelta(days=2)
"""No pause before a try is longer: what says so was written by a clock that was wrong."""
_WORD = "person:"

SUBJECT_PARTS = ":"
"""Between the parts of a subject; the first names the recipient."""


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
        return not LEGAL_MOVES[self]


LEGAL_MOVES: dict[State, frozenset[State]] = {
    State.PLANNED: frozenset({State.SENDING, State.DROPPED, State.NEEDS_HUMAN}),
    State.SENDING: frozenset({State.DONE, State.REFUSED, State.PLANNED, State.UNKNOWN}),
    State.UNKNOWN: frozenset({State.DONE, State.PLANNED, State.DROPPED, State.NEEDS_HUMAN}),
    State.NEEDS_HUMAN: frozenset({State.DONE, State.PLANNED, State.DROPPED}),
    State.DONE: frozenset(),
    State.REFUSED: frozenset(),
    State.DROPPED: frozenset(),
}
"""The drawing above as data; the migration's CHECK lists the same states, and a test compares the three."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A row of the ledger. ``claim`` is the token of whoever holds the lease: every move is guarded by it."""

    id: IntentId
    booking: BookingId
    effect: Effect
    trigger: str
    generation: int
    state: State
    attempts: int
    subject: str
    """Digests of what is to be sent (number and text, or the event): a refusal holds only for the same subject."""
    code: str
    """Why it is in this state: a provider's code or one of our names."""
    cause: Cause | None
    """What a refusal makes of the gap; ``None`` where nothing was refused."""
    provider_id: str | None
    not_before: datetime | None
    """Not tried before then; while *unknown*: not asked for before then, by the database's clock."""
    attempted_at: datetime | None
    """When a call for it was first about to leave the machine."""
    account: str
    """Digest of the provider's account that the last call went to."""
    settle_tries: int
    """How often the provider was asked what became of it, and could not tell."""
    claim: str | None

    @property
    def proof(self) -> str | None:
        """The provider's id of the effect; ``None`` without one, or where a person's word stands for it."""
        return None if self.provider_id is None or self.provider_id.startswith(_WORD) else self.provider_id


def word_of_a_person(intent: IntentId) -> str:
    """What stands in place of the provider's id where only a person says that the effect is there."""
    return f"{_WORD}{intent}"


class Result(StrEnum):
    """What a provider's answer means for the effect."""

    DONE = "done"
    REFUSED = "refused"
    """A permanent answer about this booking: repeating it unchanged is pointless or forbidden."""
    LATER = "later"
    """Certainly not done: try again later, no attempt counted."""
    BROKEN = "broken"
    """Certainly not done, and no other booking would fare better: the integration is broken."""
    UNKNOWN = "unknown"
    """The call may have left the machine and its outcome is unclear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A provider's answer, in our words. ``code`` is the provider's code or reason, never its free text."""

    result: Result
    code: str
    provider_id: str | None = None
    cause: Cause | None = None
    """For a refusal: what it makes of the gap."""
    retry_after: timedelta | None = None
    stops_pass: bool = False
    """The provider asks for a pause, or is unwell: no further call for this effect in this pass."""


NEXT_STATE: dict[Result, State] = {
    Result.DONE: State.DONE,
    Result.REFUSED: State.REFUSED,
    Result.LATER: State.PLANNED,
    Result.BROKEN: State.PLANNED,
    Result.UNKNOWN: State.UNKNOWN,
}
"""Where an answer takes an intent that was *sending*."""
