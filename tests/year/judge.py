"""Holds each text, event, removal and alert of ours against what is right at that moment, and silences at the end.

Twilio, Google, Sentry and the application are asked. Of the ledger only one thing is read: when a gap was alerted.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from itertools import islice
from typing import Any

from reconciler.domain.beacon import BEACON_PREFIX
from reconciler.sandbox.fakes.twilio_messages import Message
from tests.support.application_db import LONDON, Venue
from tests.year.days import Breakage
from tests.year.drawing import CONFIRMED, DRAFT, EVENT, Booking
from tests.year.life import Life, Silence

OPENS, CLOSES = time(9), time(21)
STALE_AFTER, MIN_NOTICE = timedelta(hours=72), timedelta(hours=2)
SLOT = timedelta(minutes=10)
GRACE = timedelta(minutes=10)
MARGIN = timedelta(minutes=5)
"""A pass takes a while."""
REPORTED_WITHIN = GRACE + 2 * SLOT + MARGIN
"""A due moment that a scan saw is up to a slot late, and so is the pass after the grace period."""
REMIND_EVERY = timedelta(hours=24)
ALERTED_WITHIN = REMIND_EVERY + SLOT + MARGIN
PAGES_AFTER = timedelta(hours=6)
"""A gap of a stretch pages four hours after it opened, which may be after the stretch."""
KINDS_OF_PROBLEMS = {
    "text": "wrong texts",
    "event": "wrong events",
    "removal": "wrong removals",
    "page": "false pages",
    "alert": "false alarms of an integration",
    "coverage": "false alarms of coverage",
    "silent": "silences that nobody heard of in time",
}
"""What can go wrong, in words."""
WORDING = {DRAFT: "pencilled in", CONFIRMED: "is confirmed"}
KINDS = {
    Breakage.NO_TEXTS: ("sms.missing",),
    Breakage.NO_EVENTS: ("calendar.missing", "calendar.orphan"),
    Breakage.TWILIO_AWAY: ("sms.missing", "sms.stuck", "integration.twilio"),
    Breakage.GOOGLE_AWAY: ("calendar.missing", "calendar.orphan", "integration.google"),
}
"""What may page because of a breakage."""


@dataclass(frozen=True, slots=True)
class Problem:
    kind: str
    at: datetime
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.at.astimezone(LONDON):%a %d %b %H:%M} {self.what}"


@dataclass
class Judge:
    life: Life
    venue: Venue
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    repaired: dict[tuple[str, str], datetime] = field(default_factory=dict)
    """Reference and what it called for -> when we brought it about."""
    alerts: list[tuple[datetime, dict[str, Any]]] = field(default_factory=list)
    longest_reported: timedelta = timedelta(0)
    longest_repaired: timedelta = timedelta(0)
    _messages: int = 0
    _events: int = 0
    _alerts: int = 0
    _noted: datetime = field(default_factory=lambda: datetime.min.replace(tzinfo=UTC))
    _reported: dict[tuple[str, str], list[tuple[datetime, str]]] = field(default_factory=lambda: defaultdict(list))
    """Kind and reference -> when a gap was counted in an incident, which has been alerted, and its cause."""
    _live: dict[str, str] = field(default_factory=dict)
    """Our live events -> the reference of their booking."""

    def check(self, now: datetime) -> None:
        """After each pass."""
        for message in self.life.sandbox.twilio.messages[self._messages :]:
            if message.sid not in self.life.sids:
                self._text(message)
        self._messages = len(self.life.sandbox.twilio.messages)
        self._check_events(now)
        self._check_alerts(now)
        self._check_gaps()

    def _problem(self, kind: str, at: datetime, what: str) -> None:
        self.problems.append(Problem(kind, at, what))

    # --- texts

    def _text(self, message: Message) -> None:
        self.counts["texts"] += 1
        at = message.date_created
        booking = self.life.bookings.get(message.body.rpartition("Ref ")[2].strip())
        if booking is None:
            self._problem("text", at, f"about no booking: {message.body}")
            return
        what = next((what for what, words in WORDING.items() if words in message.body), "?")
        for wrong in _wrong_with(message, booking, what, self.life):
            self._problem("text", at, f"{booking.reference} {what}: {wrong}")
        booking.texted.add(what)
        self.repaired[booking.reference, what] = at

    # --- events

    def _check_events(self, now: datetime) -> None:
        events = self.life.sandbox.google.calendar.events
        for event_id, event in islice(events.items(), self._events, None):
            if event_id not in self.life.event_ids and not event_id.startswith(BEACON_PREFIX):
                self._event(event_id, event, now)
        self._events = len(events)
        for event_id in [one for one in self._live if events[one]["status"] == "cancelled"]:
            booking = self.life.bookings[self._live.pop(event_id)]
            booking.events.discard(event_id)
            if event_id not in self.life.ended:
                self.counts["removals"] += 1
                if booking.status in (DRAFT, CONFIRMED) and not booking.events:
                    self._problem("removal", now, f"{booking.reference} is {booking.status} and has lost its event")

    def _event(self, event_id: str, event: dict[str, Any], now: datetime) -> None:
        self.counts["events"] += 1
        booking = next((self.life.bookings[one] for one in event["summary"].split() if one in self.life.bookings), None)
        if booking is None:
            self._problem("event", now, f"about no booking: {event['summary']}")
            return
        if booking.no_event_wanted:
            self._problem("event", now, f"{booking.reference}: a person deleted its event")
        if booking.status not in (DRAFT, CONFIRMED):
            self._problem("event", now, f"{booking.reference} is {booking.status}")
        if self._others(booking, event_id):
            self._problem("event", now, f"{booking.reference} has one already")
        if datetime.fromisoformat(event["start"]["dateTime"]) != booking.starts_at:
            self._problem("event", now, f"{booking.reference} starts at another time")
        booking.events.add(event_id)
        self._live[event_id] = booking.reference
        self.repaired[booking.reference, EVENT] = now

    def _others(self, booking: Booking, event_id: str) -> list[str]:
        events = self.life.sandbox.google.calendar.events
        return [one for one in booking.events - {event_id} if events[one]["status"] != "cancelled"]

    # --- alerts

    def _check_alerts(self, now: datetime) -> None:
        received = [item.payload for item in self.life.sandbox.sentry.items[self._alerts :] if item.type == "event"]
        self._alerts = len(self.life.sandbox.sentry.items)
        for alert in received:
            self.counts["alerts"] += 1
            self.alerts.append((now, alert))
            kind, what = (alert["tags"][name] for name in ("kind", "what"))
            if what == "paged":
                self.counts["pages"] += 1
                if not self._is_broken(kind, now):
                    self._problem("page", now, f"{alert['message']} ({alert['tags']['code']})")
            if kind.startswith("coverage."):
                self._problem("coverage", now, alert["message"])
            if kind.startswith("integration.") and not self._is_broken(kind, now):
                self._problem("alert", now, alert["message"])

    def _check_gaps(self) -> None:
        """A gap that gets another cause is counted anew, so the first time is kept."""
        query = "SELECT kind, about, noted_at, cause FROM reconciler.gap WHERE noted_at > %s ORDER BY noted_at"
        for kind, about, noted_at, cause in self.venue.sql(query, self._noted):
            self._reported[kind, about[:8]].append((noted_at, cause))
            self._noted = noted_at

    def _is_broken(self, kind: str, now: datetime) -> bool:
        return any(
            kind in KINDS[one.breakage] and one.begins <= now <= one.ends + PAGES_AFTER
            for one in self.life.size.stretches
        )

    # --- at the end

    def conclude(self, now: datetime) -> None:
        for silence in self.life.silences:
            self._silence(silence, now)
        for booking in self.life.bookings.values():
            self._at_rest(booking, now)

    def _at_rest(self, booking: Booking, now: datetime) -> None:
        """What a booking calls for is there, or somebody knows; and a cancelled one has no event of ours."""
        made_long_ago = max(booking.made_at, booking.confirmed_at or booking.made_at) < now - REPORTED_WITHIN
        if booking.status in (DRAFT, CONFIRMED) and booking.starts_at > now and made_long_ago:
            text_is_known = self._reported.get(("sms.missing", booking.reference)) or booking.number is None
            if booking.status not in booking.texted and not text_is_known:
                self._problem("silent", now, f"{booking.reference} has no text for {booking.status}")
            event_is_known = self._reported.get(("calendar.missing", booking.reference)) or booking.no_event_wanted
            if not booking.events and not event_is_known:
                self._problem("silent", now, f"{booking.reference} has no event")
        ours = [one for one, reference in self._live.items() if reference == booking.reference]
        if ours and booking.over_at and booking.over_at < now - timedelta(days=1):
            self._problem("removal", now, f"{booking.reference} is cancelled and has an event of ours")

    def _silence(self, silence: Silence, now: datetime) -> None:
        """Its alert came in time, or it was over before."""
        booking, what = silence.booking, silence.what
        self.counts["silences"] += 1
        kind = "calendar.missing" if what == EVENT else "sms.missing"
        counted = [one for one in self._reported.get((kind, booking.reference), []) if one[0] >= silence.due_at]
        known = [at for at, _ in counted]
        at = self.repaired.get((booking.reference, what))
        first = min([*known, *([at] if at else [])], default=None)
        if first:
            self.counts["silences reported"] += 1
            self.longest_reported = max(self.longest_reported, first - silence.due_at)
        if at:
            self.counts["silences repaired"] += 1
            self.longest_repaired = max(self.longest_repaired, at - silence.due_at)
        until = silence.due_at + REPORTED_WITHIN
        if first is None and self._was_over(silence, until):
            self.counts["silences over before they were due"] += 1
        elif first is None and until >= now:
            self.counts["silences not due yet"] += 1
        if (first is None or first > until) and until < now and not self._was_over(silence, until):
            self._problem("silent", silence.due_at, f"{booking.reference} {what}: reported {first or 'never'}")
        # It may have joined an incident whose next alert is still to come.
        is_old = first is not None and first + ALERTED_WITHIN < now
        if at is None and is_old and not self._is_alerted(kind, counted) and not self._was_over(silence, now):
            self._problem("silent", silence.due_at, f"{booking.reference} {what}: counted {first}, and never alerted")

    def _is_alerted(self, kind: str, counted: list[tuple[datetime, str]]) -> bool:
        """A gap that joins an incident which is open already is in its next alert: a day later at the latest."""
        return any(
            (alert["tags"]["kind"], alert["tags"]["cause"]) == (kind, cause)
            and timedelta(0) <= received_at - noted_at + MARGIN <= ALERTED_WITHIN
            for noted_at, cause in counted
            for received_at, alert in self.alerts
        )

    def _was_over(self, silence: Silence, until: datetime) -> bool:
        ended_at = silence.booking.ended_at(silence.what)
        return ended_at is not None and ended_at <= until


def _wrong_with(message: Message, booking: Booking, what: str, life: Life) -> list[str]:
    at, wrong = message.date_created, []
    if what in booking.texted or (what == DRAFT and CONFIRMED in booking.texted):
        wrong.append("it has had this text")
    if message.to != booking.number:
        wrong.append("to another number")
    if life.refuses(booking):
        wrong.append("the customer has opted out")
    if booking.status != what:
        wrong.append(f"the booking is {booking.status}")
    leaves_by = at + timedelta(seconds=message.validity or 0)
    hours = [moment.astimezone(LONDON) for moment in (at, leaves_by)]
    if hours[0].date() != hours[1].date() or not OPENS <= hours[0].time() <= hours[1].time() <= CLOSES:
        wrong.append("in quiet hours")
    # Since when a confirmation is due, a scan said: up to a slot later.
    if leaves_by > min(booking.due_at(what) + SLOT + STALE_AFTER, booking.starts_at - MIN_NOTICE):
        wrong.append("after its deadline")
    local = booking.starts_at.astimezone(LONDON)
    if f"{local:%A} {local.day} {local:%B} at {local:%H:%M}" not in message.body:
        wrong.append("with another date")
    return wrong
