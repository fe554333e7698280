"""Whatever dies, races or lies, in whatever order: nothing is sent or made twice, and in the end nothing is lost.

Bookings are made, changed and deleted; the application and its staff act at any time; the providers misbehave; a pass
may die at any commit and any call. Then everything works again, and after a few passes the next one has nothing to do.
"""

import contextlib
import itertools
import uuid
from collections.abc import Callable

import pytest
import requests
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from reconciler.domain.bookings import BookingId
from reconciler.sandbox.world import Sandbox
from tests.support.application_db import BEA, NOON, Venue
from tests.support.booking_actions import ACTIONS, BookingActions
from tests.support.clock import StandingClock
from tests.support.interruptions import UNLOCKED, Interruption, Killed, Point, interrupted, kill
from tests.support.invariants import Invariants
from tests.support.provider_faults import PROVIDER_FAULTS, TIMEOUTS, ProviderFault, clear_provider_faults, inject_fault
from tests.support.sandbox_world import World

AT_MOST = 6
"""Passes after which the world is at rest once nothing disturbs it any more."""
POINTS = st.one_of(
    st.tuples(st.just("twilio"), st.integers(0, 4)),
    st.tuples(st.just("google"), st.integers(0, 9)),
    st.tuples(st.just(""), st.integers(0, 50)),
)
"""Counted from the first call that changes something at a provider, or from the start of the pass."""
DIES, ANOTHER, FROZEN = "we die", "another pass runs", "we are frozen for less than a lease, and another pass runs"
TURNS = st.one_of(
    st.none(),
    st.tuples(POINTS, st.just(DIES)),
    st.tuples(POINTS, st.sampled_from([ANOTHER, FROZEN, *ACTIONS])),
)
"""What happens in the middle of a pass: at which point, and what; an action is done to the booking at hand."""
REPAIRS = ("calendar_missing", "sms_missing")
JOBS = st.sampled_from([REPAIRS, ("calendar_missing",), ("sms_missing",), ("unsettled_repairs",)])
Jobs = tuple[str, ...]
Turn = tuple[tuple[str, int], str] | None


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
        self.actions, self.checked = BookingActions(self.world), Invariants(self.world)
        self.patch = pytest.MonkeyPatch()
        numbers = itertools.count()
        # The same story takes the same course each time it is told.
        self.patch.setattr(uuid, "uuid4", lambda: uuid.uuid5(uuid.NAMESPACE_OID, str(next(numbers))))
        self.patch.setattr(requests.Session, "send", self.checked.record_accepted(requests.Session.send))
        self.texts_others = False
        self.sound = True

    @initialize(deleted_by_hand=st.sampled_from(["report", "restore"]), texts_others=st.booleans())
    def opens(self, deleted_by_hand: str, texts_others: bool) -> None:
        self.world.configure(quiet="off", limits=f", {TIMEOUTS}", events=f", deleted_by_hand: {deleted_by_hand}")
        self.texts_others = texts_others

    @initialize(target=bookings)
    def has_a_booking(self) -> BookingId:
        return self.actions.book("confirmed", minutes_ago=60)

    @rule(target=bookings, status=st.sampled_from(["confirmed", "draft"]), jobs=JOBS, fault=PROVIDER_FAULTS, turn=TURNS)
    def a_booking_comes_and_a_pass(self, status: str, jobs: Jobs, fault: ProviderFault, turn: Turn) -> BookingId:
        booking = self.actions.book(status, minutes_ago=60)
        self._pass(booking, jobs, fault, turn)
        return booking

    @rule(booking=bookings, action=st.sampled_from(sorted(ACTIONS)), jobs=JOBS, fault=PROVIDER_FAULTS, turn=TURNS)
    def somebody_does_something_and_a_pass(
        self, booking: BookingId, action: str, jobs: Jobs, fault: ProviderFault, turn: Turn
    ) -> None:
        self.actions.perform(action, booking)
        self._pass(booking, jobs, fault, turn)

    @rule(booking=bookings, minutes=st.sampled_from([11, 61, 24 * 60]), jobs=JOBS, fault=PROVIDER_FAULTS, turn=TURNS)
    def time_goes_by_and_a_pass(
        self, booking: BookingId, minutes: int, jobs: Jobs, fault: ProviderFault, turn: Turn
    ) -> None:
        self._time_passes(minutes)
        self._pass(booking, jobs, fault, turn)

    @rule(booking=bookings, action=st.sampled_from(sorted(ACTIONS)))
    def somebody(self, booking: BookingId, action: str) -> None:
        self.actions.perform(action, booking)

    def _time_passes(self, minutes: int) -> None:
        self.world.time_passes(minutes=minutes)
        if self.texts_others:
            self.sandbox.twilio.add_message(BEA, "Hi Bea", self.world.clock.now())

    def _pass(self, booking: BookingId, jobs: Jobs, fault: ProviderFault, turn: Turn) -> None:
        self.sound = False
        inject_fault(fault, self.sandbox)
        with contextlib.suppress(Killed), contextlib.ExitStack() as stack:
            if turn:
                (provider, number), what = turn
                action, where = self._turn(what, booking)
                stack.enter_context(interrupted(Interruption(number, action, where, provider)))
            self.world.once(jobs=jobs)

    def _turn(self, what: str, booking: BookingId) -> tuple[Callable[[], object], frozenset[Point]]:
        if what == DIES:
            return kill, frozenset(Point)
        if what == ANOTHER:
            return self.world.both, UNLOCKED
        if what == FROZEN:
            return self._frozen, UNLOCKED
        return lambda: self.actions.perform(what, booking), UNLOCKED

    def _frozen(self) -> None:
        self._time_passes(4)
        self.world.both()

    @invariant()
    def nothing_is_done_twice(self) -> None:
        self.checked.hold()
        self.sound = True

    def teardown(self) -> None:
        try:
            if self.sound:
                self.comes_to_rest()
        finally:
            self.patch.undo()
            self.sandbox.__exit__()

    def comes_to_rest(self) -> None:
        clear_provider_faults(self.sandbox)
        for _ in range(AT_MOST):
            self._time_passes(61)
            self.world.both()
            self.checked.hold()
        self.checked.nothing_is_lost()
        self.checked.our_ledger_is_right()
        assert self.checked.orphans() == []
        self._time_passes(10)
        before = self.world.venue.checksum(), self.sandbox.writes()
        self.world.both()
        assert (self.world.venue.checksum(), self.sandbox.writes()) == before, "at rest, and yet something was written"


def live(venue: Venue, lives: int, steps: int) -> None:
    run_state_machine_as_test(
        lambda: Life(venue),  # type: ignore[arg-type]  # any callable will do, and a life needs its venue
        settings=settings(
            max_examples=lives,
            stateful_step_count=steps,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_a_few_short_lives(venue: Venue) -> None:
    live(venue, lives=2, steps=10)


@pytest.mark.long
def test_many_lives(venue: Venue) -> None:
    live(venue, lives=60, steps=15)
