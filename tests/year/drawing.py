"""One booking and everything that will happen to it, drawn by the seed when it is made."""

import random
import uuid
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from tests.support.application_db import LONDON
from tests.year.days import Breakage, Size, is_closed

DRAFT, CONFIRMED, EVENT = "draft", "confirmed", "event"
"""What a booking calls for: the text of each status, and an event."""
NAMES = ("Ana Lima", "Ben Okoro", "Cleo Marsh", "Dev Patel", "Edith Young", "Finn O'Hara", "Grace Lee", "Zoë Fox")
HOURS = range(9, 23)
"""When bookings are made."""
STARTS = (time(12), time(13, 30), time(17), time(18, 30), time(19, 30), time(20))
SAME_DAY = timedelta(hours=3)
MINUTE = timedelta(minutes=1)


@dataclass(eq=False)
class Booking:
    id: str
    name: str
    number: str | None
    """E.164; ``None``: it has no number, or one that cannot be texted."""
    phone: str | None
    """As it is stored."""
    customer: str | None
    made_at: datetime
    starts_at: datetime
    status: str = DRAFT
    confirmed_at: datetime | None = None
    opted_out: bool = False
    """From its beginning on; later opt-outs go by number."""
    silent: frozenset[str] = frozenset()
    """What the application never does for it, without a word."""
    texted: set[str] = field(default_factory=set)
    """The texts it has had from anybody."""
    events: set[str] = field(default_factory=set)
    """Ids of the live events for it."""
    no_event_wanted: bool = False
    """A person deleted its event."""

    over_at: datetime | None = None
    """When it was cancelled."""

    @property
    def reference(self) -> str:
        return self.id[:8]

    def due_at(self, what: str) -> datetime:
        return self.confirmed_at or self.made_at if what == CONFIRMED else self.made_at

    def ended_at(self, what: str) -> datetime | None:
        """Since when it does not call for it any more: it was cancelled or confirmed, or it begins."""
        confirmed = [self.confirmed_at] if what == DRAFT else []
        return min((at for at in (self.over_at, self.starts_at, *confirmed) if at), default=None)

    def calls_for(self, what: str, now: datetime) -> bool:
        return self.starts_at > now and (self.status == what if what != EVENT else self.status in (DRAFT, CONFIRMED))


@dataclass
class Drawing:
    """Draws bookings by the seed."""

    size: Size
    seed: int
    chance: random.Random = field(init=False)
    made: int = 0
    known: list[tuple[str, str]] = field(default_factory=list)
    """Customers and their numbers, of whom some come again."""

    def __post_init__(self) -> None:
        self.chance = random.Random(f"{self.seed} {self.size.name}")

    def moments(self, day: date) -> list[datetime]:
        """When bookings are made on this day."""
        if is_closed(day):
            return []
        weight = 1.4 if day.weekday() >= 4 else 0.85
        number = round(self.chance.gauss(self.size.per_day * weight, (self.size.per_day * weight) ** 0.5))
        seconds = [self.chance.uniform(HOURS[0] * 3600, HOURS[-1] * 3600) for _ in range(max(0, number))]
        return sorted(datetime.combine(day, time(), tzinfo=LONDON) + timedelta(seconds=one) for one in seconds)

    def chances(self, share: float) -> bool:
        return self.chance.random() < share

    def new_id(self) -> str:
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))

    def booking(self, made_at: datetime) -> Booking:
        self.made += 1
        # Its reference is its alone, so that a text or an event tells which booking it is about.
        own = f"{self.made * 2654435761 % 2**32:08x}"
        number, customer = self._customer()
        usable = not self.chances(0.06)
        unusable = [None, ""] if customer else [None, "", "the landline"]  # of a customer it is the customer's
        return Booking(
            id=own + self.new_id()[8:],
            name=self.chance.choice(NAMES),
            number=number if usable or customer else None,
            phone=number if usable else self.chance.choice(unusable),
            customer=customer,
            made_at=made_at,
            starts_at=self._start(made_at),
            opted_out=customer is not None and self.chances(0.02),
            silent=frozenset(what for what in (DRAFT, CONFIRMED, EVENT) if self.chances(0.03)),
        )

    def _customer(self) -> tuple[str, str | None]:
        if self.known and self.chances(0.12):
            customer, number = self.chance.choice(self.known[-40:])
            return number, customer
        number = f"+44791{self.made:07d}"
        if self.chances(0.4):
            return number, None
        customer = self.new_id()
        self.known.append((customer, number))
        return number, customer

    def _start(self, made_at: datetime) -> datetime:
        local = made_at.astimezone(LONDON)
        if self.chances(0.02) and local.hour < 16:
            return local + SAME_DAY + self.chance.uniform(0, 4) * timedelta(hours=1)
        day = local.date() + timedelta(days=1 + min(250, int(self.chance.expovariate(1 / 30))))
        return self.start_on(day)

    def start_on(self, day: date) -> datetime:
        """A start on this day, or on the first one after it on which the venue is open."""
        while is_closed(day):
            day += timedelta(days=1)
        return datetime.combine(day, self.chance.choice(STARTS), tzinfo=LONDON)

    def soon(self, earliest: float = 1, latest: float = 6) -> timedelta:
        return self.chance.uniform(earliest, latest) * MINUTE

    def lacks_texts(self, moment: datetime) -> bool:
        return self.size.is_broken(moment, Breakage.NO_TEXTS)
