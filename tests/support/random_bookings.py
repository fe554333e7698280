"""Bookings drawn at random over everything that decides a verdict, with their customers, texts and ledger."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any

from psycopg import sql

from reconciler.domain.gaps import Cause, Effect, GapKind
from reconciler.domain.intents import BY_A_PERSON, EVENT_TRIGGER, HANDED_OVER, State
from tests.support.application_db import LONDON, Venue

Row = dict[str, Any]
SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))
MARKS = ("Planted", "7700900", "77009", "63998", "secret words")
"""One of them stands in everything personal that is drawn here."""
AGES = [0 * HOUR, 10 * MINUTE - SECOND, 10 * MINUTE, 71 * HOUR + 58 * MINUTE, 71 * HOUR + 59 * MINUTE + SECOND]
AGES += [72 * HOUR, 13 * DAY + 23 * HOUR, 14 * DAY, 14 * DAY + SECOND, 15 * DAY, 100 * DAY, 161 * DAY, 200 * DAY, -HOUR]
NOTICE = [
    -2 * DAY,
    -SECOND,
    0 * HOUR,
    30 * SECOND,
    90 * SECOND,
    HOUR,
    2 * HOUR + MINUTE,
    2 * HOUR + 61 * SECOND,
    5 * HOUR,
]
STRANGE_DATES = [date(1850, 1, 1), date(3500, 1, 1)]
NAMES = ["Planted Lima", "<script>Planted</script>", "\x1b[31mPlanted\x07", "\u202edetnalP Planted", "Planted\nPlanted"]
NOTES = [None, "", "Planted allergy", "note: event DATE/TIME to be confirmed! Planted", "50% off_season\\ Planted"]
KINDS = ["070 7700 9001", "+881 677 009 00", "0909 877 0090"]
"""A personal number, a satellite's, and one at premium rate."""
UNUSABLE = [*KINDS, "07700", "020 7946 0123", "call Planted", "+44 7700 900", "0000000000", "\x1b[2J", "77009" * 20]
ERRORS = [
    'insert failed: violates check constraint "x"',
    "timeout of 30000ms exceeded for secret words",
    "Error 21610: secret words",
    "Error 21211: secret words",
    "dispatching: secret words",
    None,
    "secret words\n\x1b[2J\u202e",
    "reconciler: in flight 1a2b3c4d",
    "reconciler: unknown reset 1a2b3c4d",
    "reconciler: refused 21211 1a2b3c4d",
]
EVENT_IDS = [None, None, None, "", "   ", "app0001", "rcl0123456789", "\x1b[31m\u202eev\n" + "x" * 50]
SIDS = [None, "", "SM" + "1" * 32, "\x1b[31mSM\n\u202e"]
QUEUE_STATUSES = ["pending", "approved", "sent", "sent", "cancelled", "failed", "failed", None]
TRIGGERS = ["booking_created", "booking_confirmed", "deposit_received", "manual"]
CODES: dict[State, Sequence[tuple[str, Cause | None]]] = {
    State.PLANNED: [("", None), ("rate", None), ("several_candidates", None), ("absent", None)],
    State.SENDING: [("", None)],
    State.UNKNOWN: [("reset", None), ("lease_ran_out", None)],
    State.NEEDS_HUMAN: [
        ("no_control", Cause.UNKNOWN_OUTCOME),
        ("found_failed", Cause.UNUSABLE_DATA),
        ("attempts", Cause.GIVEN_UP),
    ],
    State.DONE: [("accepted", None), (HANDED_OVER, None), ("tombstone", None)],
    State.REFUSED: [
        ("21610", Cause.REFUSED_RECIPIENT),
        ("21211", Cause.UNUSABLE_DATA),
        ("400", Cause.UNUSABLE_DATA),
    ],
    State.DROPPED: [("superseded", None), (BY_A_PERSON, None), ("ahead", None)],
}
DELETED = ("deleted_by_hand", Cause.DELETED_BY_HAND)
FINAL = [state for state in State if state.is_final]


@dataclass
class RandomBookings:
    """What was drawn, by table; ``plant`` writes it."""

    now: datetime
    random: Random
    customers: list[Row] = field(default_factory=list)
    bookings: list[Row] = field(default_factory=list)
    texts: list[Row] = field(default_factory=list)
    intents: list[Row] = field(default_factory=list)
    gaps: list[Row] = field(default_factory=list)
    _numbers: int = 1

    @classmethod
    def draw(cls, number: int, now: datetime, random: Random) -> "RandomBookings":
        drawn = cls(now, random, _numbers=max(number // 3, 1))
        for _ in range(number):
            drawn._book()
        for _ in range(number // 40):
            drawn._customer(sms_opt_in=drawn.one_of([False, None]))
        return drawn

    def one_of(self, values: Sequence[Any]) -> Any:
        return self.random.choice(values)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def id(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def phone(self) -> str:
        """One of not too many numbers, so that people share them, in one of the ways people write it."""
        number = self.random.randrange(min(self._numbers, 1000))
        if number % 10 == 9:
            return f"+33 6 39 98 {number // 100:02d} {number % 100:02d}"
        national = f"7700 900{number % 1000:03d}"
        return f"{self.one_of(['+44', '0', '0044 ', '+44 (0)'])}{national}"

    def _customer(self, **values: Any) -> str:
        row = {
            "id": self.id(),
            "first_name": self.one_of(NAMES),
            "mobile_e164": self.phone().replace(" ", "") if self.chance(0.5) else self.one_of([None, "", *UNUSABLE]),
            "mobile_number": self.phone() if self.chance(0.5) else None,
            "sms_opt_in": self.one_of([True] * 8 + [False, None]),
            "sms_status": self.one_of(["active"] * 8 + ["opted_out", "sms_deactivated", None]),
            **values,
        }
        self.customers.append(row)
        return str(row["id"])

    def _book(self) -> None:
        age = self.one_of(AGES) if self.chance(0.4) else timedelta(minutes=self.random.randrange(15, 70 * 60))
        starts = self.now + (self.one_of(NOTICE) if self.chance(0.25) else self.random.randrange(1, 200) * DAY)
        local = starts.astimezone(LONDON)
        next_day = self.one_of([True, False, None])
        name = self.one_of(NAMES)
        row = {
            "id": self.id(),
            "customer_id": self._customer() if self.chance(0.4) else None,
            "customer_name": name + "x" * 1_000_000 if self.chance(0.001) else name,
            "customer_first_name": self.one_of([None, "", name]),
            "contact_phone": self.phone() if self.chance(0.75) else self.one_of([None, "", "  ", *UNUSABLE]),
            "event_date": self.one_of(STRANGE_DATES) if self.chance(0.02) else local.date(),
            "start_time": local.time(),
            "end_time": self._end(local.time(), next_day),
            "end_time_next_day": next_day,
            "guest_count": self.one_of([None, 0, 40]),
            "event_type": self.one_of([None, "", "Birthday", "Planted wedding"]),
            "status": self.one_of(["draft", "confirmed", "confirmed"]) if self.chance(0.9) else self.one_of(
                ["cancelled", "completed", None]
            ),
            "calendar_event_id": self.one_of(EVENT_IDS),
            "internal_notes": self.one_of(NOTES) if self.chance(0.3) else None,
            "date_tbd": self.chance(0.03),
            "hold_expiry": self.now + self.one_of([-DAY, -SECOND, SECOND, HOUR, 9 * DAY]) if self.chance(0.2) else None,
            "source": self.one_of(["manual", "manual", "web", None]),
            "created_at": self.now - age,
            "updated_at": self.now - age,
        }  # fmt: skip
        self.bookings.append(row)
        if self.chance(0.4):
            for _ in range(self.random.randrange(1, 4)):
                self._text(row)

    def _end(self, start: time, next_day: bool | None) -> time | None:
        """The table lets an end before the start through where nobody said whether it is on the next day."""
        ends = self.one_of([None, time(23, 0), time(2, 0)])
        return ends if ends is None or next_day is not False or ends > start else None

    def _text(self, booking: Row) -> None:
        status, ago = self.one_of(QUEUE_STATUSES), self.random.randrange(0, 30 * 60) * MINUTE
        written = booking["contact_phone"] or self.phone()
        row = {
            "id": self.id(),
            "booking_id": booking["id"],
            "trigger_type": self.one_of(TRIGGERS),
            "template_key": "x",
            "scheduled_for": self.now - ago + self.one_of([0 * HOUR, HOUR, 2 * DAY]),
            "message_body": "secret words",
            "customer_phone": written,
            "customer_name": booking["customer_name"][:50],
            "recipient_phone": self.one_of([None, "", written, self.phone()]),
            "status": status,
            "approved_by": self.id() if self.chance(0.3) else None,
            "sent_at": self.now - ago if status == "sent" or self.chance(0.1) else None,
            "twilio_message_sid": self.one_of(SIDS),
            "error_message": self.one_of(ERRORS) if status == "failed" or self.chance(0.05) else None,
            "created_at": self.now - ago,
        }
        self.texts.append(row)

    def remember(self, subjects: Mapping[tuple[Effect, str], str]) -> None:
        """Draw a ledger; ``subjects`` are those of what would be repaired now."""
        rows: dict[tuple[str, str], list[str]] = {}
        for text in self.texts:
            rows.setdefault((text["booking_id"], text["trigger_type"]), []).append(text["id"])
        for booking in self.bookings:
            # Those that a pass does not see by their age it may know by the ledger.
            is_old = booking["created_at"] < self.now - 13 * DAY
            for effect in Effect:
                if self.chance(0.5 if is_old else 0.3):
                    self._remember(booking, effect, subjects.get((effect, booking["id"])), rows)
            for kind in ("sms.missing", "calendar.missing", "sms.stuck", "sms.unproven"):
                if self.chance(0.4 if is_old else 0.05):
                    self._gap(booking["id"], GapKind(kind))

    def _remember(
        self, of: Mapping[str, Any], effect: Effect, subject: str | None, rows: Mapping[tuple[str, str], list[str]]
    ) -> None:
        booking = of["id"]
        # An intent is written after its booking was made, unless the id came again.
        oldest = of["created_at"] if of["created_at"] and not self.chance(0.05) else self.now - 30 * DAY
        trigger = EVENT_TRIGGER if effect is Effect.CALENDAR else self.one_of(TRIGGERS[:2])
        before = self.one_of([0, 0, 0, 1, 2, 4, 5])
        states = [*(self.one_of(FINAL) for _ in range(before)), self.one_of(list(State))]
        for generation, state in enumerate(states, 1):
            deleted = effect is Effect.CALENDAR and state is State.REFUSED and self.chance(0.5)
            code, cause = DELETED if deleted else self.one_of(CODES[state])
            at = max(oldest, self.now - (len(states) - generation + 1) * HOUR)
            own = self.one_of([self.id(), *rows.get((booking, trigger), [])]) if code == HANDED_OVER else self.id()
            row = {
                "id": self.id(),
                "scope": self.one_of([""] * 9 + ["venue_id=7"]),
                "booking": booking,
                "effect": effect.value,
                "trigger": trigger,
                "generation": generation,
                "state": state.value,
                "attempts": self.random.randrange(0, 6),
                "subject": self.one_of([subject, subject, "another:one"]) if subject else "another:one",
                "code": code,
                "cause": cause.value if cause else None,
                "provider_id": own if state is State.DONE else None,
                "effect_gone": state is State.DONE and code == "tombstone",
                "resolved_by_person": code == BY_A_PERSON,
                "handed_over": code == HANDED_OVER,
                "claim": self.id() if state is State.SENDING else None,
                "leased_until": self.now + HOUR if state is State.SENDING else None,
                "not_before": self.one_of([None, at, self.now + SECOND, self.now + DAY, self.now + 3 * DAY]),
                "attempted_at": at if state in (State.SENDING, State.UNKNOWN) else None,
                "created_at": at,
                "updated_at": at,
            }
            if any(row["provider_id"] and other["provider_id"] == row["provider_id"] for other in self.intents[-9:]):
                row["provider_id"] = self.id()
            self.intents.append(row)

    def _gap(self, booking: str, kind: GapKind) -> None:
        opened = self.now - self.one_of([HOUR, 20 * DAY])
        row = {
            "scope": self.one_of(["", "", "", "venue_id=7"]),
            "kind": kind.value,
            "about": booking,
            "cause": Cause.NEVER_QUEUED.value,
            "key": "",
            "reason": "",
            "detail": json.dumps({}),
            "opened_at": opened,
            "seen_at": opened,
        }
        self.gaps.append(row)

    def checked(self, venue: Venue, settings: str) -> None:
        """Every rule has had its full look of the day: the next one goes back ``scan_window``."""
        at = self.now - HOUR
        rows = [
            {"job": job, "scope": "", "settings": settings, "started_at": at, "finished_at": at, "full_scan": True}
            for job in ("sms_missing", "calendar_missing", "sms_delivery")
        ]  # fmt: skip
        copy(venue, "reconciler.run", rows)

    def plant(self, venue: Venue) -> None:
        copy(venue, "customers", self.customers)
        copy(venue, "private_bookings", self.bookings)
        copy(venue, "private_booking_sms_queue", self.texts)

    def plant_ledger(self, venue: Venue) -> None:
        copy(venue, "reconciler.intent", self.intents)
        copy(venue, "reconciler.gap", self.gaps)


def copy(venue: Venue, table: str, rows: Sequence[Row]) -> None:
    """All rows at once; by the superuser, whom no policy keeps from it."""
    if not rows:
        return
    columns = sql.SQL(", ").join(map(sql.Identifier, rows[0]))
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(*table.split(".")), columns)
    with venue.postgres.connect(venue.name) as connection, connection.cursor() as cursor:
        with cursor.copy(statement) as to:
            for row in rows:
                to.write_row(tuple(row.values()))
        cursor.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(*table.split("."))))
