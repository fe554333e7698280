"""Whatever dies, races or lies, in whatever order: nothing is sent or made twice, and in the end nothing is lost.

Bookings come, change and vanish; the application and people do what they do; the providers lie; a pass may die at any
commit and any call. Then the world is well again, and after a few passes the next one has nothing to do.
"""

import itertools
import uuid
from collections.abc import Callable

import pytest
import requests
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from reconciler.domain.bookings import BookingId
from reconciler.sandbox.faults import Fault, Misbehaviour
from reconciler.sandbox.google import google_error
from reconciler.sandbox.twilio import twilio_error
from reconciler.sandbox.world import Sandbox
from tests.support.actors import DEEDS, Actors
from tests.support.clock import StandingClock
from tests.support.interrupting import UNLOCKED, Interruption, Killed, interrupted, kill
from tests.support.truths import Truths
from tests.support.venue import NOON, Venue
from tests.support.world import World

AT_MOST = 8
"""Passes after which the world is at rest once nothing disturbs it any more."""
LIMITS = ", timeouts: {twilio: 100ms, google: 100ms}"
NEVER = -1
LONGER = 0.15
"""Seconds: longer than we wait for a provider."""

BOTH_KINDS = {
    "takes effect, and the answer is lost": Fault(kind=Misbehaviour.LOSE),
    "takes effect, and says 503": Fault(kind=Misbehaviour.FAIL_AFTER),
    "takes effect, and says nothing": Fault(kind=Misbehaviour.EMPTY),
    "takes effect, and is slow": Fault(kind=Misbehaviour.SLOW, seconds=LONGER),
    "drops the connection": Fault(kind=Misbehaviour.DROP),
    "hangs": Fault(kind=Misbehaviour.HANG, seconds=LONGER),
    "a proxy's page, 503": Fault(kind=Misbehaviour.HTML),
    "a proxy's page, 200": Fault(kind=Misbehaviour.HTML, status=200),
}
TWILIO = BOTH_KINDS | {
    "429": Fault(kind=Misbehaviour.STATUS, status=429, body=twilio_error(429, 20429)),
    "401": Fault(kind=Misbehaviour.STATUS, status=401, body=twilio_error(401, 20003)),
    "500": Fault(kind=Misbehaviour.STATUS, status=500, body=twilio_error(500, 20500)),
    "a country switched off": Fault(kind=Misbehaviour.STATUS, status=400, body=twilio_error(400, 21408)),
    "STOP": Fault(kind=Misbehaviour.STATUS, status=400, body=twilio_error(400, 21610)),
    "no such number": Fault(kind=Misbehaviour.STATUS, status=400, body=twilio_error(400, 21211)),
}
GOOGLE = BOTH_KINDS | {
    "429": Fault(kind=Misbehaviour.STATUS, status=403, body=google_error(403, "rateLimitExceeded")),
    "403": Fault(kind=Misbehaviour.STATUS, status=403, body=google_error(403, "forbidden")),
    "500": Fault(kind=Misbehaviour.STATUS, status=500, body=google_error(500, "backendError")),
    "400": Fault(kind=Misbehaviour.STATUS, status=400, body=google_error(400, "invalid")),
    "409": Fault(kind=Misbehaviour.STATUS, status=409, body=google_error(409, "conflict")),
}
TWILIO_CALLS = ["messages.create", "messages.create", "messages.list", "account.fetch"]
GOOGLE_CALLS = ["events.insert", "events.insert", "events.get", "events.list", "events.delete", "token"]
points = st.tuples(st.just(value=True), st.integers(0, 12)) | st.tuples(st.just(value=False), st.integers(0, 50))
"""Counted from the first call that changes something, or from the start of the pass."""
JOBS = [("missing_events", "missing_sms"), ("missing_events",), ("missing_sms",)]


class Life(RuleBasedStateMachine):
    """One venue's life; ``bookings`` may be gone already, then nothing happens to them."""

    bookings = Bundle("bookings")

    def __init__(self, venue: Venue) -> None:
        super().__init__()
        venue.empty()
        venue.now = NOON
        clock = StandingClock(venue.now)
        self.sandbox = Sandbox(postgres=venue.postgres, database=venue.name, now=clock.now, bookings=())
        self.sandbox.__enter__()
        self.world = World(venue, self.sandbox, clock)
        self.actors, self.truths = Actors(self.world), Truths(self.world)
        self.patch = pytest.MonkeyPatch()
        numbers = itertools.count()
        # The same story takes the same course each time it is told.
        self.patch.setattr(uuid, "uuid4", lambda: uuid.uuid5(uuid.NAMESPACE_OID, str(next(numbers))))
        self.patch.setattr(requests.Session, "send", self.truths.overhear(requests.Session.send))
        self.sound = True

    @initialize(deleted_by_hand=st.sampled_from(["report", "restore"]))
    def opens(self, deleted_by_hand: str) -> None:
        self.world.configure(quiet="off", limits=LIMITS, events=f", deleted_by_hand: {deleted_by_hand}")

    @initialize(target=bookings)
    def has_a_booking(self) -> BookingId:
        return self.actors.book("confirmed", 60)

    # The application and people

    @rule(
        target=bookings,
        status=st.sampled_from(["draft", "confirmed", "confirmed", "cancelled"]),
        minutes_ago=st.sampled_from([60, 60, 5]),
    )
    def books(self, status: str, minutes_ago: int) -> BookingId:
        return self.actors.book(status, minutes_ago)

    @rule(booking=bookings, deed=st.sampled_from(sorted(DEEDS)))
    def somebody(self, booking: BookingId, deed: str) -> None:
        self.actors.does(deed, booking)

    # The world lies

    @rule(call=st.sampled_from(TWILIO_CALLS), fault=st.sampled_from(sorted(TWILIO)))
    def twilio_lies(self, call: str, fault: str) -> None:
        self.sandbox.twilio.faults.next_calls(call, TWILIO[fault])

    @rule(call=st.sampled_from(GOOGLE_CALLS), fault=st.sampled_from(sorted(GOOGLE)))
    def google_lies(self, call: str, fault: str) -> None:
        self.sandbox.google.faults.next_calls(call, GOOGLE[fault])

    @rule(minutes=st.sampled_from([1, 11, 61, 24 * 60]))
    def time_passes(self, minutes: int) -> None:
        self.world.later(minutes=minutes)
        # The database has a clock of its own, which a test cannot put forward.
        aged = "UPDATE reconciler.intent SET leased_until = leased_until - %s * interval '1 minute'"
        self.world.venue.sql(aged, minutes)

    # We

    @rule(jobs=st.sampled_from(JOBS))
    def passes(self, jobs: tuple[str, ...]) -> None:
        self._interrupted(Interruption(NEVER, kill), jobs)

    @rule(jobs=st.sampled_from(JOBS), point=points)
    def dies(self, jobs: tuple[str, ...], point: tuple[bool, int]) -> None:
        waits, number = point
        self._interrupted(Interruption(number, kill, waits=waits), jobs)

    @rule(jobs=st.sampled_from(JOBS), point=points, booking=bookings, deed=st.sampled_from(sorted(DEEDS)))
    def races(self, jobs: tuple[str, ...], point: tuple[bool, int], booking: BookingId, deed: str) -> None:
        waits, number = point
        self._interrupted(Interruption(number, lambda: self.actors.does(deed, booking), UNLOCKED, waits), jobs)

    def _interrupted(self, interruption: Interruption, jobs: tuple[str, ...]) -> None:
        self.sound = False
        try:
            with interrupted(interruption):
                self.world.once(jobs=jobs)
        except Killed:
            pass

    @invariant()
    def nothing_is_done_twice(self) -> None:
        self.truths.hold()
        self.sound = True

    def teardown(self) -> None:
        try:
            if self.sound:
                self.comes_to_rest()
        finally:
            self.patch.undo()
            self.sandbox.__exit__()

    def comes_to_rest(self) -> None:
        self.sandbox.twilio.faults.clear()
        self.sandbox.google.faults.clear()
        for _ in range(AT_MOST):
            self.time_passes(61)
            self.world.both()
            self.truths.hold()
        self.truths.nothing_is_lost()
        assert self.truths.strays() == []
        self.time_passes(10)
        before = self.world.venue.checksum(), self.sandbox.writes()
        self.world.both()
        assert (self.world.venue.checksum(), self.sandbox.writes()) == before, "at rest, and yet something was written"


def live(venue: Venue, lives: int, steps: int) -> None:
    run_state_machine_as_test(
        lambda: Life(venue),
        settings=settings(
            max_examples=lives,
            stateful_step_count=steps,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_a_few_short_lives(venue: Venue) -> None:
    live(venue, lives=8, steps=15)


@pytest.mark.long
def test_many_lives(venue: Venue) -> None:
    live(venue, lives=100, steps=15)
