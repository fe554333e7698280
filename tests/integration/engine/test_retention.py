"""What is removed from our ledger, and what never is: the state of its tables before and after ``ledger_retention``."""

import signal
import subprocess
import uuid
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from reconciler_jobs import ledger_retention

from reconciler.cli.once import run_jobs
from reconciler.domain.decide.plan import BookingRange
from reconciler.domain.gaps import Effect, GapKind
from reconciler.domain.intents import State
from reconciler.engine import backfill
from reconciler.engine.reconcile.results import PassResult
from reconciler.engine.repair.repairer import LONG_AGO
from reconciler.engine.retention import BATCH
from reconciler.errors import Exit
from tests.support.application_db import LONDON, Venue
from tests.support.command import COMMAND, environment, reconciler
from tests.support.read_only_scan import scan_as_reader
from tests.support.sandbox_world import World

DAYS = timedelta(days=1)
OLD, YOUNG = 401, 399
"""Days; ``keep`` is 400 of them."""
NOTHING = {"intents": 0, "runs": 0, "gaps": 0, "incidents": 0, "alerts": 0}
SEVEN = "venue_id=7"


@pytest.fixture(autouse=True)
def _now(world: World) -> None:
    """Yesterday at noon: what is removed goes by the earlier of our clock and the database's."""
    noon = datetime.now(LONDON).replace(hour=12, minute=0, second=0, microsecond=0) - DAYS
    world.clock.moment = world.venue.now = noon


def ago(world: World, days: float) -> datetime:
    return world.venue.now - days * DAYS


def booking_that_ended(world: World, *, over: float, **values: Any) -> str:
    """A booking made two years ago, whose party was over so many days ago."""
    return world.venue.booking(created_at=ago(world, 730), event_date=ago(world, over).date(), **values)


def intent(world: World, booking: str, state: State = State.DONE, days: float = OLD, **values: Any) -> str:
    at = ago(world, days)
    id_ = str(uuid.uuid4())
    row = {
        "id": id_, "scope": "", "booking": booking, "effect": "sms", "trigger": "booking_confirmed", "generation": 1,
        "state": state, "subject": "s", "provider_id": f"SM{id_}" if state is State.DONE else None,
        "claim": str(uuid.uuid4()), "leased_until": at, "attempted_at": at,
        "created_at": at, "updated_at": at, **values,
    }  # fmt: skip
    planted(world.venue, "intent", row)
    return id_


def run(world: World, days: float, *, job: str = "sms_missing", full: bool = False, **values: Any) -> None:
    at = ago(world, days)
    row = {"job": job, "scope": "", "settings": "", "started_at": at, "finished_at": at, "full_scan": full, **values}
    planted(world.venue, "run", row)


def gap(world: World, days: float, **values: Any) -> None:
    at = ago(world, days)
    row = {
        "scope": "", "kind": "sms.missing", "about": str(uuid.uuid4()), "cause": "never_queued", "key": "",
        "reason": "", "detail": "{}", "opened_at": at, "seen_at": at, "closed_at": at, "closed_by": "repaired",
        "noted_at": at, **values,
    }  # fmt: skip
    planted(world.venue, "gap", row)


def incident(world: World, days: float, **values: Any) -> str:
    at = ago(world, days)
    row = {
        "id": str(uuid.uuid4()), "scope": "", "kind": "sms.missing", "cause": "never_queued", "key": "",
        "opened_at": at, "newest_at": at, "ended_at": at, "found": 1, "at_error": False, "alerted_found": 1,
        "alerted_at": at,
        **values,
    }  # fmt: skip
    planted(world.venue, "incident", row)
    return str(row["id"])


def report(world: World, days: float, of: str, **values: Any) -> None:
    at = ago(world, days)
    row = {
        "event": str(uuid.uuid4()), "route": "sentry", "scope": "", "incident": of, "alert_type": "opened",
        "alert": "{}", "created_at": at, "delivered_at": at, **values,
    }  # fmt: skip
    planted(world.venue, "outbox", row)


def planted(venue: Venue, table: str, row: dict[str, Any]) -> None:
    columns, places = ", ".join(row), ", ".join(["%s"] * len(row))
    venue.sql(f"INSERT INTO reconciler.{table} ({columns}) VALUES ({places})", *row.values())


def many(world: World, number: int, days: float = OLD) -> None:
    """So many old intents of bookings that are gone."""
    world.venue.sql(
        "INSERT INTO reconciler.intent (id, scope, booking, effect, trigger, generation, state, subject, created_at,"
        " updated_at) SELECT gen_random_uuid(), '', gen_random_uuid(), 'sms', 'x', 1, 'dropped', 's', at, at"
        " FROM (SELECT %s - i * interval '1 second' AS at FROM generate_series(1, %s) i) AS aged",
        ago(world, days), number,
    )  # fmt: skip


def tidy(world: World, *, act: bool = True, **services: Any) -> PassResult:
    with world.services(act=act) as parts:
        (result,) = run_jobs(["ledger_retention"], replace(parts, **services))
    return result


def column(world: World, table: str, name: str) -> list[Any]:
    return [value for (value,) in world.venue.sql(f"SELECT {name} FROM reconciler.{table} ORDER BY 1")]


def left(world: World) -> list[str]:
    return column(world, "intent", "id::text")


# Intents


@pytest.mark.parametrize("state", State, ids=str)
def test_only_what_is_final_and_old_goes(world: World, state: State) -> None:
    over = booking_that_ended(world, over=450)
    intent(world, over, state, OLD)
    young = intent(world, booking_that_ended(world, over=450), state, YOUNG)
    result = tidy(world)
    assert result.removed == {**NOTHING, "intents": int(state.is_final)}
    assert len(left(world)) == 2 - state.is_final
    assert young in left(world)


@pytest.mark.parametrize(
    ("booking", "goes"),
    [
        ({"over": 450}, True),
        ({"over": 450, "status": "cancelled"}, True),
        ({"over": -30}, False),
        ({"over": -30, "status": "cancelled"}, False),
        # It may be moved: to a day that is still to come.
        ({"over": 5}, False),
        ({"over": YOUNG - 1}, False),
        # A date that means nothing, however old it is.
        ({"over": 450, "date_tbd": True}, False),
        ({"over": 450, "internal_notes": "Event date/time to be confirmed"}, False),
    ],
    ids=str,
)
def test_nothing_goes_of_a_booking_that_may_still_be_to_come(world: World, booking: dict[str, Any], goes: bool) -> None:
    intent(world, booking_that_ended(world, **booking))
    assert tidy(world).removed == {**NOTHING, "intents": int(goes)}
    assert len(left(world)) == 1 - goes


def test_a_booking_without_a_date_keeps_its_history(world: World) -> None:
    world.venue.alter("ALTER TABLE private_bookings ALTER COLUMN start_time DROP NOT NULL")
    intent(world, booking_that_ended(world, over=450, start_time=None))
    assert tidy(world).removed == NOTHING
    assert len(left(world)) == 1


def test_the_history_of_a_booking_that_is_gone_goes(world: World) -> None:
    intent(world, str(uuid.uuid4()))
    assert tidy(world).removed == {**NOTHING, "intents": 1}
    assert left(world) == []


def test_a_history_goes_as_a_whole_or_stays(world: World) -> None:
    """The generation counts it: ids made from it would come again."""
    half, whole = booking_that_ended(world, over=450), booking_that_ended(world, over=450)
    kept = [intent(world, half, State.DROPPED), intent(world, half, days=YOUNG, generation=2)]
    kept += [intent(world, half, State.REFUSED, effect="calendar", trigger="event")]
    intent(world, whole, State.DROPPED)
    intent(world, whole, generation=2)
    assert tidy(world).removed == {**NOTHING, "intents": 2}
    assert left(world) == sorted(kept)


def test_a_booking_that_somebody_must_look_at_keeps_its_history(world: World) -> None:
    booking = booking_that_ended(world, over=450)
    kept = [intent(world, booking), intent(world, booking, State.NEEDS_HUMAN, generation=2)]
    assert tidy(world).removed == NOTHING
    assert left(world) == sorted(kept)


@pytest.mark.parametrize("forgotten", [False, True], ids=["kept", "forgotten"])
def test_why_it_is_kept_a_text_would_be_sent_twice(world: World, forgotten: bool) -> None:
    """Sent long ago for a party to come; the application has tidied up its queue, and somebody fills up generously."""
    booking = world.venue.booking(created_at=ago(world, OLD + 1), event_date=ago(world, -60).date())

    def fill() -> None:
        generous = timedelta(days=3650)
        with world.services() as services:
            span = BookingRange(since=LONG_AGO, bookings=frozenset({booking}))
            backfill_services = backfill.backfill_services(services, span, limit=None, stale_after=generous)
            assert backfill.run_backfill(Effect.SMS, backfill_services).kind is GapKind.SMS_MISSING

    fill()
    assert len(world.sent_to()) == 1
    world.venue.sql("UPDATE reconciler.intent SET created_at = %s, updated_at = %s", *[ago(world, OLD)] * 2)
    world.venue.sql("DELETE FROM private_booking_sms_queue")
    assert tidy(world).removed == NOTHING
    if forgotten:
        world.venue.sql("DELETE FROM reconciler.intent")
    world.sandbox.twilio.messages.clear()  # the provider does not keep them for ever either
    fill()
    assert len(world.sent_to()) == (1 if forgotten else 0)


def test_where_bookings_are_hidden_none_is_taken_for_gone(world: World) -> None:
    intent(world, booking_that_ended(world, over=-30))
    run(world, 100)
    run(world, 1)
    world.venue.alter("ALTER POLICY reconciler_select ON private_bookings USING (status = 'draft')")
    result = tidy(world)
    assert (result.exit_code, [fault.code for fault in result.faults]) == (Exit.NEEDS_A_HUMAN, ["row_security"])
    assert (result.removed, len(left(world))) == ({**NOTHING, "runs": 1}, 1)
    assert (GapKind.INTEGRATION_SCHEMA, "ledger_retention") in world.gaps()
    assert tidy(world, act=False).removed == NOTHING
    world.venue.alter("ALTER POLICY reconciler_select ON private_bookings USING (true)")
    assert tidy(world).exit_code is Exit.AS_DESIRED
    assert world.gaps() == {}


def test_a_clock_years_ahead_makes_us_forget_nothing(world: World) -> None:
    intent(world, booking_that_ended(world, over=-30))
    world.clock.moment += 3650 * DAYS
    assert tidy(world).removed == NOTHING
    assert len(left(world)) == 1


def test_another_venue_s_rows_are_its_own(world: World) -> None:
    for scope in ("", SEVEN):
        intent(world, booking_that_ended(world, over=450), scope=scope)
        gap(world, OLD, scope=scope)
        report(world, OLD, incident(world, OLD, scope=scope), scope=scope)
        run(world, 100, scope=scope)
        run(world, 1, scope=scope)
    assert tidy(world).removed == {"intents": 1, "runs": 1, "gaps": 1, "incidents": 1, "alerts": 1}
    assert [column(world, table, "DISTINCT scope") for table in ("intent", "gap", "incident", "outbox")] == [
        [SEVEN]
    ] * 4
    assert column(world, "run", "scope").count(SEVEN) == 2


# Runs, gaps, incidents


def test_of_runs_the_last_the_last_finished_and_the_last_full_one_stay(world: World) -> None:
    """By them a job is known to be late, and whether it has gone back all the way today."""
    for days in (110, 105, 100):
        run(world, days, full=True)
    run(world, 97)
    run(world, 96)
    for days in (95, 94):
        run(world, days, full=True, finished_at=None)
    run(world, 400, job="calendar_missing")
    run(world, 89, job="sms_delivery")
    run(world, 88, job="sms_delivery")
    assert tidy(world).removed == {**NOTHING, "runs": 4}
    stay = [(job, (world.venue.now - at) // DAYS) for job, at in world.venue.sql(
        "SELECT job, started_at FROM reconciler.run WHERE job <> 'ledger_retention' ORDER BY 1, 2"
    )]  # fmt: skip
    assert stay == [
        ("calendar_missing", 400), ("sms_delivery", 89), ("sms_delivery", 88), ("sms_missing", 100),
        ("sms_missing", 96), ("sms_missing", 94),
    ]  # fmt: skip


def test_gaps_that_are_open_young_or_not_alerted_stay(world: World) -> None:
    gap(world, OLD, about="alerted")
    gap(world, OLD, about="over by itself, which is never told", closed_by="ahead", noted_at=None)
    gap(world, OLD, about="young", closed_at=ago(world, YOUNG))
    gap(world, OLD, about="open", closed_at=None, closed_by=None)
    gap(world, OLD, about="untold", noted_at=None)
    assert tidy(world, notifier=None).removed == {**NOTHING, "gaps": 2}
    assert column(world, "gap", "about") == ["open", "untold", "young"]


def test_incidents_that_are_ongoing_young_or_undelivered_stay(world: World) -> None:
    report(world, OLD, incident(world, OLD, key="alerted"))
    report(world, YOUNG, incident(world, OLD, key="young", ended_at=ago(world, YOUNG)))
    report(world, OLD, incident(world, OLD, key="untold"), delivered_at=None)
    report(world, OLD, incident(world, OLD, key="an on-call route that is gone"), delivered_at=None, route="PAGER_URL")
    # Something of it is open: it does not end with this run.
    incident(world, OLD, key="goes on", ended_at=None)
    gap(world, OLD, key="goes on", closed_at=None, closed_by=None)
    assert tidy(world, notifier=None).removed == {**NOTHING, "incidents": 2, "alerts": 2}
    assert column(world, "incident", "key") == ["goes on", "untold", "young"]
    # Two that stayed, and what this very run had to say of the one that goes on.
    assert sorted(column(world, "outbox", "alert_type")) == ["deadline", "opened", "opened", "paged"]


# The run itself


def test_without_the_mandate_it_counts_and_writes_nothing(world: World) -> None:
    many(world, BATCH + 1)
    intent(world, booking_that_ended(world, over=-30))
    gap(world, OLD)
    run(world, 100)
    run(world, 1)
    tables = ("intent", "gap", "run", "incident", "outbox")
    before = [world.venue.rows(f"reconciler.{table}") for table in tables]
    counted = tidy(world, act=False)
    assert [world.venue.rows(f"reconciler.{table}") for table in tables] == before
    assert counted.removed == {**NOTHING, "intents": BATCH + 1, "runs": 1, "gaps": 1} == tidy(world).removed


def test_it_looks_before_there_is_a_ledger_and_with_select_rights_only(bare_venue: Venue) -> None:
    (result,) = [result for result in scan_as_reader(bare_venue) if result.job == "ledger_retention"]
    assert (result.removed, result.exit_code) == (NOTHING, Exit.AS_DESIRED)


def test_a_second_run_removes_nothing_and_both_are_in_the_ledger(world: World) -> None:
    many(world, 3)
    assert [tidy(world).removed, tidy(world).removed] == [{**NOTHING, "intents": 3}, NOTHING]
    runs = [row for row in world.venue.rows("reconciler.run") if row["job"] == "ledger_retention"]
    assert [(row["result"], row["finished_at"] is not None) for row in runs] == [("as_desired", True)] * 2
    assert sorted(row["counts"]["removed_intents"] for row in runs) == [0, 3]


def test_many_go_batch_by_batch_around_what_stays(world: World) -> None:
    """What stays stands among them, and fills a whole batch: the next one begins behind it."""
    ahead = booking_that_ended(world, over=-30)
    world.venue.sql(
        "INSERT INTO reconciler.intent (id, scope, booking, effect, trigger, generation, state, subject, created_at,"
        " updated_at) SELECT gen_random_uuid(), '', %s, 'sms', 'x', i, 'dropped', 's', at, at"
        " FROM (SELECT i, %s::timestamptz AS at FROM generate_series(1, %s) i) AS aged",
        ahead, ago(world, OLD + 1), BATCH + 7,
    )  # fmt: skip
    many(world, 2 * BATCH)
    assert tidy(world).removed == {**NOTHING, "intents": 2 * BATCH}
    assert Counter(column(world, "intent", "booking")) == {ahead: BATCH + 7}


def test_asked_to_stop_it_ends_after_the_batch_in_hand_and_the_next_run_does_the_rest(world: World) -> None:
    many(world, 3 * BATCH)
    # Before the job, before the runs, the gaps, the incidents and their reports; then before every batch of intents.
    asked = iter([False] * 6)
    result = tidy(world, stopping=lambda: next(asked, True))
    assert (result.removed, result.exit_code) == ({**NOTHING, "intents": BATCH}, Exit.WORK_LEFT)
    assert len(left(world)) == 2 * BATCH
    assert world.venue.sql("SELECT result FROM reconciler.run") == [("work_left",)]
    assert tidy(world).removed == {**NOTHING, "intents": 2 * BATCH}


def test_it_takes_no_longer_than_a_pass_may(world: World) -> None:
    many(world, 3 * BATCH)
    world.configure(limits=", pass_budget: 1s")
    world.clock.step = timedelta(milliseconds=150)
    result = tidy(world)
    assert result.removed is not None
    assert (0 < result.removed["intents"] < 3 * BATCH, result.exit_code) == (True, Exit.WORK_LEFT)


def test_two_at_once_remove_each_row_once(world: World) -> None:
    many(world, 4 * BATCH)
    for days in range(100, 200):
        run(world, days)
        gap(world, days + OLD)
    removed: Counter[str] = Counter()
    results: list[PassResult] = []
    both = [Thread(target=lambda: results.append(tidy(world))) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    for result in results:
        removed.update(result.removed or {})
    assert [result.faults for result in results] == [(), ()]
    assert removed == Counter(intents=4 * BATCH, runs=99, gaps=100)
    assert (left(world), column(world, "gap", "about")) == ([], [])
    assert [job for job in column(world, "run", "job") if job == "sms_missing"] == ["sms_missing"]


def test_killed_between_two_batches_it_has_lost_nothing(world: World, tmp_path: Path) -> None:
    many(world, 2 * BATCH)
    world.configure(limits=", timeouts: {lock: 20s}")
    world.settings()
    variables = environment(world.sandbox.environment())
    with world.venue.postgres.connect(world.venue.name) as holder:
        holder.execute("BEGIN")
        newest = "SELECT id FROM reconciler.intent ORDER BY updated_at DESC, id DESC LIMIT 1 FOR UPDATE"
        holder.execute(newest)
        child = subprocess.Popen([COMMAND, "once", "ledger_retention", "--do"], cwd=tmp_path, env=variables)
        waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s"
        world.wait_for(lambda: bool(world.venue.sql(waiting, world.venue.name)), seconds=20)
        child.send_signal(signal.SIGKILL)
        child.wait(10)
    assert len(left(world)) == BATCH
    assert world.venue.sql("SELECT finished_at FROM reconciler.run") == [(None,)]
    world.wait_for(lambda: not world.venue.sql(waiting, world.venue.name), seconds=20)
    assert tidy(world).removed == {**NOTHING, "intents": BATCH}


def test_a_large_ledger_is_read_by_its_indexes(world: World) -> None:
    """Every statement begins at the oldest row: what is young is not read at all."""
    young = 20 * BATCH
    many(world, young, days=10)
    report(world, 10, incident(world, 10))
    gap(world, 10)
    run(world, 10)
    for table in ("run", "gap", "incident", "outbox"):
        columns = [name for (name,) in world.venue.sql(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND attname <> 'id'"
            " AND NOT attisdropped",
            f"reconciler.{table}",
        )]  # fmt: skip
        names = ", ".join(columns)
        values = names.replace("event", "gen_random_uuid()") if table == "outbox" else names
        id_ = ("id, ", "gen_random_uuid(), ") if table == "incident" else ("", "")
        world.venue.sql(
            f"INSERT INTO reconciler.{table} ({id_[0]}{names})"
            f" SELECT {id_[1]}{values} FROM reconciler.{table}, generate_series(2, %s)", young,
        )  # fmt: skip
    many(world, 3)
    run(world, 100)
    gap(world, OLD)
    report(world, OLD, incident(world, OLD))
    world.venue.sql("ANALYZE reconciler.intent, reconciler.run, reconciler.gap, reconciler.incident, reconciler.outbox")
    read = "SELECT relname, seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE schemaname = 'reconciler'"
    before = dict(world.venue.sql(read))
    with world.services() as services:
        (result,) = ledger_retention.run(services)
    assert result.removed == {"intents": 3, "runs": 1, "gaps": 1, "incidents": 1, "alerts": 1}

    def rows_read() -> dict[str, int]:
        return {name: number - before[name] for name, number in world.venue.sql(read)}

    world.wait_for(lambda: rows_read()["outbox"] > 0)
    assert {table: number for table, number in rows_read().items() if number > BATCH} == {}


# What an operator sees


def lines(world: World, tmp_path: Path, *arguments: str) -> list[str]:
    world.settings()
    ran = reconciler(*arguments, folder=tmp_path, **world.sandbox.environment())
    assert (ran.code, ran.err) == (0, "")
    return ran.out.splitlines()


@pytest.mark.long
def test_one_line_says_what_was_removed(world: World, tmp_path: Path) -> None:
    many(world, 12)
    gap(world, OLD)
    for days in (100, 99, 98):
        run(world, days)
    said = "12 intents, 2 runs, 1 gap"
    assert lines(world, tmp_path, "once", "ledger_retention") == [f"would: remove {said}; nothing was written"]
    assert lines(world, tmp_path, "once", "ledger_retention", "--do") == [f"ledger_retention: removed {said}"]
    world.write_settings()
    shown = reconciler("status", folder=tmp_path, **world.sandbox.environment())
    assert shown.code == Exit.WORK_LEFT, "no rule was scanned yet"
    (status,) = [line for line in shown.out.splitlines() if line.startswith("ledger_retention")]
    assert status.endswith(f" as desired: removed {said}")
    assert lines(world, tmp_path, "once", "ledger_retention") == ["would: remove nothing; nothing was written"]
    assert lines(world, tmp_path, "once", "ledger_retention", "--do") == ["ledger_retention: removed nothing"]
