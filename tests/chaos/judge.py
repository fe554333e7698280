"""Holds the world against what should be, once it is quiet: Twilio, Google and the database are asked, not the product.

*Duplicate*: two texts of ours, or one more than were wanted, or two live events, for one booking. *Lost*: a booking
that should have an effect, and has none, and nobody was told. *Wrong*: anything else that is said and is not so, or
that never comes to an end.
"""

import signal
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.cli.signals import KILLED_BY
from reconciler.errors import Exit
from tests.chaos.application import OURS
from tests.chaos.scenarios import LEASE, ODD_CODE, ODD_REASON, Loss
from tests.chaos.stage import Scene

SATISFIED_BY = {
    "draft": ("booking_created", "deposit_received", "booking_confirmed"),
    "confirmed": ("deposit_received", "booking_confirmed"),
}
"""Status -> the triggers of the texts that say as much as it calls for."""
ELIGIBLE = tuple(SATISFIED_BY)
UNLISTED = (f"twilio:{ODD_CODE}", f"google:{ODD_REASON}")
USUAL: set[int] = {Exit.AS_DESIRED, Exit.WORK_LEFT, Exit.REFUSED_AS_UNSAFE, Exit.NEEDS_A_HUMAN}
KILLED = -signal.SIGKILL
USUAL |= {KILLED, KILLED_BY + signal.SIGTERM}
"""How a command may end here; never with a bug, and never for its configuration."""


@dataclass(frozen=True, slots=True)
class Problem:
    kind: str
    """duplicate, lost or wrong."""
    reference: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.reference} {self.what}"


@dataclass
class World:
    """The world as it is now."""

    scene: Scene
    bookings: Mapping[str, Mapping[str, Any]] = field(init=False)
    texts: list[dict[str, Any]] = field(init=False)
    intents: list[dict[str, Any]] = field(init=False)
    live: dict[str, str] = field(init=False)
    """Each live event, and the day on which it starts."""
    alerted: set[tuple[str, str]] = field(init=False)
    """Kind and booking of each open gap that somebody knows of."""

    def __post_init__(self) -> None:
        venue = self.scene.venue
        self.bookings = {row["id"]: row for row in venue.rows("private_bookings")}
        self.texts = venue.rows("private_booking_sms_queue")
        self.intents = venue.rows("reconciler.intent")
        self.live = {event["id"]: event["start"]["dateTime"][:10] for event in self.scene.sandbox.google.live()}
        outbox = [row["alert"] for row in venue.rows("reconciler.outbox") if row["delivered_at"] is None]
        untold = {(report["kind"], report["cause"]) for report in outbox}
        self.alerted = {
            (gap["kind"], gap["about"])
            for gap in venue.rows("reconciler.gap")
            if not gap["closed_at"] and gap["noted_at"] and (gap["kind"], gap["cause"]) not in untold
        }

    def intents_of(self, booking: str, effect: str) -> list[dict[str, Any]]:
        return [intent for intent in self.intents if (intent["booking"], intent["effect"]) == (booking, effect)]


def problems(scene: Scene) -> list[Problem]:
    """Everything that is not as it should be."""
    world = World(scene)
    found = []
    for booking in scene.application.bookings:
        for check in (_texts, _events, _queue_rows, _codes):
            found += [Problem(kind, booking[:8], what) for kind, what in check(world, booking)]
    stuck = [intent for intent in world.intents if intent["state"] in ("sending", "unknown")]
    found += [Problem("wrong", intent["booking"][:8], f"is {intent['state']} for ever") for intent in stuck]
    found += _beacon(scene)
    found += _calls(scene)
    odd = set(scene.codes) - USUAL
    if odd:
        found.append(Problem("wrong", "-", f"the command ended with {sorted(odd)}"))
    return found


def _beacon(scene: Scene) -> Iterator[Problem]:
    """Processes of one ledger never take each other for a copy, wherever one was killed."""
    (beacon,), (ledger,) = scene.venue.rows("reconciler.beacon"), scene.venue.rows("reconciler.installation")
    if beacon["status"] in ("another_copy", "another_installation"):
        yield Problem("wrong", "-", f"the only ledger that is left is refused: {beacon['status']}")
    if ledger["caution_reason"] == "restored" and Loss.IN_PLACE not in scene.losses:
        yield Problem("wrong", "-", "a ledger that lost nothing counts as restored")


def _calls(scene: Scene) -> Iterator[Problem]:
    """Whoever takes over a repair relies on it that the call of the one before has ended."""
    for stand_in in (scene.sandbox.twilio, scene.sandbox.google):
        if stand_in.longest_trickle > LEASE:
            yield Problem("wrong", "-", f"a call was under way for {stand_in.longest_trickle:.1f} s")


def _texts(world: World, booking: str) -> Iterator[tuple[str, str]]:
    application = world.scene.application
    ours = application.ours(booking)
    row = world.bookings.get(booking)
    wanted = 1 + (booking in application.replaced) + (booking in application.confirmed)
    wanted -= booking in application.announced | application.retried
    most = min(wanted, application.most_texts.get(booking, wanted))
    if len(ours) > most:
        yield "duplicate", f"{len(ours)} texts of ours, {most} wanted"
    intents = world.intents_of(booking, "sms")
    known = any(i["state"] in ("done", "sending", "unknown", "needs_human") for i in intents)
    if ours and not known and not any(row["twilio_message_sid"] in ours for row in world.texts):
        yield "wrong", "Twilio has a text of which the ledger says that it did not leave"
    accepted = {message.sid for message in world.scene.sandbox.twilio.messages}
    if any(i["state"] == "done" and i["provider_id"] not in accepted for i in intents):
        yield "wrong", "the ledger says done, and Twilio has no such text"
    if row is None or row["status"] not in ELIGIBLE:
        return
    if _texted_by_both(world, booking) and ("sms.duplicate", booking) not in world.alerted:
        yield "lost", "a text of ours and one of the application's, and nobody was told"
    if not _is_texted(world, booking, row["status"]) and ("sms.missing", booking) not in world.alerted:
        yield "lost", "no text, and nobody was told"


def _is_texted(world: World, booking: str, status: str) -> bool:
    """Whether a text that says as much as the status calls for is queued, sent, or known to the ledger."""
    resent = ("failed",) if world.scene.failed_resent else ()
    accepted = {message.sid for message in world.scene.sandbox.twilio.messages}
    for text in world.texts:
        if text["booking_id"] == booking and text["trigger_type"] in SATISFIED_BY[status]:
            if text["template_key"] != OURS and text["status"] in ("pending", "approved", "sent", *resent):
                return True
            if text["status"] == "sent" and text["twilio_message_sid"] in accepted:
                return True
    return any(
        intent["state"] == "done" and intent["trigger"] in SATISFIED_BY[status] and intent["provider_id"] in accepted
        for intent in world.intents_of(booking, "sms")
    )


def _texted_by_both(world: World, booking: str) -> bool:
    """Whether the queue names a message of ours and one of the application's for the same occasion."""
    sent = [text for text in world.texts if text["booking_id"] == booking and text["status"] == "sent"]
    ours = {text["trigger_type"] for text in sent if text["template_key"] == OURS}
    if world.scene.ledger_alone:
        ours |= {intent["trigger"] for intent in world.intents_of(booking, "sms") if intent["state"] == "done"}
    return bool(ours & {text["trigger_type"] for text in sent if text["template_key"] != OURS})


def _events(world: World, booking: str) -> Iterator[tuple[str, str]]:
    application = world.scene.application
    intents = world.intents_of(booking, "calendar")
    ids = {intent["provider_id"] for intent in intents} - {None}
    live = sorted(world.live.keys() & (ids | set(application.live_of(booking))))
    row = world.bookings.get(booking)
    if row and booking in application.replaced:  # the earlier booking's event stays for a day, as if it were deleted
        live = [event for event in live if world.live[event] == row["event_date"]]
    if len(live) > 1 and set(live) - application.made:
        yield "duplicate", f"{len(live)} live events"
    if booking in application.long_gone:
        if set(live) - application.made:
            yield "wrong", "an event of ours stands for a booking that was deleted a day ago"
        return
    if row is None:  # deleted by mistake, perhaps: for a day the event stays
        if any(intent["effect_gone"] and intent["code"] == "gone" for intent in intents):
            yield "wrong", "an event was removed as soon as its booking's row was missing"
        return
    if row["status"] not in ELIGIBLE:
        if set(live) - application.made:
            yield "wrong", "an event of ours stands for a booking that has no use for it"
        return
    stored = row["calendar_event_id"] or _in_ledger_alone(world, intents)
    alerted = {("calendar.missing", booking), ("calendar.duplicate", booking)} & world.alerted
    if stored in world.live or stored in application.removed_by_hand or alerted:
        return
    yield "lost", "stores an event that is gone" if stored else "stores no event, and nobody was told"


def _in_ledger_alone(world: World, intents: list[dict[str, Any]]) -> str | None:
    """The event of a booking, where nothing of ours is in its row."""
    done = (one["provider_id"] for one in intents if one["state"] == "done" and not one["effect_gone"])
    return next(done, None) if world.scene.ledger_alone else None


def _queue_rows(world: World, booking: str) -> Iterator[tuple[str, str]]:
    """What our rows in the application's queue say, against what Twilio has."""
    ours = {message.sid for message in world.scene.sandbox.twilio.messages}
    rows = [text for text in world.texts if text["booking_id"] == booking and text["template_key"] == OURS]
    if any(row["status"] == "sent" and row["twilio_message_sid"] not in ours for row in rows):
        yield "wrong", "a row of ours says sent, and Twilio has no such text"
    intents = world.intents_of(booking, "sms")
    newest = max((i["incarnation"] for i in intents), default=0)  # rows of an earlier one went with its booking
    done = {i["provider_id"] for i in intents if (i["state"], i["incarnation"]) == ("done", newest)}
    marked = {row["twilio_message_sid"] for row in rows if row["status"] == "sent"}
    eligible = world.bookings.get(booking, {}).get("status") in ELIGIBLE
    if eligible and rows and done - marked - world.scene.application.sent:
        yield "wrong", "the ledger says done, and our row in the queue does not say sent"


def _codes(world: World, booking: str) -> Iterator[tuple[str, str]]:
    """A code that nobody has listed is about all until the same booking has got it again: then it is about this one."""
    answers: Counter[tuple[str, str]] = Counter()
    for effect, code in world.scene.venue.sql(
        "SELECT effect, code FROM chaos.move WHERE booking = %s AND was = 'sending'", booking
    ):
        answers[effect, code] += 1
    for intent in world.intents:
        if intent["booking"] != booking or intent["code"] not in UNLISTED:
            continue
        if intent["state"] == "refused" and answers[intent["effect"], intent["code"]] < 2:
            yield "wrong", f"was given up for {intent['code']} after one answer"
        if intent["state"] == "planned":
            yield "wrong", f"is tried for ever, and gets {intent['code']}"


def tally(scene: Scene) -> Counter[str]:
    """What became of the intents, from their history."""
    counts: Counter[str] = Counter()
    for was, becomes, code, number in scene.venue.sql(
        "SELECT was, becomes, code, count(*) FROM chaos.move GROUP BY was, becomes, code"
    ):
        name = _RESULT_OF_MOVE.get((was, becomes)) or ("adopted" if (becomes, code) == ("done", "adopted") else "")
        if name:
            counts[name] += number
    counts["texts"] = sum(len(scene.application.ours(booking)) for booking in scene.application.bookings)
    world = World(scene)
    counts["beside"] = sum(_texted_by_both(world, booking) for booking in scene.application.bookings)
    counts["events"] = sum(intent["effect"] == "calendar" and intent["state"] == "done" for intent in world.intents)
    return counts


_RESULT_OF_MOVE = {
    ("unknown", "done"): "found",
    ("unknown", "planned"): "absent",
    ("unknown", "dropped"): "absent",
    ("sending", "unknown"): "unknown",
    ("sending", "refused"): "refused",
    ("planned", "needs_human"): "need a human",
    ("unknown", "needs_human"): "need a human",
}
