"""What happens in one played scenario: the bookings at the start, the weather at the providers, and the steps."""

import json
from dataclasses import dataclass
from enum import StrEnum

from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.fakes.google import google_error
from reconciler.sandbox.fakes.twilio_messages import twilio_error

LEASE, SETTLE, TIMEOUT = 1.3, 1.5, 0.25
"""Seconds; what cron.yaml says in milliseconds. Everything in a scenario is measured by these."""
LONG_SETTLE = 3.0
"""The same where a pass must come before a list has caught up, on a busy machine too."""


class Start(StrEnum):
    """What a booking has when the scenario begins."""

    BARE = "bare"
    """Neither text nor event."""
    DRAFT = "draft"
    """The same, still a draft: it gets another text."""
    TEXTED = "texted"
    """The application's text, and no event."""
    ENTERED = "entered"
    """The application's event, and no text."""
    LOST_ID = "lost_id"
    """The application's event without its id in the booking, and no text."""
    COMPLETE = "complete"
    ANNOUNCED = "announced"
    """A draft with its own text and event. It calls for another text once it is confirmed."""
    FAILED = "failed"
    """The application's event, and a row of its queue that it could not send."""
    OPTED_OUT = "opted_out"
    NO_NUMBER = "no_number"
    """A number nobody can be texted on."""


class Act(StrEnum):
    """What the application, or a person, does to a booking at any moment."""

    QUEUE = "queue"
    """Its text stands in its queue."""
    TEXT = "text"
    """It sends its text by itself."""
    EVENT = "event"
    """It makes an event, unless it knows of one, and writes the id unguarded."""
    CONFIRM = "confirm"
    CANCEL = "cancel"
    MOVE = "move"
    DELETE = "delete"
    RESEND = "resend"
    """It sends every row of its queue in status *failed* again, whoever wrote it."""
    DELETE_EVENT = "delete_event"
    """A person deletes the event in the calendar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One act, upon the booking with this number."""

    act: Act
    booking: int = 0


class Loss(StrEnum):
    """What happens to the database before a command."""

    NOTHING = ""
    RESTORED = "restored"
    """It is as it was before the first step: application and ledger."""
    IN_PLACE = "in place"
    """It is as it was before the first step, in the same database of the same server; the calendar has the beacon."""
    SNAPSHOT = "snapshot"
    """A snapshot that keeps every id acts at the same minute; then a person says which one is the installation."""
    PROMOTED = "promoted"
    """A standby that has not seen the steps so far is the database now: the same place, and a new timeline."""
    COPIED = "copied"
    """A pass runs on a copy of the database, with the same keys. The database itself goes on as it is."""
    CLOCK = "clock"
    """A pass runs on a host whose clock is 15 days ahead of the database's."""
    A_DAY = "a_day"
    """A day passes for the rows that are missing."""
    LEDGER = "ledger"
    """Our schema is gone, and made anew."""
    DELETED = "deleted"
    """All bookings but the last are deleted, past the application's own checks."""
    REPLACED = "replaced"
    """The application's tables were emptied, and hold other people's bookings under the same ids."""
    QUEUE = "queue"
    """The application's queue has lost what it says about every other booking."""
    REWRITES = "rewrites"
    """A trigger of the application's rewrites every row that is added to its queue."""
    NEW_IDS = "new ids"
    """That trigger gives each of them another id."""
    NO_TRIGGER = "no trigger"
    """That trigger is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One command, and what happens to it and beside it.

    ``order`` names what is done at a point: ``kill after twilio.create#1``; ``end``: it is asked to stop, as by an
    operator; ``stop``: it waits there while the rest of this step happens, and goes on; ``lose``: it is killed once the
    stand-in has taken the call, before the answer.
    """

    loss: Loss = Loss.NOTHING
    arrivals: tuple[Start, ...] = ()
    """Bookings made before it."""
    order: str = ""
    kill_after: float | None = None
    """Seconds after its start."""
    deeds: tuple[Deed, ...] = ()
    """While it is stopped, or else as soon as it runs."""
    frozen: float = 0
    """Seconds it stays stopped."""
    beside: int = 0
    """So many whole passes of another process while it is stopped; one at the same time if it is not."""
    beside_as: str = "once"
    """Which command that is: once, backfill or settling."""
    beside_order: str = ""
    """What is done to it, and where."""
    restart: bool = False
    """PostgreSQL goes away while it is stopped, and comes back after it went on."""
    then_wait: float = 0
    """Seconds before the next step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """A share ``rate`` of a provider's calls (of ``operations``, or all) goes wrong."""

    rate: float
    faults: tuple[Fault, ...]
    operations: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    seed: int = 0
    starts: tuple[Start, ...] = (Start.BARE,)
    one_phone: bool = False
    """All bookings have the same number."""
    days_old: float = 0
    """How long ago the bookings of the start were made; 0: an hour."""
    failed_resent: bool = False
    """Whether the application sends failed rows again, and the settings say so."""
    ledger_alone: bool = False
    """Our word goes into the ledger alone: our role may only read the application's tables, which show what the
    application does, and no queue is mapped."""
    texts_a_day: int = 25
    """``limits.breaker.sms``."""
    control: bool = True
    """The account has sent another text before, so that Twilio's list can show that it tells the truth."""
    settle: float = SETTLE
    lag: float = 0
    """Seconds before a text shows up in Twilio's lists."""
    redacted: bool = False
    trial: bool = False
    """Twilio puts a sentence before every text."""
    odd_number: bool = False
    """Twilio turns down every text to the first booking's number, with a code that nobody has listed."""
    twilio: Weather | None = None
    google: Weather | None = None
    sentry: Weather | None = None
    next_twilio: tuple[tuple[str, Fault], ...] = ()
    """Operation and fault: what goes wrong with its next call."""
    next_google: tuple[tuple[str, Fault], ...] = ()
    steps: tuple[Step, ...] = ()


LOST = Fault(kind=Misbehaviour.LOSE)
FAILED = Fault(kind=Misbehaviour.FAIL_AFTER)
EMPTY = Fault(kind=Misbehaviour.EMPTY)
DROPPED = Fault(kind=Misbehaviour.DROP)
SLOW = Fault(kind=Misbehaviour.SLOW, seconds=TIMEOUT / 4)
TOO_SLOW = Fault(kind=Misbehaviour.SLOW, seconds=TIMEOUT * 1.5)
SILENT = Fault(kind=Misbehaviour.HANG, seconds=TIMEOUT * 1.5)
TRICKLED = Fault(kind=Misbehaviour.TRICKLE_HEADERS, seconds=TIMEOUT / 4)
TRICKLED_FASTER = Fault(kind=Misbehaviour.TRICKLE_HEADERS, seconds=TIMEOUT / 25)
"""Over in some seconds, and still later than any lease."""
TRICKLING_BODY = Fault(kind=Misbehaviour.TRICKLE_BODY, seconds=TIMEOUT / 4)
UNWELL = Fault(kind=Misbehaviour.STATUS, status=503)
FAIR = Fault(kind=Misbehaviour.SLOW, seconds=0)
PAGE = Fault(kind=Misbehaviour.HTML, status=502)
"""What can go wrong with a call of either provider."""
_JSON = ("Content-Type", "application/json")
TWILIO_BUSY = Fault(
    kind=Misbehaviour.STATUS, status=429, body=twilio_error(429, 20429), headers=(_JSON, ("Retry-After", "1"))
)
TWILIO_NO = Fault(kind=Misbehaviour.STATUS, status=400, body=twilio_error(400, 21211), headers=(_JSON,))
ODD_CODE, ODD_REASON = 21999, "neverSeenBefore"
"""A code of Twilio's and a reason of Google's that nobody has listed."""
TWILIO_ODD = Fault(kind=Misbehaviour.STATUS, status=400, body=twilio_error(400, ODD_CODE), headers=(_JSON,))
MADE_DEAD = Fault(
    kind=Misbehaviour.STATUS,
    status=201,
    body=json.dumps({"sid": f"SM{'0' * 32}", "status": "failed", "error_code": 30034}),
    headers=(_JSON,),
)
GOOGLE_ODD = Fault(kind=Misbehaviour.STATUS, status=400, body=google_error(400, ODD_REASON), headers=(_JSON,))
NONSENSE = (
    Fault(kind=Misbehaviour.EMPTY),
    Fault(kind=Misbehaviour.STATUS, status=200, body="[" * 100_000, headers=(_JSON,)),
    Fault(kind=Misbehaviour.STATUS, status=429, headers=(("X-Sentry-Rate-Limits", f"{'9' * 400}::organization"),)),
    Fault(kind=Misbehaviour.HTML, status=200),
)
"""What a server answers that is no Sentry, or is not well."""
GOOGLE_BUSY = Fault(kind=Misbehaviour.STATUS, status=403, body=google_error(403, "rateLimitExceeded"), headers=(_JSON,))
NO_SUCH_EVENT = Fault(kind=Misbehaviour.STATUS, status=404, body=google_error(404, "notFound"), headers=(_JSON,))
NO_EVENTS = Fault(
    kind=Misbehaviour.STATUS,
    status=200,
    body=json.dumps({"kind": "calendar#events", "accessRole": "writer", "timeZone": "Europe/London", "items": []}),
    headers=(_JSON,),
)
"""The last two: a calendar that lags."""
