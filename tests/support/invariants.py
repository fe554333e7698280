"""What must be true of the world at any time, and at rest: checked by a plain loop over its rows."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide import calendar_event
from reconciler.domain.own_rows import TEMPLATE
from tests.support.application_db import LONDON
from tests.support.sandbox_world import World

GRACE = timedelta(minutes=10)
NOT_FINAL = ("planned", "sending", "unknown", "needs_human")
UNCLEAR = ("unknown", "needs_human")
QUEUED_OR_SENT = ("pending", "approved", "sent")
Row = dict[str, Any]


@dataclass
class Accepted:
    """A text of ours that Twilio took, and the intent it was sent for."""

    sid: str
    booking: str
    trigger: str
    generation: int


@dataclass
class Invariants:
    world: World
    accepted: list[Accepted] = field(default_factory=list)

    def record_accepted(self, send: Callable[..., Any]) -> Callable[..., Any]:
        """``send`` of the HTTP client that Twilio's SDK uses; what it brings to Twilio is noted with its intent."""

        def recorded(*args: Any, **options: Any) -> Any:
            began = len(self.world.sandbox.twilio.messages)
            query = (
                "SELECT booking, trigger, generation FROM reconciler.intent WHERE effect = 'sms' AND state = 'sending'"
            )
            sending = self.world.venue.sql(query)
            try:
                return send(*args, **options)
            finally:
                for message in self.world.sandbox.twilio.messages[began:]:
                    (intent,) = (row for row in sending if row[0][:8] in message.body)
                    self.accepted.append(Accepted(message.sid, *intent))

        return recorded

    def hold(self) -> None:
        """At any time, whoever is in the middle of whatever."""
        sent = Counter((text.booking, text.trigger, text.generation) for text in self.accepted)
        assert not [text for text, number in sent.items() if number > 1], "one text was sent twice"
        ours = self._our_events()
        live = Counter(ours[event["id"]] for event in self._live() if event["id"] in ours)
        assert not [booking for booking, number in live.items() if number > 1], "two live events of ours for a booking"
        strange = [event["id"] for event in self._live() if event["id"].startswith(calendar_event.ID_PREFIX)]
        assert set(strange) <= set(ours), "an event under an id of ours that does not recompute"
        for booking in self._rows("private_bookings"):
            stored = booking["calendar_event_id"] or ""
            assert not stored.startswith(calendar_event.ID_PREFIX) or ours[stored] == booking["id"], (
                "another booking's event"
            )
        known = {message.sid for message in self.world.sandbox.twilio.messages}
        for row in self._rows("private_booking_sms_queue"):
            assert row["status"] != "sent" or row["twilio_message_sid"] in known, "marked as sent, and it was not"

    def nothing_is_lost(self) -> None:
        """At rest: each effect is there, or its absence is known to us; and we know of no absence that is none."""
        bookings = {row["id"]: row for row in self._rows("private_bookings")}
        missing = {("sms.missing", booking) for booking in bookings if self._lacks_a_text(bookings[booking])}
        missing |= {("calendar.missing", booking) for booking in bookings if _lacks_an_event(bookings[booking])}
        missing = {(kind, booking) for kind, booking in missing if is_due(bookings[booking], self.world.venue.now)}
        known = set(self.world.gaps())
        assert missing <= known | self._not_final(), "an effect is missing, and nobody knows"
        assert known <= missing | self._of_events(bookings) | self._texted_by_both(set(bookings)), "a gap that is none"

    def our_ledger_is_right(self) -> None:
        """At rest: of every text that was sent it says so, and so does the application's queue."""
        intents = {(row["booking"], row["trigger"], row["generation"]): row for row in self._rows("reconciler.intent")}
        rows = {row["twilio_message_sid"]: row for row in self._rows("private_booking_sms_queue")}
        there = {row["id"] for row in self._rows("private_bookings")}
        for text in self.accepted:
            intent = intents[text.booking, text.trigger, text.generation]
            if intent["state"] in UNCLEAR:
                continue
            assert intent["provider_id"] == text.sid, "a text was sent, and our ledger denies it"
            assert text.booking not in there or rows[text.sid]["status"] == "sent", (
                "it was sent, and the queue denies it"
            )

    def orphans(self) -> list[str]:
        """Live events of ours which no booking names, without those whose booking is gone: they stay for a day."""
        rows, ours = self._rows("private_bookings"), self._our_events()
        named, there = {row["calendar_event_id"] for row in rows}, {row["id"] for row in rows}
        live = [event["id"] for event in self._live() if event["id"] in ours and event["id"] not in named]
        return [event_id for event_id in live if ours[event_id] in there]

    def _of_events(self, bookings: dict[str, Row]) -> set[tuple[str, str]]:
        """Gaps that the bookings' rows do not show: duplicates, and events whose booking is gone or ended."""
        orphans = {("calendar.orphan", booking) for booking in set(self._our_events().values()) - set(bookings)}
        return orphans | {("calendar.duplicate", booking) for booking in bookings}

    def _texted_by_both(self, there: set[str]) -> set[tuple[str, str]]:
        """Bookings with a text of ours and one of the application's; the rows of one that is gone went with it."""
        ours = {text.booking for text in self.accepted}
        rows = self._rows("private_booking_sms_queue")
        theirs = {row["booking_id"] for row in rows if row["status"] == "sent" and row["template_key"] != TEMPLATE}
        return {("sms.duplicate", booking) for booking in ours if booking in theirs or booking not in there}

    def _lacks_a_text(self, booking: Row) -> bool:
        rows = [row for row in self._rows("private_booking_sms_queue") if row["booking_id"] == booking["id"]]
        decided = any(row["status"] == "cancelled" and row["approved_by"] for row in rows)
        reachable = bool((booking["contact_phone"] or "").strip())
        return reachable and not decided and not any(row["status"] in QUEUED_OR_SENT for row in rows)

    def _not_final(self) -> set[tuple[str, str]]:
        kinds = {"sms": "sms.missing", "calendar": "calendar.missing"}
        intents = self._rows("reconciler.intent")
        return {(kinds[row["effect"]], row["booking"]) for row in intents if row["state"] in NOT_FINAL}

    def _our_events(self) -> dict[str, str]:
        ((installation,),) = self.world.venue.sql("SELECT id::text FROM reconciler.installation")
        query = "SELECT booking, max(generation) FROM reconciler.intent WHERE effect = 'calendar' GROUP BY 1"
        return {
            calendar_event.event_id(installation, BookingId(booking), generation): booking
            for booking, last in self.world.venue.sql(query)
            for generation in range(1, last + 1)
        }

    def _live(self) -> list[Row]:
        return self.world.sandbox.google.live()

    def _rows(self, table: str) -> list[Row]:
        return self.world.venue.rows(table)


def is_due(booking: Row, now: datetime) -> bool:
    """Whether both effects are due, as far as the booking's own row says."""
    starts_at = datetime.fromisoformat(f"{booking['event_date']}T{booking['start_time']}").replace(tzinfo=LONDON)
    made = datetime.fromisoformat(booking["created_at"])
    return booking["status"] in ("draft", "confirmed") and starts_at > now and made + GRACE <= now


def _lacks_an_event(booking: Row) -> bool:
    return not (booking["calendar_event_id"] or "").strip()
