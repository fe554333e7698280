"""Texts that are queued and not sent, or marked as sent without proof: told, never mended, and over by a statement."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from reconciler_jobs import sms_delivery

from reconciler.cli.once import once_exit_code
from reconciler.domain.decide.verdicts import Refusal, VerdictStatus
from reconciler.domain.gaps import Effect, GapKind
from reconciler.engine.reconcile.results import PassResult
from reconciler.errors import DatabaseUnreachable, Exit
from reconciler.ports import Transaction
from reconciler.store.views.status import GapState, status_snapshot
from tests.support.application_db import Venue
from tests.support.read_only_scan import scan_as_reader
from tests.support.sandbox_world import World

STUCK, UNPROVEN = GapKind.SMS_STUCK, GapKind.SMS_UNPROVEN
QUEUE = "private_booking_sms_queue"
SCHEMA_GAP = (GapKind.INTEGRATION_SCHEMA, "sms_delivery")


def watch(world: World, *, act: bool = True) -> dict[GapKind, PassResult]:
    """The job alone, with nobody to ask: a provider that it asked would be an AttributeError."""
    with world.services(act=act) as services:
        return {result.kind: result for result in sms_delivery.run(replace(services, sms=None, calendar=None))}


def ago(venue: Venue, **duration: float) -> object:
    return venue.now - timedelta(**duration)


def stuck(venue: Venue, **booking: object) -> str:
    own = venue.booking(**booking)
    venue.text(own, status="pending", scheduled_for=ago(venue, hours=2), sent_at=None)
    return own


def unproven(venue: Venue, **booking: object) -> str:
    own = venue.booking(**booking)
    venue.text(own, sent_at=ago(venue, hours=3), twilio_message_sid=" ")
    return own


def closed(world: World) -> dict[str, str]:
    return dict(world.venue.sql("SELECT about, closed_by FROM reconciler.gap WHERE closed_at IS NOT NULL"))


def alerted(world: World) -> dict[GapKind, int]:
    return {kind: result.needs_human for kind, result in watch(world).items()}


def test_both_are_told_with_their_causes_and_wait_for_a_person(world: World) -> None:
    queued, claimed, fine = stuck(world.venue), unproven(world.venue), world.venue.booking()
    world.venue.text(fine)
    results = watch(world)
    assert [(kind, result.needs_human, result.exit_code) for kind, result in results.items()] == [
        (STUCK, 1, Exit.NEEDS_A_HUMAN),
        (UNPROVEN, 1, Exit.NEEDS_A_HUMAN),
    ]
    assert once_exit_code(list(results.values())) == Exit.NEEDS_A_HUMAN
    assert world.gaps() == {
        (STUCK, queued): ("app_failed", Refusal.NOT_SENT),
        (UNPROVEN, claimed): ("unknown_outcome", Refusal.NO_PROOF),
    }
    with world.venue.database() as database:
        assert {gaps.state for gaps in status_snapshot(database).gaps} == {GapState.NEEDS_HUMAN}


def test_what_is_told_says_what_a_person_can_do(world: World) -> None:
    stuck(world.venue)
    unproven(world.venue)
    world.once()
    alerted = dict(
        world.venue.sql(
            "SELECT alert ->> 'kind', alert ->> 'remedy' FROM reconciler.outbox WHERE alert ->> 'kind' LIKE 'sms.%%'"
        )
    )
    assert "press Send" in alerted[STUCK]
    assert "no id to prove it" in alerted[UNPROVEN]


def test_the_table_of_once_has_a_row_for_each_and_its_columns_add_up(world: World) -> None:
    stuck(world.venue)
    world.venue.booking(status="cancelled")
    results = world.once()
    each = [kind for kind, result in results.items() if result.plan]
    assert each == [GapKind.SMS_MISSING, STUCK, UNPROVEN, GapKind.CALENDAR_MISSING]
    for kind, refused in ((STUCK, 1), (UNPROVEN, 0)):
        plan = results[kind].plan
        assert plan is not None
        tally = plan.tally()
        assert sum(tally.values()) == plan.checked == 2
        assert (
            sum(number for (standing, _), number in tally.items() if standing is VerdictStatus.NEEDS_HUMAN) == refused
        )


def test_nothing_but_gaps_is_written(world: World) -> None:
    """Not an intent, not a row of the application's; and without the mandate to act not even a gap."""
    stuck(world.venue)
    unproven(world.venue)
    before = world.venue.checksum()
    looked = watch(world, act=False)
    assert ([result.needs_human for result in looked.values()], world.gaps()) == ([1, 1], {})
    assert world.venue.rows("reconciler.run") == []
    watch(world)
    assert (len(world.gaps()), world.intents(), world.venue.checksum()) == (2, [], before)
    assert world.sandbox.writes() == {"Twilio": 0, "Google": 0}


def test_a_reader_sees_them_before_migrate(bare_venue: Venue) -> None:
    stuck(bare_venue)
    found = {result.kind: result.needs_human for result in scan_as_reader(bare_venue)}
    assert (found[STUCK], found[UNPROVEN]) == (1, 0)


def test_each_closes_by_a_statement_about_its_booking(world: World) -> None:
    sent, cancelled, deleted, proven = (plant(world.venue) for plant in (stuck, stuck, stuck, unproven))
    assert alerted(world) == {STUCK: 3, UNPROVEN: 1}
    sid = "SM" + "1" * 32
    mark = f"UPDATE {QUEUE} SET status = 'sent', twilio_message_sid = %s WHERE booking_id::text = %s"
    world.venue.sql(mark, sid, sent)
    world.venue.sql(mark, sid, proven)
    world.venue.sql("UPDATE private_bookings SET status = 'cancelled' WHERE id = %s", cancelled)
    world.venue.sql("DELETE FROM private_bookings WHERE id = %s", deleted)
    assert alerted(world) == {STUCK: 0, UNPROVEN: 0}
    assert closed(world) == {sent: "overdue", cancelled: "status", deleted: "gone", proven: "unproven"}


def test_a_text_that_is_marked_and_not_proven_goes_from_one_rule_to_the_other(world: World) -> None:
    booking = stuck(world.venue)
    watch(world)
    world.venue.sql(f"UPDATE {QUEUE} SET status = 'sent', sent_at = scheduled_for")
    world.later(minutes=5)
    watch(world)
    assert world.gaps() == {(UNPROVEN, booking): ("unknown_outcome", Refusal.NO_PROOF)}


@pytest.mark.parametrize("trigger", ["booking_confirmed", "deposit_received", "manual"])
def test_a_text_of_any_kind_may_be_stuck(world: World, trigger: str) -> None:
    booking = world.venue.booking()
    due = ago(world.venue, hours=2)
    world.venue.text(booking, status="approved", trigger_type=trigger, scheduled_for=due, sent_at=None)
    world.venue.text(booking)
    assert alerted(world) == {STUCK: 1, UNPROVEN: 0}


def test_without_a_time_of_its_own_the_row_s_making_counts_and_without_that_it_is_told(world: World) -> None:
    world.venue.alter(
        f"ALTER TABLE {QUEUE} ALTER COLUMN scheduled_for DROP NOT NULL, ALTER COLUMN created_at DROP NOT NULL"
    )
    for made in (ago(world.venue, minutes=50), ago(world.venue, hours=2), None):
        times = {"scheduled_for": None, "sent_at": None, "created_at": made}
        world.venue.text(world.venue.booking(), status="pending", **times)
        world.venue.text(world.venue.booking(), twilio_message_sid=None, **times)
    assert alerted(world) == {STUCK: 2, UNPROVEN: 2}


def test_an_application_without_scheduled_for(world: World) -> None:
    world.venue.alter(f"ALTER TABLE {QUEUE} DROP COLUMN scheduled_for")
    columns = "{scheduled_for: null}"
    world.configure(texts=f", queue: {{table: public.{QUEUE}, columns: {columns}}}")
    booking = world.venue.booking()
    row = {"id": "1" * 8 + "-0000-4000-8000-000000000000", "booking_id": booking, "status": "pending"}
    words = {"trigger_type": "manual", "template_key": "t", "message_body": "Hi", "customer_phone": "1"}
    world.venue.insert(QUEUE, {**row, **words, "customer_name": "Ana", "created_at": ago(world.venue, hours=2)})
    assert alerted(world) == {STUCK: 1, UNPROVEN: 0}


def test_each_rule_has_its_own_patience(world: World) -> None:
    stuck(world.venue)
    unproven(world.venue)
    world.configure(rules="  sms.stuck: {after: 3h}\n  sms.unproven: {after: 4h}")
    assert alerted(world) == {STUCK: 0, UNPROVEN: 0}
    world.later(minutes=61)
    assert alerted(world) == {STUCK: 1, UNPROVEN: 1}


def test_what_we_sent_ourselves_is_neither(world: World) -> None:
    world.venue.booking()
    assert world.texts().repaired == 1
    world.later(hours=20)
    assert alerted(world) == {STUCK: 0, UNPROVEN: 0}


# How far back


def test_an_old_booking_is_looked_at_once_a_day_and_its_gap_outlives_the_window(world: World) -> None:
    watch(world)
    booking = stuck(world.venue, created_at=ago(world.venue, days=20))
    assert alerted(world)[STUCK] == 0
    world.later(hours=13)
    first, second = watch(world)[STUCK], watch(world)[STUCK]
    assert [(result.full_scan, result.needs_human) for result in (first, second)] == [(True, 1), (False, 1)]
    assert (STUCK, booking) in world.gaps()


def test_a_look_that_saw_only_one_of_two_rules_does_not_use_up_the_day_s_full_scan(world: World) -> None:
    world.venue.alter(f"ALTER TABLE {QUEUE} ALTER COLUMN sent_at TYPE timestamp")
    watch(world)
    world.venue.alter(f"ALTER TABLE {QUEUE} ALTER COLUMN sent_at TYPE timestamptz")
    assert watch(world)[STUCK].full_scan


# Switched off


def test_a_rule_that_is_off_leaves_no_gap_behind_and_the_other_goes_on(world: World) -> None:
    stuck(world.venue)
    claimed = unproven(world.venue)
    watch(world)
    world.configure(rules="  sms.stuck: {policy: off}")
    results = watch(world)
    assert (results[STUCK].plan, results[UNPROVEN].needs_human) == (None, 1)
    assert set(world.gaps()) == {(UNPROVEN, claimed)}


def test_with_both_off_nothing_is_looked_at_and_nothing_stays_open(world: World) -> None:
    stuck(world.venue)
    watch(world)
    world.venue.alter(f"REVOKE SELECT ON {QUEUE} FROM reconciler_job")
    watch(world)
    assert SCHEMA_GAP in world.gaps()
    world.configure(rules="  sms.stuck: {policy: off}\n  sms.unproven: {policy: off}")
    results = watch(world)
    assert [(result.plan, result.faults, result.exit_code) for result in results.values()] == [
        (None, (), Exit.AS_DESIRED)
    ] * 2
    assert world.gaps() == {}


def test_they_do_not_need_the_rule_that_sends(world: World) -> None:
    stuck(world.venue)
    world.configure(texts=", policy: off")
    assert alerted(world)[STUCK] == 1


# A database that is not as it should be

BLINDS = {
    "queue rows hidden": (f"DROP POLICY reconciler_select ON {QUEUE}", "row_security"),
    "some rows hidden": (f"ALTER POLICY reconciler_select ON {QUEUE} USING (status = 'sent')", "row_security"),
    "no right": (f"REVOKE SELECT ON {QUEUE} FROM reconciler_job", "right_missing"),
    "no table": (f"ALTER TABLE {QUEUE} RENAME TO elsewhere", "table_missing"),
    "no SID": (f"ALTER TABLE {QUEUE} RENAME COLUMN twilio_message_sid TO sid", "columns_missing"),
    "bookings hidden": ("DROP POLICY reconciler_select ON private_bookings", "row_security"),
    "a time without zone": (f"ALTER TABLE {QUEUE} ALTER COLUMN created_at TYPE timestamp", "column_type"),
}


@pytest.mark.parametrize(("sql", "code"), BLINDS.values(), ids=BLINDS.keys())
def test_a_look_that_cannot_be_trusted_opens_and_closes_nothing(world: World, sql: str, code: str) -> None:
    before = stuck(world.venue)
    watch(world)
    world.venue.sql(f"UPDATE {QUEUE} SET status = 'sent'")
    unproven(world.venue)
    world.venue.alter(sql)
    results = watch(world)
    assert [[fault.code for fault in result.faults] for result in results.values()] == [[code], [code]]
    assert [(result.plan, result.exit_code) for result in results.values()] == [(None, Exit.NEEDS_A_HUMAN)] * 2
    assert set(world.gaps()) == {(STUCK, before), SCHEMA_GAP}
    assert world.gaps()[SCHEMA_GAP] == ("blocked", code)


def test_repaired_it_closes_its_own_gap_and_no_other_s(world: World) -> None:
    """Both jobs were blind; then only a right is missing that this one does not need."""
    world.venue.alter(f"REVOKE SELECT, INSERT ON {QUEUE} FROM reconciler_job")
    world.once()
    theirs = (GapKind.INTEGRATION_SCHEMA, Effect.SMS)
    assert {SCHEMA_GAP, theirs} <= set(world.gaps())
    world.venue.alter(f"GRANT SELECT ON {QUEUE} TO reconciler_job")
    world.once()
    assert (SCHEMA_GAP in world.gaps(), theirs in world.gaps()) == (False, True)


def test_the_night_of_the_incident_does_not_blind_the_watch(world: World) -> None:
    stuck(world.venue)
    world.venue.alter(
        f"ALTER TABLE {QUEUE} DROP COLUMN trigger_type, DROP COLUMN template_key, DROP COLUMN error_message CASCADE"
    )
    assert alerted(world) == {STUCK: 1, UNPROVEN: 0}


def test_a_watch_that_could_never_find_anything_says_so(world: World) -> None:
    world.venue.alter(
        f"ALTER TABLE {QUEUE} DROP CONSTRAINT {QUEUE}_status_check; "
        f"ALTER TABLE {QUEUE} ADD CHECK (status IN ('waiting', 'sent', 'failed', 'cancelled'))"
    )
    results = watch(world)
    assert [fault.code for fault in results[STUCK].faults] == ["value_forbidden"]
    assert "none of pending, approved" in results[STUCK].faults[0].seen
    assert (results[UNPROVEN].faults, SCHEMA_GAP in world.gaps()) == ((), True)


def test_a_database_that_is_away_is_a_fault_of_both(world: World) -> None:
    class Away:
        @contextmanager
        def reading(self) -> Iterator[Transaction]:
            raise DatabaseUnreachable("away", "try later")
            yield

        writing = reading

    with world.services() as services:
        results = sms_delivery.run(replace(services, store=Away()))
    assert [(result.kind, [fault.kind for fault in result.faults]) for result in results] == [
        (STUCK, [GapKind.INTEGRATION_DATABASE]),
        (UNPROVEN, [GapKind.INTEGRATION_DATABASE]),
    ]


def test_a_run_leaves_one_row_for_both_rules(world: World) -> None:
    stuck(world.venue)
    unproven(world.venue)
    world.venue.booking(status="cancelled")
    watch(world)
    (run,) = world.venue.rows("reconciler.run")
    assert (run["job"], run["result"], run["full_scan"]) == ("sms_delivery", "needs_a_human", True)
    assert run["finished_at"] is not None
    counts = {"scan_ms": 0, "checked": 3, "needs_human": 2, "ok": 2, "not_applicable": 2, "left": 0, "repaired": 0}
    assert run["counts"] == counts
