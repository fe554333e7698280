"""``ports.Ledger`` over PostgreSQL: claims, leases and moves, and that the database holds the drawing too."""

import itertools
import re
import time
import uuid
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from reconciler.domain.bookings import BookingId
from reconciler.domain.gaps import Cause, Effect, GapKind
from reconciler.domain.intents import BY_A_PERSON, HANDED_OVER, LEGAL_MOVES, Intent, State
from reconciler.ports import NewGap, NewIntent, Store
from tests.support.application_db import NOON
from tests.support.sandbox_world import World

ONE, TWO = BookingId(str(uuid.UUID(int=1))), BookingId(str(uuid.UUID(int=2)))
SOON = timedelta(minutes=5)
TEXT, EVENT = Effect.SMS, Effect.CALENDAR
LATER = NOON + timedelta(days=4000)
"""After anything that the database's own clock may say."""


@pytest.fixture
def store(world: World) -> Iterator[Store]:
    with world.services() as services:
        yield services.store


def plan(store: Store, booking: BookingId = ONE, effect: Effect = TEXT, trigger: str = "booking_confirmed") -> None:
    with store.writing() as tx:
        tx.intents.plan([NewIntent(booking=booking, effect=effect, trigger=trigger, subject="s")], NOON)


def claim(store: Store, *bookings: BookingId, effect: Effect = TEXT, lease: timedelta = SOON) -> Intent | None:
    with store.writing() as tx:
        return tx.intents.claim(effect, bookings or (ONE,), LATER, lease, NOON)


def claimed(store: Store, lease: timedelta = SOON) -> Intent:
    plan(store)
    intent = claim(store, lease=lease)
    assert intent is not None
    return intent


def move(store: Store, intent: Intent, to: State, lease: timedelta = SOON) -> Intent | None:
    with store.writing() as tx:
        match to:
            case State.SENDING:
                return tx.intents.begin_sending(intent, lease, NOON)
            case State.DONE:
                return tx.intents.mark_done(intent, "SM1", "", NOON)
            case State.REFUSED:
                return tx.intents.mark_refused(intent, "", None, NOON)
            case State.UNKNOWN:
                return tx.intents.mark_unknown(intent, "", timedelta(0), NOON)
            case State.PLANNED:
                return tx.intents.plan_again(intent, "", NOON, NOON, counts=True)
            case State.DROPPED:
                return tx.intents.drop(intent, "", NOON)
            case State.NEEDS_HUMAN:
                return tx.intents.need_human(intent, "", Cause.GIVEN_UP, NOON)


def last(store: Store, final: Collection[str] | None = ()) -> Intent | None:
    with store.reading() as tx:
        return tx.intents.latest(TEXT, [ONE], final).get(ONE)


# Planning


def test_planning_twice_is_planning_once(store: Store, world: World) -> None:
    plan(store)
    plan(store)
    assert [(trigger, generation, state) for _, trigger, generation, state, _ in world.intents()] == [
        ("booking_confirmed", 1, "planned")
    ]


def test_another_trigger_takes_the_place_of_one_that_nobody_has_claimed(store: Store, world: World) -> None:
    plan(store, trigger="booking_created")
    plan(store, trigger="booking_confirmed")
    found = {trigger: state for _, trigger, _, state, _ in world.intents()}
    assert found == {"booking_created": "dropped", "booking_confirmed": "planned"}


def test_a_new_generation_only_after_a_final_state(store: Store, world: World) -> None:
    intent = claimed(store)
    plan(store)
    sending = move(store, intent, State.SENDING)
    assert sending
    plan(store)
    assert move(store, sending, State.REFUSED)
    plan(store)
    assert [(generation, state) for _, _, generation, state, _ in world.intents()] == [(1, "refused"), (2, "planned")]


# Which intent speaks for a booking


def final(store: Store, state: State) -> None:
    intent = claimed(store)
    sending = move(store, intent, State.SENDING)
    assert sending
    assert move(store, sending, state)


@pytest.mark.parametrize(
    ("finally_done", "state"), [(None, "done"), (["booking_confirmed"], "done"), (["date_changed"], "planned")]
)
def test_what_is_done_for_ever_speaks_louder_than_what_was_planned_after_it(
    store: Store, finally_done: list[str] | None, state: str
) -> None:
    """Whatever planned it, a second text must never look due."""
    final(store, State.DONE)
    plan(store, trigger="booking_created")
    seen = last(store, finally_done)
    assert seen is not None
    assert seen.state == state


def test_a_text_that_was_only_handed_over_hides_nothing_that_was_planned_since(store: Store) -> None:
    sending = move(store, claimed(store), State.SENDING)
    assert sending is not None
    with store.writing() as tx:
        assert tx.intents.mark_handed_over(sending, "row", NOON)
    handed_over = last(store, None)
    plan(store)
    seen = last(store, None)
    assert handed_over is not None
    assert seen is not None
    assert (handed_over.code, handed_over.handed_over, handed_over.provider_id) == (HANDED_OVER, True, "row")
    assert (seen.state, seen.generation, seen.handed_over) == (State.PLANNED, 2, False)


def test_a_planned_text_speaks_louder_than_an_older_refusal(store: Store) -> None:
    final(store, State.REFUSED)
    plan(store)
    seen = last(store)
    assert seen is not None
    assert (seen.state, seen.generation) == (State.PLANNED, 2)


def test_what_is_unknown_speaks_loudest(store: Store) -> None:
    intent = claimed(store)
    sending = move(store, intent, State.SENDING)
    assert sending
    assert move(store, sending, State.UNKNOWN)
    plan(store, trigger="booking_created")
    seen = last(store)
    assert seen is not None
    assert seen.state is State.UNKNOWN


# Claims


def test_a_claim_is_exclusive_until_its_lease_ends(store: Store) -> None:
    plan(store)
    first = claim(store, lease=timedelta(milliseconds=200))
    assert first is not None
    assert claim(store) is None
    time.sleep(0.25)
    second = claim(store)
    assert second is not None
    assert second.claim != first.claim
    assert move(store, first, State.SENDING) is None, "the old claim moves nothing any more"
    assert move(store, second, State.SENDING) is not None


def test_the_least_recently_examined_comes_first(store: Store) -> None:
    plan(store, ONE)
    plan(store, TWO)
    order = []
    for _ in range(4):
        intent = claim(store, ONE, TWO)
        assert intent is not None
        order.append(intent.booking)
        with store.writing() as tx:
            tx.intents.release(intent, "busy", NOON)
    assert order in ([ONE, TWO, ONE, TWO], [TWO, ONE, TWO, ONE])


def test_a_released_claim_costs_no_attempt(store: Store) -> None:
    intent = claimed(store)
    with store.writing() as tx:
        tx.intents.release(intent, "busy", NOON)
    seen = last(store)
    assert seen is not None
    assert (seen.state, seen.attempts, seen.code) == (State.PLANNED, 0, "busy")


def test_not_before_is_kept(store: Store) -> None:
    intent = claimed(store)
    sending = move(store, intent, State.SENDING)
    assert sending
    with store.writing() as tx:
        assert tx.intents.take_back_attempt(sending, "", None, NOON + SOON, NOON)
    with store.writing() as tx:
        assert tx.intents.claim(TEXT, [ONE], LATER, SOON, NOON + SOON - timedelta(seconds=1)) is None
        found = tx.intents.claim(TEXT, [ONE], LATER, SOON, NOON + SOON)
    assert found is not None
    assert found.attempts == 0, "certainly not done: the attempt was taken back"


def test_a_sender_that_died_leaves_an_unknown_outcome(store: Store) -> None:
    intent = claimed(store)
    sending = move(store, intent, State.SENDING, lease=timedelta(milliseconds=50))
    assert sending
    with store.writing() as tx:
        assert timedelta(0) < tx.intents.lease_left(sending) <= timedelta(milliseconds=50)
    time.sleep(0.1)
    with store.writing() as tx:
        assert tx.intents.lease_left(sending) <= timedelta(0)
        tx.intents.abandon_expired(TEXT, SOON, NOON)
        assert [found.code for found in tx.intents.in_state(TEXT, State.UNKNOWN)] == ["lease_ran_out"]


def test_a_sender_that_comes_back_with_the_answer_after_its_lease_is_believed(store: Store) -> None:
    intent = claimed(store)
    sending = move(store, intent, State.SENDING, lease=timedelta(milliseconds=1))
    assert sending
    time.sleep(0.02)
    with store.writing() as tx:
        tx.intents.abandon_expired(TEXT, SOON, NOON)
    done = move(store, sending, State.DONE)
    assert done is not None
    assert (done.state, done.provider_id) == (State.DONE, "SM1")


# Moves: the domain's table and the database's own rule are the same


@pytest.mark.parametrize(("was", "becomes"), list(itertools.product(State, State)), ids=str)
def test_a_move_is_legal_for_both_or_for_neither(store: Store, world: World, was: State, becomes: State) -> None:
    legal = becomes in LEGAL_MOVES[was] or was is becomes
    assert world.venue.sql("SELECT reconciler.legal_move(%s, %s)", was, becomes) == [(legal,)]


@pytest.mark.parametrize("becomes", [State.PLANNED, State.SENDING])
def test_the_database_refuses_what_the_table_does_not_list(store: Store, world: World, becomes: State) -> None:
    final(store, State.DONE)
    with pytest.raises(psycopg.errors.CheckViolation, match="may not move from done"):
        world.venue.sql("UPDATE reconciler.intent SET state = %s", becomes)


def test_no_state_beyond_the_table(store: Store, world: World) -> None:
    plan(store)
    ((check,),) = world.venue.sql("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'intent_state'")
    assert {state for state in State if f"'{state}'" in check} == set(State)
    with pytest.raises(psycopg.errors.CheckViolation):
        world.venue.sql("UPDATE reconciler.intent SET state = 'lost'")


@pytest.mark.parametrize(
    ("index", "final"), [("intent_not_final", False), ("intent_open", False), ("intent_final", True)]
)
def test_the_indexes_mean_the_same_by_final(store: Store, world: World, index: str, final: bool) -> None:
    ((definition,),) = world.venue.sql("SELECT pg_get_indexdef(%s::regclass)", f"reconciler.{index}")
    assert sorted(re.findall(r"'(\w+)'::text", definition)) == sorted(s for s in State if s.is_final is final)


def test_a_move_needs_the_claim_and_the_right_state(store: Store) -> None:
    intent = claimed(store)
    stranger = replace(intent, claim=str(uuid.uuid4()))
    assert move(store, stranger, State.SENDING) is None
    assert move(store, intent, State.DONE) is None, "done without sending"
    seen = last(store)
    assert seen is not None
    assert seen.state is State.PLANNED


def test_one_provider_id_belongs_to_one_intent(store: Store, world: World) -> None:
    final(store, State.DONE)
    plan(store, TWO)
    with pytest.raises(psycopg.errors.UniqueViolation):
        world.venue.sql("UPDATE reconciler.intent SET provider_id = 'SM1' WHERE booking = %s", TWO)


# What a person resolved, and effects that are gone


def stuck(store: Store) -> Intent:
    sending = move(store, claimed(store, timedelta(0)), State.SENDING, timedelta(0))
    assert sending
    unknown = move(store, sending, State.UNKNOWN)
    assert unknown
    return unknown


@pytest.mark.parametrize(
    ("to", "provider_id", "by_person"),
    [
        (State.DONE, None, True),
        (State.DONE, "SM2", True),
        (State.DROPPED, None, True),
        (State.PLANNED, None, False),
    ],
)
def test_a_person_s_decision_is_recorded_beside_the_provider_id(
    store: Store, to: State, provider_id: str | None, by_person: bool
) -> None:
    with store.writing() as tx:
        resolved = tx.intents.resolve(stuck(store), to, NOON, provider_id)
    assert resolved is not None
    assert (resolved.state, resolved.provider_id, resolved.resolved_by_person) == (to, provider_id, by_person)
    assert resolved.code == BY_A_PERSON


def test_two_effects_that_only_people_vouch_for_do_not_collide(store: Store) -> None:
    for booking in (ONE, TWO):
        plan(store, booking)
        intent = claim(store, booking, lease=timedelta(0))
        assert intent
        sending = move(store, intent, State.SENDING, timedelta(0))
        assert sending
        assert move(store, sending, State.UNKNOWN)
        with store.writing() as tx:
            (unknown,) = tx.intents.in_state(TEXT, State.UNKNOWN)
            assert tx.intents.resolve(unknown, State.DONE, NOON, None)
    with store.reading() as tx:
        assert len(tx.removals.events(TEXT, "", NOON)) == 2


@pytest.mark.parametrize("to", [State.DONE, State.DROPPED])
def test_an_effect_that_is_gone_keeps_its_state_and_is_not_listed_again(store: Store, to: State) -> None:
    sending = move(store, claimed(store), State.SENDING)
    assert sending
    unknown = move(store, sending, State.UNKNOWN)
    assert unknown
    ended = move(store, unknown, to)
    assert ended
    with store.writing() as tx:
        assert [one.intent.id for one in tx.removals.events(TEXT, "", NOON)] == [ended.id]
        tx.intents.mark_effect_gone(ended, "moved", NOON)
        assert list(tx.removals.events(TEXT, "", NOON)) == []
    seen = last(store)
    assert seen is not None
    assert (seen.state, seen.code, seen.effect_gone) == (to, "moved", True)


def test_a_dropped_intent_may_arrive_until_it_has_waited_long_enough(store: Store) -> None:
    dropped = move(store, stuck(store), State.DROPPED)
    assert dropped
    with store.writing() as tx:
        tx.intents.confirm_never_arrived(dropped, SOON, NOON)
        assert len(tx.removals.events(TEXT, "", NOON)) == 1
        tx.intents.confirm_never_arrived(dropped, SOON, NOON + SOON)
        assert list(tx.removals.events(TEXT, "", NOON)) == []


# Gaps and rates


def test_a_gap_is_opened_once_and_closed_once(store: Store, world: World) -> None:
    for minutes in (0, 10):
        with store.writing() as tx:
            at = NOON + timedelta(minutes=minutes)
            tx.gaps.record(GapKind.SMS_MISSING, ONE, Cause.NEVER_QUEUED, "", at)
    with store.writing() as tx:
        (gap,) = tx.gaps.open(GapKind.SMS_MISSING)
        assert gap.opened_at == NOON
        tx.gaps.close_all(GapKind.SMS_MISSING, {ONE: "repaired", TWO: "repaired"}, NOON)
        assert tx.gaps.open(GapKind.SMS_MISSING) == []
        tx.gaps.record_all(GapKind.SMS_MISSING, {ONE: NewGap(cause=Cause.APP_FAILED, reason="")}, NOON)
    assert world.venue.sql("SELECT count(*)::int, count(closed_at)::int FROM reconciler.gap") == [(2, 1)]


def test_slots_of_one_rate_are_handed_out_one_after_the_other(store: Store) -> None:
    with store.writing() as tx:
        waits = [tx.rates.reserve("twilio", timedelta(seconds=10), SOON) for _ in range(3)]
        other = tx.rates.reserve("google", timedelta(seconds=10), SOON)
    assert [round(wait.total_seconds(), 0) for wait in waits] == [0, 10, 20]
    assert other == timedelta(0)


def test_a_pause_is_everybody_s_and_nothing_is_reserved_behind_it(store: Store) -> None:
    def waits() -> int:
        with store.writing() as tx:
            return round(tx.rates.reserve("twilio", timedelta(seconds=10), SOON).total_seconds())

    with store.writing() as tx:
        tx.rates.pause("twilio", timedelta(minutes=30))
        tx.rates.pause("twilio", timedelta(minutes=1))
    assert [waits(), waits()] == [1800, 1800]


def test_nobody_sees_half_of_a_transaction(store: Store) -> None:
    def half() -> None:
        with store.writing() as tx:
            tx.gaps.record(GapKind.SMS_MISSING, ONE, Cause.NEVER_QUEUED, "", NOON)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    with store.reading() as tx:
        assert tx.gaps.open(GapKind.SMS_MISSING) == []


# Rows that cannot be


@pytest.mark.parametrize(
    "impossible",
    [
        "state = 'lost'",
        "effect = 'call'",
        "cause = 'because'",
        "generation = 0",
        "attempts = -1",
        "settle_tries = -1",
        "trigger = NULL",
        "state = 'sending'",  # without a claim it would never end
        "resolved_by_person = true",
        "state = 'sending', attempted_at = now(), claim = gen_random_uuid()",
    ],
)
def test_the_database_refuses_a_row_that_cannot_be(store: Store, world: World, impossible: str) -> None:
    plan(store)
    with pytest.raises(psycopg.errors.IntegrityError):
        world.venue.sql(f"UPDATE reconciler.intent SET {impossible}")


@pytest.mark.parametrize("to", ["done", "unknown"])
def test_the_database_refuses_an_end_without_a_proof_and_an_unknown_without_an_attempt(
    store: Store, world: World, to: str
) -> None:
    sending = move(store, claimed(store), State.SENDING)
    assert sending
    without = {"done": "", "unknown": ", attempted_at = NULL"}[to]
    with pytest.raises(psycopg.errors.CheckViolation):
        world.venue.sql(f"UPDATE reconciler.intent SET state = '{to}'{without}")


@pytest.mark.parametrize("table", ["intent", "gap"])
def test_the_causes_of_the_domain_are_those_of_the_database(store: Store, world: World, table: str) -> None:
    query = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s"
    ((check,),) = world.venue.sql(query, f"{table}_cause")
    of_many = {Cause.BEFORE_INSTALLATION, Cause.UNUSUAL} if table == "intent" else set()
    assert sorted(re.findall(r"'(\w+)'::text", check)) == sorted(set(Cause) - of_many)
