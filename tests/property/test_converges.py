"""Whatever dies, races or lies, in whatever order: nothing is sent or made twice, and in the end nothing is lost.

Bookings come, change and vanish; the application and people do what they do; the providers lie; a pass may die at any
commit and any call. Then the world is well again, and after a few passes the next one has nothing to do.
"""

import contextlib
import itertools
import uuid
from datetime import timedelta

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
from tests.support.venue import BEA, NOON, Venue
from tests.support.world import World

AT_MOST = 6
"""Passes after which the world is at rest once nothing disturbs it any more."""
LIMITS = ", timeouts: {twilio: 100ms, google: 100ms}"
LONGER = 0.15
"""Seconds: longer than we wait for a provider."""

TWILIO_READS = ["messages.list", "messages.list", "account.fetch"]
GOOGLE_REST = ["events.get", "events.get", "events.list", "events.delete", "events.delete"]
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
LIES = st.one_of(
    st.none(),
    st.tuples(st.just("twilio"), st.sampled_from(["messages.create"] * 4 + TWILIO_READS), st.sampled_from([*TWILIO])),
    st.tuples(st.just("lists"), st.sampled_from(["lag", "redact", "are right"]), st.just("")),
    st.tuples(st.just("google"), st.sampled_from(["events.insert"] * 4 + GOOGLE_REST), st.sampled_from([*GOOGLE])),
)
POINTS = st.tuples(st.just(value=True), st.integers(0, 12)) | st.tuples(st.just(value=False), st.integers(0, 50))
"""Counted from the first call that changes something, or from the start of the pass."""
TURNS = st.none() | st.tuples(POINTS, st.sampled_from(["it dies"] * len(DEEDS) + sorted(DEEDS)))
"""What happens in the middle of a pass: the point, and what somebody does to a booking there."""
JOBS = st.sampled_from([("missing_events", "missing_sms"), ("missing_events",), ("missing_sms",)])
Jobs = tuple[str, ...]
Turn = tuple[tuple[bool, int], str] | None
Lie = tuple[str, str, str] | None


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
        self.texts_others = False
        self.sound = True

    @initialize(deleted_by_hand=st.sampled_from(["report", "restore"]), texts_others=st.booleans())
    def opens(self, deleted_by_hand: str, texts_others: bool) -> None:
        self.world.configure(quiet="off", limits=LIMITS, events=f", deleted_by_hand: {deleted_by_hand}")
        self.texts_others = texts_others

    @initialize(target=bookings)
    def has_a_booking(self) -> BookingId:
        return self.actors.book("confirmed", minutes_ago=60)

    @rule(target=bookings, status=st.sampled_from(["confirmed", "draft"]), jobs=JOBS, lie=LIES, turn=TURNS)
    def a_booking_comes_and_a_pass(self, status: str, jobs: Jobs, lie: Lie, turn: Turn) -> BookingId:
        booking = self.actors.book(status, minutes_ago=60)
        self._pass(booking, jobs, lie, turn)
        return booking

    @rule(booking=bookings, deed=st.sampled_from(sorted(DEEDS)), jobs=JOBS, lie=LIES, turn=TURNS)
    def somebody_does_something_and_a_pass(
        self, booking: BookingId, deed: str, jobs: Jobs, lie: Lie, turn: Turn
    ) -> None:
        self.actors.does(deed, booking)
        self._pass(booking, jobs, lie, turn)

    @rule(booking=bookings, minutes=st.sampled_from([11, 61, 24 * 60]), jobs=JOBS, lie=LIES, turn=TURNS)
    def time_goes_by_and_a_pass(self, booking: BookingId, minutes: int, jobs: Jobs, lie: Lie, turn: Turn) -> None:
        self._time_passes(minutes)
        self._pass(booking, jobs, lie, turn)

    @rule(booking=bookings, deed=st.sampled_from(sorted(DEEDS)))
    def somebody(self, booking: BookingId, deed: str) -> None:
        self.actors.does(deed, booking)

    def _time_passes(self, minutes: int) -> None:
        self.world.time_passes(minutes=minutes)
        if self.texts_others:
            self.sandbox.twilio.add_message(BEA, "Hi Bea", self.world.clock.now())

    def _lies(self, lie: Lie) -> None:
        twilio, google = self.sandbox.twilio, self.sandbox.google
        match lie:
            case ("twilio", call, fault):
                twilio.faults.next_calls(call, TWILIO[fault])
            case ("google", call, fault):
                google.faults.next_calls(call, GOOGLE[fault])
            case ("lists", how, _):  # by less than the time to settle
                twilio.list_lag, twilio.redacts = timedelta(minutes=2 * (how == "lag")), how == "redact"

    def _pass(self, booking: BookingId, jobs: Jobs, lie: Lie, turn: Turn) -> None:
        self.sound = False
        self._lies(lie)
        with contextlib.suppress(Killed), contextlib.ExitStack() as stack:
            if turn:
                (waits, number), deed = turn
                if deed == "it dies":
                    happens = Interruption(number, kill, waits=waits)
                else:
                    happens = Interruption(number, lambda: self.actors.does(deed, booking), UNLOCKED, waits)
                stack.enter_context(interrupted(happens))
            self.world.once(jobs=jobs)

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
        for provider in (self.sandbox.twilio, self.sandbox.google):
            provider.faults.clear()
        self._lies(("lists", "are right", ""))
        for _ in range(AT_MOST):
            self._time_passes(61)
            self.world.both()
            self.truths.hold()
        self.truths.nothing_is_lost()
        self.truths.our_ledger_is_right()
        assert self.truths.strays() == []
        self._time_passes(10)
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
    live(venue, lives=40, steps=12)
