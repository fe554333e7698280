"""`reconciler drill` on a real database with real breakage: each link in turn, and nothing left behind."""

import json
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from reconciler.cli.main import run
from reconciler.domain.drill import Link
from reconciler.engine.jobs import run_job
from reconciler.engine.reconcile.results import PassResult
from reconciler.errors import DatabaseDisagrees, Exit
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.settings import load
from reconciler.store.app.conditions import AppTables
from reconciler.store.drill import shadow_tables
from reconciler.store.drill.rollback_store import RollbackStore, rolled_back
from reconciler.store.ledger.sources import SourceKey
from reconciler.wiring import assembly
from tests.integration.engine.reconcile.test_clock import host_ahead
from tests.support.application_db import LEDGER, Venue
from tests.support.command import COMMAND, environment
from tests.support.network import closed_port
from tests.support.sandbox_world import World

KINDS = ["sms.missing", "sms.stuck", "sms.unproven", "calendar.missing", "calendar.duplicate"]
COPIES = ("drill_public_private_bookings", "drill_public_customers", "drill_public_private_booking_sms_queue")
LISTENERS = ("oncall", "heartbeats")
REFUSED = Fault(kind=Misbehaviour.STATUS, status=401)


@dataclass
class Drill:
    """The command, in this process, against the world's stand-ins."""

    world: World
    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    variables: dict[str, str] = field(default_factory=dict)

    def __call__(self, *options: str, cron_yaml: str | None = None) -> tuple[int, str]:
        """Exit code and what it printed."""
        self.world.settings()
        named = self.world.sandbox.environment() | self.variables
        if cron_yaml is not None:
            (self.folder / "cron.yaml").write_text(cron_yaml)
            named["RECONCILER_CONFIG"] = str(self.folder / "cron.yaml")
        for name, value in named.items():
            self.monkeypatch.setenv(name, value)
        self.capsys.readouterr()
        code = run(["drill", *options])
        return code, self.capsys.readouterr().out

    def broken(self, cron_yaml: str | None = None) -> tuple[str, str]:
        """The one link that is broken, and what is said of it and its remedy."""
        code, out = self("--json", cron_yaml=cron_yaml)
        (link,) = [link for link in json.loads(out)["links"] if link["came"] == "broken"]
        assert code == Exit.NEEDS_A_HUMAN
        return link["link"], f"{link['seen']}; {link['remedy']}; {link['sql']}"

    def came(self, cron_yaml: str | None = None) -> dict[str, str]:
        """What came of each link of our own; the listeners behind Sentry, which no cron.yaml here names, are off."""
        _, out = self("--json", cron_yaml=cron_yaml)
        came = {link["link"]: link["came"] for link in json.loads(out)["links"]}
        assert [came.pop(name) for name in LISTENERS] == ["off"] * len(LISTENERS)
        return came


@pytest.fixture
def drill(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Drill:
    return Drill(world, tmp_path, monkeypatch, capsys)


def left_behind(venue: Venue) -> list[tuple[str, int]]:
    """Tables of our schema that hold a row."""
    tables = [*(f"reconciler.{table}" for table in (*LEDGER, *COPIES))]
    counted = [(table, venue.sql(f"SELECT count(*) FROM {table}")[0][0]) for table in tables]
    return [(table, number) for table, number in counted if number]


def refresh(world: World) -> shadow_tables.RefreshResult:
    """What `reconciler migrate` does about the copies."""
    with world.venue.database() as database:
        return shadow_tables.refresh(database, assembly.application(world.settings()))


@contextmanager
def changed(venue: Venue, table: str, change: str, back: str) -> Iterator[None]:
    venue.alter(f"ALTER TABLE {table} {change}")
    yield
    venue.alter(f"ALTER TABLE {table} {back}")


@contextmanager
def tampered(venue: Venue, table: str, what: str) -> Iterator[None]:
    """A trigger that does something to every row, and says nothing."""
    body = f"$$ BEGIN {what}; RETURN NEW; END $$"
    venue.alter(f"CREATE OR REPLACE FUNCTION tamper() RETURNS trigger LANGUAGE plpgsql AS {body}")
    venue.alter(f"CREATE TRIGGER tamper BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION tamper()")
    yield
    venue.alter(f"DROP TRIGGER tamper ON {table}")


def test_every_link_holds_and_nothing_real_is_touched(drill: Drill, world: World) -> None:
    world.venue.booking()
    before = world.venue.checksum()
    code, out = drill()
    first, second, third = out.splitlines()
    assert (code, first.partition(" (")[0]) == (
        0,
        "scheduler ok · scan ok · repair ok · report ok · sink ok · oncall off · heartbeats off",
    )
    assert second.endswith(": " + ", ".join(KINDS))
    assert "row-level security" in third
    assert (world.venue.checksum(), left_behind(world.venue)) == (before, [])
    assert world.sandbox.writes() == {"Twilio": 0, "Google": 0}
    (event,) = world.sandbox.sentry.events
    assert (event["level"], event["tags"]) == ("info", {"kind": "fire_drill", "drill": "true"})
    assert event["fingerprint"] == ["reconciler", "fire_drill"]
    assert event["message"].startswith("fire drill: ")
    assert event["contexts"]["reconciler"] == {"planted": KINDS}


def test_each_link_broken_in_turn_is_named(drill: Drill, world: World) -> None:
    """Whatever stands on the broken one is not reached; the sink is tried all the same."""
    venue, faults = world.venue, world.sandbox.sentry.faults
    at = drill.broken("jobs: {sms_missings: {every: 10m}}")
    assert at[0] == Link.SCHEDULER
    assert "no such job: sms_missings, did you mean sms_missing?" in at[1]

    with changed(venue, f"reconciler.{COPIES[0]}", "DROP COLUMN event_date", "ADD COLUMN event_date date"):
        at = drill.broken()
        assert (at[0], "lacks event_date date" in at[1], "reconciler migrate" in at[1]) == (Link.SCAN, True, True)

    with tampered(venue, f"reconciler.{COPIES[0]}", "NEW.date_tbd := true"):
        at = drill.broken()
        assert (at[0], "1 planted, 0 found (5 date to be confirmed)" in at[1]) == (Link.SCAN, True)

    with changed(venue, "reconciler.intent", "ADD CONSTRAINT broken CHECK (state <> 'done')", "DROP CONSTRAINT broken"):
        at = drill.broken()
        assert at[0] == Link.REPAIR
        assert "sms.missing was planted and its text was not sent once (blocked sqlstate:23514)" in at[1]

    with tampered(venue, "reconciler.outbox", "IF NEW.alert->>'kind' = 'sms.stuck' THEN RETURN NULL; END IF"):
        at = drill.broken()
        assert (at[0], "found and not alerted: sms.stuck" in at[1]) == (Link.REPORT, True)

    assert world.sandbox.sentry.writes == 5
    faults.always("envelope", REFUSED)
    at = drill.broken()
    assert (at[0], "did not accept the drill's event (http:401)" in at[1]) == (Link.SINK, True)
    faults.clear()
    assert set(drill.came().values()) == {"ok"}


def test_a_database_that_is_away_breaks_the_scan_and_not_the_sink(drill: Drill) -> None:
    drill.variables["DATABASE_URL"] = f"postgresql://job:s3cret@{closed_port().removeprefix('http://')}/venue"
    assert drill.came() == {
        "scheduler": "ok", "scan": "broken", "repair": "not_reached", "report": "not_reached", "sink": "ok"
    }  # fmt: skip
    code, out = drill()
    assert (code, "s3cret" in out) == (Exit.NEEDS_A_HUMAN, False)
    assert "FAIL  scan  PostgreSQL at DATABASE_URL cannot be reached" in out


def test_without_a_sink_nobody_would_hear(drill: Drill, world: World) -> None:
    drill.variables["SENTRY_DSN"] = ""
    assert drill.broken() == (
        "sink",
        "SENTRY_DSN is not set: alerts wait in the ledger and reach no one; set SENTRY_DSN; ",
    )
    assert world.sandbox.sentry.writes == 0


@pytest.mark.parametrize("days", [1, -1, 15])
def test_a_host_whose_clock_is_wrong_breaks_the_drill_and_is_named(drill: Drill, world: World, days: int) -> None:
    with host_ahead(world, days=days):
        link, said = drill.broken()
    assert link == "repair"
    assert "the database's clock is" in said
    assert left_behind(world.venue) == []


def test_jobs_that_ran_and_do_not_run_any_more(drill: Drill, world: World) -> None:
    """A fresh installation has none, and passes."""
    world.venue.sql(
        "INSERT INTO reconciler.run (job, scope, settings, started_at, finished_at, full_scan)"
        " VALUES ('sms_missing', '', '', now() - interval '3 h', now() - interval '3 h', true)"
    )
    link, said = drill.broken()
    assert (link, said.partition("; ")[0]) == (
        "scheduler",
        "sms_missing finished last 3 h ago, wanted every 10m",
    )


def test_before_migrate_it_says_what_to_do(bare_venue: Venue, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    variables = {"DATABASE_URL": bare_venue.url(), "RECONCILER_CONFIG": str(tmp_path / "cron.yaml")}
    (tmp_path / "cron.yaml").write_text("rules: {sms.missing: {policy: report}, calendar.missing: {policy: report}}")
    scan, repair = assembly.run_fire_drill(load(None, variables)).links[1:3]
    assert (repair.status, scan.fault and scan.fault.remedy[:18]) == ("not reached", "reconciler migrate")


# What the application's tables may look like


def test_a_column_that_the_application_dropped_is_named_as_its_own(drill: Drill, world: World) -> None:
    world.venue.alter("ALTER TABLE private_booking_sms_queue DROP COLUMN message_body")
    assert "reconciler migrate" in drill.broken()[1]
    assert refresh(world) == shadow_tables.RefreshResult(made=1)
    link, said = drill.broken()
    assert link == Link.SCAN
    assert "public.private_booking_sms_queue lacks 1 column: message_body" in said
    assert "drill_" not in said


def test_a_check_that_nobody_evaluates_beforehand_stops_no_drill(drill: Drill, world: World) -> None:
    """It could call a function of the application's, so where the column may be NULL, NULL is planted."""
    checks = "ADD CHECK (length(customer_first_name) > 10), ADD CHECK (guest_count > 2)"
    world.venue.alter(f"ALTER TABLE private_bookings {checks}")
    refresh(world)
    assert drill()[0] == 0


@pytest.mark.long
def test_a_trigger_that_the_queue_may_not_hold_is_found_and_cannot_be_repaired(drill: Drill, world: World) -> None:
    constraint = "private_booking_sms_queue_trigger_type_check"
    world.venue.alter(
        f"ALTER TABLE private_booking_sms_queue DROP CONSTRAINT {constraint},"
        f" ADD CONSTRAINT {constraint} CHECK (trigger_type IN ('booking_confirmed', 'manual')) NOT VALID"
    )
    refresh(world)
    link, said = drill.broken()
    assert link == Link.REPAIR
    assert "public.private_booking_sms_queue.trigger_type cannot hold booking_created" in said


ANOTHER_SCHEMA = """
    CREATE TYPE state AS ENUM ('new', 'confirmed');
    CREATE SEQUENCE ref_seq;
    CREATE TABLE parties (
        id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, ref bigint NOT NULL DEFAULT nextval('ref_seq'),
        venue_id integer NOT NULL, state state NOT NULL DEFAULT 'new', made timestamptz NOT NULL CHECK (made <= now()),
        day date NOT NULL UNIQUE, "at" time NOT NULL, who text NOT NULL,
        upper_who text NOT NULL GENERATED ALWAYS AS (upper(who)) STORED, gcal varchar(100),
        mobile text NOT NULL CHECK (mobile ~ '^[+][0-9]+$'), deposit numeric NOT NULL CHECK (deposit > 0),
        kind text CHECK (kind IN ('birthday', 'wedding')));
    CREATE TABLE texts (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(), no bigserial, party integer NOT NULL REFERENCES parties,
        kind text NOT NULL CHECK (kind = 'confirm'), body text NOT NULL, sid text, err text,
        state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'approved', 'sent', 'failed', 'cancelled')),
        made timestamptz NOT NULL DEFAULT now(), UNIQUE (party, kind));
    GRANT SELECT ON parties, texts TO reconciler_job;
"""
ANOTHER_SCHEMA_YAML = """\
bookings:
  table: public.parties
  customers: off
  statuses: [confirmed]
  only: {venue_id: 7}
  columns: {status: state, created_at: made, date: day, start_time: at, name: who, event_id: gcal, phone: mobile,
            occasion: kind, end_time: null, end_next_day: null, customer_id: null, first_name: null, date_tbd: null,
            notes: null, guests: null}
rules:
  sms.missing:
    deliver: application
    messages: {confirmed: {trigger: confirm, template: "See you, {{ first_name }}. {{ ref }}"}}
    queue:
      table: public.texts
      columns: {booking_id: party, trigger: kind, body: body, status: state, provider_id: sid, error: err,
                created_at: made, template: null, scheduled_for: null, customer_phone: null, customer_name: null,
                recipient_phone: null, approved_by: null, sent_at: null}
"""


def test_another_application_with_numbers_enums_and_sequences(drill: Drill, world: World) -> None:
    world.venue.alter(ANOTHER_SCHEMA)
    (drill.folder / "parties.yaml").write_text(ANOTHER_SCHEMA_YAML)
    with world.venue.database() as database:
        wanted = assembly.application(load(drill.folder / "parties.yaml", world.sandbox.environment()))
        assert shadow_tables.refresh(database, wanted) == shadow_tables.RefreshResult(made=2)
        assert shadow_tables.refresh(database, wanted) == shadow_tables.RefreshResult()
    assert set(drill.came(ANOTHER_SCHEMA_YAML).values()) == {"ok"}
    assert set(drill.came().values()) == {"ok"}, "both mappings have copies of their own"
    assert world.venue.sql("SELECT is_called FROM ref_seq UNION SELECT is_called FROM texts_no_seq") == [(False,)]


# How cron.yaml may be

OFF = "{policy: off}"
CRON_YAMLS: dict[str, tuple[str, dict[str, str]]] = {
    "quiet but for a minute of the day": ('rules: {sms.missing: {quiet_hours: "00:01-00:00"}}', {}),
    "report on a first day": ("repairs: report", {"repair": "off"}),
    "every rule is off": (
        f"rules: {{sms.missing: {OFF}, calendar.missing: {OFF}, sms.stuck: {OFF}, sms.unproven: {OFF}}}",
        {"scan": "broken", "repair": "not_reached", "report": "not_reached"},
    ),
    "events only": (f"rules: {{sms.missing: {OFF}, sms.stuck: {OFF}, sms.unproven: {OFF}}}", {}),
    "texts only": (f"rules: {{calendar.missing: {OFF}}}", {}),
    "watching only": (f"rules: {{sms.missing: {OFF}, calendar.missing: {OFF}}}", {"repair": "off"}),
    "no customers": ("bookings: {customers: off}", {}),
    "the number at the customer": ("bookings: {columns: {phone: null}}", {}),
    "one repair a pass, none without asking": (
        "limits: {pass: 1, breaker: {sms: 0, calendar: 0, ratio: 0, ratio_from: 1}, rate: {sms: 1/3m, calendar: 1/3m}}",
        {},
    ),
    "a narrow memory": ("bookings: {since: 2026-01-01, scan_window: 1h, grace: 2h}", {}),
    "weeks of notice": ("rules: {sms.missing: {min_notice: 40d}}", {}),
    "by type of party": ("rules: {sms.missing: {only: {source: web}}, calendar.missing: {only: {source: phone}}}", {}),
    "by trigger": ("rules: {sms.missing: {satisfied_by: [booking_confirmed, booking_created]}}", {}),
}  # fmt: skip
SHORT = ("quiet but for a minute of the day", "report on a first day")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in SHORT else [pytest.mark.long]) for name in CRON_YAMLS]
)
def test_what_is_on_is_drilled_and_no_setting_makes_it_red(drill: Drill, name: str) -> None:
    cron_yaml, but = CRON_YAMLS[name]
    assert drill.came(cron_yaml) == {link.value: but.get(link, "ok") for link in Link if link not in LISTENERS}


@pytest.mark.long
def test_the_kill_switch_does_not_stop_a_drill(drill: Drill) -> None:
    drill.variables |= {"SUSPEND_ALL_SMS": "true", "SUSPEND_ALL_EVENTS": "true"}
    assert set(drill.came().values()) == {"ok"}


# Beside others


def test_two_at_once_beside_a_pass_while_twilio_wants_a_pause(drill: Drill, world: World) -> None:
    booking = world.venue.booking()
    world.venue.sql("INSERT INTO reconciler.rate VALUES ('google', now() + interval '1 h')")
    settings = world.settings()
    with ThreadPoolExecutor(2) as pool:
        drills = [pool.submit(assembly.run_fire_drill, settings) for _ in range(2)]
        result = world.texts()
        assert [drilled.result().faults for drilled in drills] == [(), ()]
    assert (result.repaired, len(world.sandbox.twilio.messages)) == (1, 1)
    assert {about for _, about in world.gaps()} == set()
    assert set(world.states()) == {booking}


def until_it_waits(world: World) -> None:
    """For a lock of ours, in the middle."""
    waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    world.wait_for(lambda: world.venue.sql(waits) == [(1,)])


@pytest.mark.long
def test_killed_in_the_middle_it_leaves_nothing(drill: Drill, world: World) -> None:
    world.settings()
    variables = environment(world.sandbox.environment())
    with world.venue.postgres.connect(world.venue.name) as other, other.transaction():
        other.execute("LOCK TABLE reconciler.gap IN SHARE MODE")
        child = subprocess.Popen([COMMAND, "drill"], env=variables, stdout=subprocess.PIPE)
        until_it_waits(world)
        child.send_signal(signal.SIGKILL)
        child.communicate()
    assert left_behind(world.venue) == []
    assert drill()[0] == 0
    assert left_behind(world.venue) == []


@pytest.mark.long
@pytest.mark.parametrize(
    ("table", "broken"),
    [("gap", "REPAIR"), ("intent", "REPAIR"), ("incident", "REPORT"), ("outbox", "REPORT"), ("run", "REPAIR")],
)
def test_a_connection_that_is_lost_in_the_middle_breaks_the_link_in_hand(
    drill: Drill, world: World, table: str, broken: str
) -> None:
    settings = world.settings()
    connect = world.venue.postgres.connect
    with connect(world.venue.name) as other, ThreadPoolExecutor(1) as pool, other.transaction():
        other.execute(f"LOCK TABLE reconciler.{table} IN SHARE MODE")
        drilling = pool.submit(assembly.run_fire_drill, settings)
        until_it_waits(world)
        world.venue.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        tried = drilling.result().links
    assert [one.link.name for one in tried if one.status.name == "BROKEN"] == [broken]
    assert {one.link: one.status.name for one in tried}[Link.SINK] == "OK", "the sink does not need the database"
    assert [fault.kind for fault in drilling.result().faults] == ["integration.database"]
    assert left_behind(world.venue) == []


def test_its_looks_write_nothing_and_its_writes_are_undone(world: World) -> None:
    later = timedelta(seconds=1)
    with world.venue.database() as database:
        with rolled_back(database) as connection:
            store = RollbackStore(
                connection, "drill", SourceKey("drill"), AppTables.of(assembly.application(world.settings()))
            )
            with pytest.raises(DatabaseDisagrees, match="25006"), store.reading() as tx:
                tx.rates.reserve("twilio", later, later)
            with store.writing() as tx:
                tx.rates.reserve("twilio", later, later)
            assert connection.scalar(text("SELECT name FROM reconciler.rate")) == "drill twilio"
        assert left_behind(world.venue) == []


# The job


def fire_drill(world: World, *, act: bool = True) -> PassResult:
    with world.services(act=act) as services:
        (result,) = run_job("fire_drill", services)
    return result


def test_the_job_tells_what_is_broken_until_it_holds_again(world: World) -> None:
    world.venue.alter(f"DROP TABLE reconciler.{COPIES[1]}")
    assert fire_drill(world).exit_code is Exit.NEEDS_A_HUMAN
    assert world.gaps() == {("integration.schema", "fire_drill"): ("blocked", "drill_copies")}
    levels = {event["tags"]["kind"]: event["level"] for event in world.sandbox.sentry.events}
    assert levels == {"fire_drill": "info", "integration.schema": "error"}

    refresh(world)
    assert fire_drill(world).exit_code is Exit.AS_DESIRED
    assert world.gaps() == {}
    runs = world.venue.sql("SELECT job, result FROM reconciler.run ORDER BY id")
    assert runs == [("fire_drill", "needs_a_human"), ("fire_drill", "as_desired")]


def test_a_sink_that_is_deaf_stands_in_the_ledger(world: World) -> None:
    world.sandbox.sentry.faults.always("envelope", REFUSED)
    fire_drill(world)
    assert world.gaps() == {("integration.sentry", "fire_drill"): ("blocked", "sink_unreachable")}
    assert world.venue.sql("SELECT delivered_at FROM reconciler.outbox") == [(None,)]

    world.sandbox.sentry.faults.clear()
    fire_drill(world)
    assert world.gaps() == {}
    assert "integration.sentry" in {event["tags"]["kind"] for event in world.sandbox.sentry.events}


def test_by_hand_it_runs_when_it_is_named_and_not_without_do(world: World) -> None:
    world.once()
    fire_drill(world, act=False)
    assert world.venue.sql("SELECT count(*) FROM reconciler.run WHERE job = 'fire_drill'") == [(0,)]
    assert world.sandbox.sentry.events == []


@pytest.mark.parametrize("listed", ["region: US", "region: AR, countries: [BR]"])
def test_a_drill_holds_wherever_the_venue_texts(drill: Drill, world: World, listed: str) -> None:
    world.configure(texts=f", {listed}")
    assert set(drill.came().values()) == {"ok"}
