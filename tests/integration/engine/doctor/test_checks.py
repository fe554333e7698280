"""Every fault that ``reconciler doctor`` knows: it is named, its remedy mends it, and nothing is left behind."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from reconciler.errors import Exit
from reconciler.sandbox.fakes.faults import Fault as Answer
from reconciler.sandbox.fakes.faults import Misbehaviour
from reconciler.sandbox.fakes.google import google_error
from reconciler.sandbox.fakes.twilio import SERVICE_SID
from reconciler.store.ledger.schema import REVISION
from tests.support.database_clock import put_ahead, put_right
from tests.support.doctor_runner import DoctorRunner
from tests.support.sandbox_world import World

QUEUE, BOOKINGS, CUSTOMERS = "private_booking_sms_queue", "private_bookings", "customers"
OLD, OTHER = "+447700900009", "+447700900008"


@pytest.fixture
def runner(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> DoctorRunner:
    """Something stands in every table: a booking with its text and its event, and one that has neither."""
    booking = world.venue.booking(customer_id=world.venue.customer())
    event = world.sandbox.google.put("Ana", world.venue.now, world.venue.now.replace(hour=15), id="app00001")
    world.venue.sql(f"UPDATE {BOOKINGS} SET calendar_event_id = %s WHERE id = %s", event, booking)
    world.venue.text(booking)
    world.venue.booking()
    return DoctorRunner(world, monkeypatch, capsys)


Deed = Callable[[World], object]


def sql(script: str) -> Deed:
    return lambda world: world.venue.alter(script)


def variables(**values: str) -> Deed:
    return lambda world: world.environment.update(values)


def unset(*names: str) -> Deed:
    return lambda world: [world.environment.pop(name) for name in names]


def answer(stand_in: str, operation: str, fault: Answer) -> Deed:
    return lambda world: getattr(world.sandbox, stand_in).faults.always(operation, fault)


def well(stand_in: str) -> Deed:
    return lambda world: getattr(world.sandbox, stand_in).faults.clear()


def becomes(stand_in: str, **values: object) -> Deed:
    return lambda world: [setattr(getattr(world.sandbox, stand_in), name, value) for name, value in values.items()]


@dataclass(frozen=True, kw_only=True)
class Fault:
    seed: Deed
    check: str
    said: str
    remedy: str = ""
    """Words of it."""
    repair: Deed | None = None
    """What it tells to do; ``None``: to run its SQL."""
    sql_in_words: str = ""
    """How the SQL begins that stands in the remedy only: whether it is right, a person has to say first."""
    code: Exit = Exit.NEEDS_A_HUMAN
    skips: tuple[str, ...] = ()
    rare: bool = False
    """Of a kind that another fault stands for."""


SCHEMA_SKIPS = ("trial write", "event ids")
CHECKED = f"ALTER TABLE {QUEUE} DROP CONSTRAINT {QUEUE}_{{0}}_check, ADD CONSTRAINT {QUEUE}_{{0}}_check CHECK ({{1}})"


def broken(script: str, said: str, **more: object) -> Fault:
    """In the tables; mended by the SQL that is printed."""
    return Fault(seed=sql(script), check="schema", said=said, skips=SCHEMA_SKIPS, **more)  # type: ignore[arg-type]


SCHEMA = {
    "the night of the incident": broken(
        f"ALTER TABLE {QUEUE} DROP COLUMN trigger_type, DROP COLUMN template_key, DROP COLUMN customer_phone",
        "lacks 3 columns: trigger_type, template_key, customer_phone",
    ),
    "whose text it is": broken(f"ALTER TABLE {QUEUE} DROP COLUMN booking_id", "lacks 1 column: booking_id"),
    "a trigger the CHECK forbids": broken(
        CHECKED.format("trigger_type", "trigger_type IN ('booking_confirmed', 'manual')"),
        "trigger_type cannot hold booking_created",
    ),
    "statuses the CHECK forbids": broken(
        "; ".join(
            [
                CHECKED.format("status", "status = ANY (ARRAY['pending', 'approved', 'sent'])"),
                f"ALTER TABLE {BOOKINGS} DROP CONSTRAINT {BOOKINGS}_status_check",
                f"UPDATE {BOOKINGS} SET status = 'draft'",
                f"ALTER TABLE {BOOKINGS} ADD CHECK (status <> 'confirmed')",
            ]
        ),
        "status cannot hold failed, cancelled",
    ),
    "an enum without our trigger": broken(
        f"ALTER TABLE {QUEUE} DROP CONSTRAINT {QUEUE}_trigger_type_check; "
        'CREATE TYPE "Trigger" AS ENUM (\'booking_confirmed\'); ALTER TYPE "Trigger" OWNER TO venue_owner; '
        f'ALTER TABLE {QUEUE} ALTER COLUMN trigger_type TYPE "Trigger" USING trigger_type::"Trigger"',
        "trigger_type cannot hold booking_created",
        rare=True,
    ),
    "a column that must be filled": broken(
        f"DELETE FROM {QUEUE}; ALTER TABLE {QUEUE} ADD COLUMN tenant uuid NOT NULL", "requires 1 column: tenant"
    ),
    "no right to insert": broken(f"REVOKE INSERT ON {QUEUE} FROM reconciler_job", "may not INSERT"),
    "no right to update": broken(
        f"REVOKE UPDATE (sent_at, status) ON {QUEUE} FROM reconciler_job",
        "may not UPDATE 2 columns: status, sent_at",
        rare=True,
    ),
    "no right to read": broken(f"REVOKE SELECT ON {CUSTOMERS} FROM reconciler_job", "may not SELECT", rare=True),
    "no right to lock": broken(
        f"REVOKE UPDATE (calendar_event_id) ON {BOOKINGS} FROM reconciler_job",
        "may not UPDATE 1 column: calendar_event_id",
        rare=True,
    ),
    "no way into the schema": broken(
        "REVOKE USAGE ON SCHEMA public FROM PUBLIC; GRANT USAGE ON SCHEMA public TO venue_owner WITH GRANT OPTION",
        "may not use the schema public",
    ),
    "queue rows hidden": broken(f"DROP POLICY reconciler_select ON {QUEUE}", "does not let our role SELECT every row"),
    "customers hidden": broken(
        f"DROP POLICY reconciler_select ON {CUSTOMERS}", f"{CUSTOMERS} does not let our role SELECT", rare=True
    ),
    "bookings hidden": broken(
        f"DROP POLICY reconciler_select ON {BOOKINGS}", f"{BOOKINGS} does not let our role SELECT", rare=True
    ),
    "no policy to insert": broken(f"DROP POLICY reconciler_insert ON {QUEUE}", "our role INSERT every row", rare=True),
    "no policy to update": broken(f"DROP POLICY reconciler_update ON {QUEUE}", "our role UPDATE every row", rare=True),
    "FOR UPDATE sees nothing": broken(f"DROP POLICY reconciler_update ON {BOOKINGS}", "our role UPDATE every row"),
    "row-level security switched on, and no policy": broken(
        f"DROP POLICY reconciler_select ON {BOOKINGS}; DROP POLICY reconciler_update ON {BOOKINGS}; "
        f"DROP POLICY application ON {BOOKINGS}",
        "does not let our role SELECT every row",
        rare=True,
    ),
    # A policy of the name that the printed SQL gives its own: it is narrower, and in the way.
    "some rows hidden": broken(
        f"ALTER POLICY reconciler_select ON {QUEUE} RENAME TO narrow; "
        f"ALTER POLICY narrow ON {QUEUE} USING (status <> 'sent')",
        "does not let our role SELECT every row",
        rare=True,
    ),
    "some rows cannot be written": broken(
        f"ALTER POLICY reconciler_insert ON {QUEUE} RENAME TO narrow; "
        f"ALTER POLICY narrow ON {QUEUE} WITH CHECK (priority = 1)",
        "does not let our role INSERT every row",
        rare=True,
    ),
    # Another permissive policy does not help: a person has to take this one back.
    "a restrictive policy": broken(
        f"CREATE POLICY narrow ON {QUEUE} AS RESTRICTIVE FOR SELECT USING (priority = 3)",
        "does not let our role SELECT every row",
        repair=sql(f"DROP POLICY narrow ON {QUEUE}"),
    ),
    "a booking's id that means several": broken(
        f"ALTER TABLE {BOOKINGS} DROP CONSTRAINT {BOOKINGS}_pkey CASCADE",
        "id has no unique key of its own",
        rare=True,
    ),
    "a queue row's id that means several": broken(
        f"ALTER TABLE {QUEUE} DROP CONSTRAINT {QUEUE}_pkey", "id has no unique key of its own", rare=True
    ),
    "a time without zone": broken(
        f"ALTER TABLE {QUEUE} ALTER COLUMN sent_at TYPE timestamp",
        "sent_at is timestamp without time zone, and timestamp with time zone is needed",
        remedy="map a column of that type in cron.yaml",
        repair=sql(f"ALTER TABLE {QUEUE} ALTER COLUMN sent_at TYPE timestamptz USING timezone('UTC', sent_at)"),
        rare=True,
    ),
    "a date that is a text": broken(
        f"ALTER TABLE {BOOKINGS} ALTER COLUMN event_date TYPE text",
        "event_date is text, and date is needed",
        remedy="map a column of that type in cron.yaml",
        repair=sql(f"ALTER TABLE {BOOKINGS} ALTER COLUMN event_date TYPE date USING event_date::date"),
        rare=True,
    ),
    "ids that cannot be compared": broken(
        f"ALTER TABLE {QUEUE} DROP CONSTRAINT {QUEUE}_booking_id_fkey, ALTER COLUMN booking_id TYPE text",
        f"booking_id is text, and public.{BOOKINGS}.id, which it refers to, is uuid: they cannot be compared",
        remedy="map the column that holds the other table's id in cron.yaml",
        repair=sql(f"ALTER TABLE {QUEUE} ALTER COLUMN booking_id TYPE uuid USING booking_id::uuid"),
    ),
    "rows that the statistics promise and nobody sees": broken(
        f"ANALYZE; SET session_replication_role = replica; TRUNCATE {QUEUE}; DELETE FROM {BOOKINGS}",
        f"{BOOKINGS} appears empty, but its statistics say 2 rows",
        sql_in_words="ANALYZE",
        rare=True,
    ),
    "no table": broken(
        f"ALTER TABLE {QUEUE} RENAME TO texts",
        f"there is no table public.{QUEUE}",
        remedy="correct the name in cron.yaml",
        repair=lambda world: world.configure(texts=", queue: public.texts"),
    ),
    "a view instead of the table": broken(
        f"ALTER TABLE {CUSTOMERS} RENAME TO people; CREATE VIEW {CUSTOMERS} AS SELECT * FROM people",
        f"public.{CUSTOMERS} is a view",
        remedy="name its table in cron.yaml (public.people)",
        repair=lambda world: world.configure(bookings=", customers: public.people"),
        rare=True,
    ),
    "a column of bookings.only that is not there": Fault(
        seed=lambda world: world.configure(bookings=", only: {venue_id: 7}"),
        check="schema",
        said="lacks 1 column: venue_id",
        remedy="correct bookings.only in cron.yaml",
        repair=lambda world: world.configure(bookings=""),
        skips=SCHEMA_SKIPS,
        rare=True,
    ),
}

TRIALS = {
    "a rule that drops the event id": Fault(
        seed=sql(
            f"UPDATE {BOOKINGS} SET calendar_event_id = NULL; CREATE RULE never AS ON UPDATE TO {BOOKINGS} DO INSTEAD "
            "NOTHING"
        ),
        check="trial write",
        said="accepts a trial update of an event id but changes no row",
        remedy="find the policy, rule or trigger",
        repair=sql(f"DROP RULE never ON {BOOKINGS}"),
    ),
    "a trigger that calls what is gone": Fault(
        seed=sql(
            "CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO audit VALUES (NEW.id); "
            f"RETURN NEW; END $$; CREATE TRIGGER audit BEFORE INSERT ON {QUEUE} FOR EACH ROW EXECUTE FUNCTION audit()"
        ),
        check="trial write",
        said="rejects every trial row: UndefinedTable (SQLSTATE 42P01)",
        remedy="change the constraint or trigger it names",
        repair=sql(f"DROP TRIGGER audit ON {QUEUE}"),
        rare=True,
    ),
}

GOOGLE_SKIPS = ("event ids",)
PROVIDERS = {
    "a wrong Twilio token": Fault(
        seed=variables(TWILIO_AUTH_TOKEN="wrong" * 6),
        check="twilio",
        said="Twilio does not accept the credentials (twilio:20003)",
        remedy="set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN",
        repair=unset("TWILIO_AUTH_TOKEN"),
    ),
    "a suspended account": Fault(
        seed=becomes("twilio", account_status="suspended"),
        check="twilio",
        said="the Twilio account is suspended",
        remedy="Twilio's console, Billing",
        repair=becomes("twilio", account_status="active"),
    ),
    "a sender of somebody else": Fault(
        seed=variables(TWILIO_PHONE_NUMBER=OTHER),
        check="twilio",
        said="TWILIO_PHONE_NUMBER does not belong to the account",
        remedy="set TWILIO_PHONE_NUMBER",
        repair=unset("TWILIO_PHONE_NUMBER"),
    ),
    "a sender that cannot text": Fault(
        seed=lambda world: world.sandbox.twilio.incapable.add(world.sandbox.twilio.phone_number),
        check="twilio",
        said="TWILIO_PHONE_NUMBER cannot send texts",
        remedy="that can send SMS",
        repair=lambda world: world.sandbox.twilio.incapable.clear(),
        rare=True,
    ),
    "no such messaging service": Fault(
        seed=variables(TWILIO_MESSAGING_SERVICE_SID="MG" + "0" * 32),
        check="twilio",
        said="the messaging service does not exist",
        remedy="set TWILIO_MESSAGING_SERVICE_SID",
        repair=unset("TWILIO_MESSAGING_SERVICE_SID"),
        rare=True,
    ),
    "a messaging service without a sender": Fault(
        seed=lambda world: [
            variables(TWILIO_MESSAGING_SERVICE_SID=SERVICE_SID, TWILIO_PHONE_NUMBER="")(world),
            becomes("twilio", pool=[])(world),
        ],
        check="twilio",
        said="the messaging service has no sender",
        remedy="Sender Pool",
        repair=becomes("twilio", pool=[OLD]),
    ),
    "Twilio's place taken by a proxy": Fault(
        seed=answer("twilio", "account.fetch", Answer(kind=Misbehaviour.HTML, status=200)),
        check="twilio",
        said="the provider could not be asked (unreadable)",
        remedy="past proxies and firewalls",
        repair=well("twilio"),
        code=Exit.WORK_LEFT,
        rare=True,
    ),
    "a reader's role": Fault(
        seed=becomes("google", role="reader"),
        check="google",
        said="our role in the calendar is reader, which may not write events",
        remedy='share it with reconciler@sandbox.iam.gserviceaccount.example, "Make changes to events"',
        repair=becomes("google", role="writer"),
        skips=GOOGLE_SKIPS,
    ),
    "a calendar that is not shared": Fault(
        seed=becomes("google", role="none"),
        check="google",
        said="does not exist or is not shared with us",
        remedy='share the calendar with reconciler@sandbox.iam.gserviceaccount.example, "Make changes to events"',
        repair=becomes("google", role="owner"),
        skips=GOOGLE_SKIPS,
        rare=True,
    ),
    "another calendar's id": Fault(
        seed=variables(GOOGLE_CALENDAR_ID="other@group.calendar.google.example"),
        check="google",
        said="the calendar of GOOGLE_CALENDAR_ID does not exist",
        remedy="correct GOOGLE_CALENDAR_ID",
        repair=unset("GOOGLE_CALENDAR_ID"),
        skips=GOOGLE_SKIPS,
        rare=True,
    ),
    "a key that was deleted": Fault(
        seed=answer("google", "token", Answer(kind=Misbehaviour.STATUS, status=400, body='{"error": "invalid_grant"}')),
        check="google",
        said="Google issues no token: the key or its service account was deleted",
        remedy="create a new key for reconciler@sandbox.iam.gserviceaccount.example",
        repair=well("google"),
        skips=GOOGLE_SKIPS,
    ),
    "the API switched off": Fault(
        seed=answer(
            "google",
            "events.list",
            Answer(kind=Misbehaviour.STATUS, status=403, body=google_error(403, "accessNotConfigured")),
        ),
        check="google",
        said="the Google Calendar API is disabled",
        remedy="enable it in the Google Cloud console",
        repair=well("google"),
        skips=GOOGLE_SKIPS,
        rare=True,
    ),
    "Google's place taken by a proxy": Fault(
        seed=answer("google", "events.list", Answer(kind=Misbehaviour.HTML, status=502)),
        check="google",
        said="the provider could not be asked (http:502)",
        remedy="past proxies and firewalls",
        repair=well("google"),
        code=Exit.WORK_LEFT,
        skips=GOOGLE_SKIPS,
        rare=True,
    ),
    "event ids of another calendar": Fault(
        seed=lambda world: world.venue.sql(
            f"UPDATE {BOOKINGS} SET calendar_event_id = 'elsewhere' || left(id::text, 4)"
        ),
        check="event ids",
        said="none of the 2 event ids stored last is in the calendar of GOOGLE_CALENDAR_ID",
        remedy="set GOOGLE_CALENDAR_ID to the calendar the application writes to",
        repair=lambda world: world.venue.sql(f"UPDATE {BOOKINGS} SET calendar_event_id = 'app00001'"),
    ),
    "nobody to tell": Fault(
        seed=variables(SENTRY_DSN=""),
        check="sentry",
        said="SENTRY_DSN is not set",
        remedy="set SENTRY_DSN",
        repair=unset("SENTRY_DSN"),
    ),
    "a refused envelope": Fault(
        seed=lambda world: world.environment.update(SENTRY_DSN=world.sandbox.sentry.dsn.replace("5a4d", "a4d5")),
        check="sentry",
        said="Sentry does not accept events (http:403)",
        remedy="compare SENTRY_DSN with Sentry's Client Keys",
        repair=unset("SENTRY_DSN"),
    ),
    "Sentry away": Fault(
        seed=answer("sentry", "envelope", Answer(kind=Misbehaviour.DROP)),
        check="sentry",
        said="Sentry does not accept events (ConnectionError)",
        remedy="see whether its host can be reached",
        repair=well("sentry"),
        code=Exit.WORK_LEFT,
        rare=True,
    ),
}

OURS = {
    "a job nobody has": Fault(
        seed=lambda world: world.configure(more="jobs: {sms_mising: {every: 1h}}"),
        check="jobs",
        said="no such job: sms_mising, did you mean sms_missing?",
        remedy="correct the name under jobs in cron.yaml",
        repair=lambda world: world.configure(more=""),
        skips=("scheduler",),
    ),
    "a ledger of a later version": Fault(
        seed=sql("UPDATE reconciler.alembic_version SET version_num = '9999'"),
        check="ledger",
        said="revision",
        repair=sql(f"UPDATE reconciler.alembic_version SET version_num = '{REVISION}'"),
    ),
    "a database that disagrees about the time": Fault(
        seed=lambda world: _shift_clock(world, "-10 minutes"),
        check="database",
        said="the database's clock is -",
        remedy="keep both in step (NTP)",
        repair=lambda world: put_right(world.venue),
        skips=("schema", "trial write", "ledger", "event ids", "scheduler"),
    ),
    "no database of that name": Fault(
        seed=lambda world: world.environment.update(
            DATABASE_URL=world.venue.url().replace(world.venue.name, "nowhere")
        ),
        check="database",
        said="PostgreSQL at DATABASE_URL gives no connection: there is no database of this name (SQLSTATE 3D000)",
        remedy="check the database name in DATABASE_URL",
        repair=unset("DATABASE_URL"),
        skips=("schema", "trial write", "ledger", "event ids", "scheduler"),
        rare=True,
    ),
    "a mistake in a variable": Fault(
        seed=variables(GOOGLE_CALENDAR_ID="https://calendar.google.com/calendar/u/0?cid=abc"),
        check="google",
        said="GOOGLE_CALENDAR_ID: is no calendar's id",
        remedy="start it again",
        repair=unset("GOOGLE_CALENDAR_ID"),
        code=Exit.NEEDS_A_HUMAN,
        skips=("event ids",),
    ),
    "a mistake in cron.yaml": Fault(
        seed=lambda world: world.configure(limits=", pass: none"),
        check="settings",
        said="limits.pass",
        remedy="docs/settings.md",
        repair=lambda world: world.configure(limits=""),
        code=Exit.CONFIGURATION,
        skips=("all others",),
        rare=True,
    ),
}


def _shift_clock(world: World, by: str) -> None:
    put_ahead(world.venue, f"interval '{by}'")


TABLE = {**SCHEMA, **TRIALS, **PROVIDERS, **OURS}


def rows(table: Mapping[str, Any]) -> list[Any]:
    return [pytest.param(row, id=name, marks=[pytest.mark.long] * row.rare) for name, row in table.items()]


@pytest.mark.parametrize("fault", rows(TABLE))
def test_each_fault_is_named_and_its_remedy_fixes_it(runner: DoctorRunner, fault: Fault) -> None:
    fault.seed(runner.world)
    seen = runner.doctor("--json")
    (line,) = [line for line in seen.lines if line["status"] == "FAIL" and fault.said in line["message"]]
    assert (line["check"], seen.code) == (fault.check, fault.code), seen.lines
    assert line["remedy"]
    assert fault.remedy in line["remedy"]
    skipped = {check for check, light in seen.statuses.items() if light == "SKIP"}
    assert skipped == set(fault.skips)
    if fault.repair:
        fault.repair(runner.world)
    elif fault.sql_in_words:
        assert not line["sql"]
        for one in (one for one in seen.lines if fault.sql_in_words in one["remedy"]):
            runner.as_owner(one["remedy"][one["remedy"].index(fault.sql_in_words) :])
    else:
        assert line["sql"]
        runner.as_owner(sql_of(seen.lines))
    well = runner.doctor("--json")
    assert (well.code, set(well.statuses.values()) & {"FAIL", "SKIP"}) == (Exit.AS_DESIRED, set()), well.lines


@dataclass(frozen=True, kw_only=True)
class Warned:
    """What breaks nothing yet."""

    seed: Deed
    check: str
    said: str
    remedy: str
    repair: Deed | None = None
    """``None``: the printed SQL."""
    rare: bool = False


LARGE = f"UPDATE pg_class SET reltuples = 50000 WHERE oid IN ('{BOOKINGS}'::regclass, '{QUEUE}'::regclass)"
WARNINGS = {
    "a superuser": Warned(
        seed=lambda world: world.environment.update(DATABASE_URL=world.venue.url("postgres")),
        check="database",
        said="the role postgres is a superuser",
        remedy="give reconciler a role of its own",
        repair=unset("DATABASE_URL"),
    ),
    "a role that no policy limits": Warned(
        seed=sql("ALTER ROLE reconciler_job BYPASSRLS"),
        check="database",
        said="the role reconciler_job bypasses row-level security: no policy limits it",
        remedy="give reconciler a role of its own",
        repair=sql("ALTER ROLE reconciler_job NOBYPASSRLS"),
    ),
    "a role that owns a table": Warned(
        seed=sql(f"ALTER TABLE {CUSTOMERS} OWNER TO reconciler_job"),
        check="schema",
        said=f"the role of DATABASE_URL owns public.{CUSTOMERS}",
        remedy="give reconciler a role of its own",
        repair=sql(f"ALTER TABLE {CUSTOMERS} OWNER TO venue_owner; GRANT SELECT ON {CUSTOMERS} TO reconciler_job"),
    ),
    "an owner that is a superuser": Warned(
        seed=lambda world: world.environment.update(OWNER_URL=world.venue.url("postgres")),
        check="owner",
        said="the role of OWNER_URL, postgres, is a superuser",
        remedy="let OWNER_URL lead to the role that owns the application's tables",
        repair=lambda world: world.environment.update(OWNER_URL=world.venue.url("venue_owner")),
    ),
    "everybody may create in public": Warned(
        seed=sql("GRANT CREATE ON SCHEMA public TO PUBLIC"),
        check="schema",
        said="PUBLIC may create in the schema public",
        remedy="take that right back",
        repair=sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC"),
    ),
    "the application may create in public": Warned(
        seed=sql("GRANT CREATE ON SCHEMA public TO venue_app, venue_owner"),
        check="schema",
        said="venue_app may create in the schema public: a function there can pass for one of PostgreSQL's own",
        remedy="take that right back",
        repair=sql("REVOKE CREATE ON SCHEMA public FROM venue_app"),
    ),
    "clocks a little apart": Warned(
        seed=lambda world: _shift_clock(world, "20 s"),
        check="database",
        said="the database's clock is +",
        remedy="keep both in step (NTP)",
        repair=lambda world: put_right(world.venue),
        rare=True,
    ),
    "large tables without an index": Warned(
        seed=sql(LARGE),
        check="schema",
        said=f"public.{BOOKINGS} has about 50,000 rows and no index on calendar_event_id",
        remedy="create it; CONCURRENTLY",
    ),
    "a large table whose last change has no index": Warned(
        seed=lambda world: (sql(LARGE)(world), world.configure(bookings=", columns: {updated: updated_at}")),
        check="schema",
        said=f"public.{BOOKINGS} has about 50,000 rows and no index on updated_at",
        remedy="create it; CONCURRENTLY",
    ),
    "a large queue without an index by time": Warned(
        seed=sql(LARGE),
        check="schema",
        said=f"public.{QUEUE} has about 50,000 rows and no index by the time at which a text went",
        remedy="create it, or each text reads the whole queue",
        repair=sql(f"CREATE INDEX ON {QUEUE} ((coalesce(sent_at, created_at)))"),
    ),
    "a default that lies": Warned(
        seed=lambda _: None,
        check="schema",
        said=f"the default of public.{BOOKINGS}.created_at depends on the session's time zone",
        remedy="set it to now()",
        rare=True,
    ),
    "a trial account": Warned(
        seed=becomes("twilio", trial=True),
        check="twilio",
        said="this is a trial account",
        remedy="upgrade it",
        repair=becomes("twilio", trial=False),
        rare=True,
    ),
    "a low balance": Warned(
        seed=becomes("twilio", balance="1.20"),
        check="twilio",
        said="balance 1.20 GBP: soon no text can be sent",
        remedy="add funds",
        repair=becomes("twilio", balance="20"),
    ),
    "a calendar in another zone": Warned(
        seed=lambda world: setattr(world.sandbox.google.calendar, "zone", "America/New_York"),
        check="google",
        said="the calendar is shown in America/New_York, and the venue's time is Europe/London",
        remedy="change the calendar's settings",
        repair=lambda world: setattr(world.sandbox.google.calendar, "zone", "Europe/London"),
        rare=True,
    ),
    "a kill switch": Warned(
        seed=variables(SUSPEND_ALL_EVENTS="true"),
        check="google",
        said="SUSPEND_ALL_EVENTS is on: no event is made",
        remedy="unset SUSPEND_ALL_EVENTS",
        repair=unset("SUSPEND_ALL_EVENTS"),
        rare=True,
    ),
    "a job that is late": Warned(
        seed=lambda world: world.venue.sql(
            "INSERT INTO reconciler.run (job, scope, settings, started_at, finished_at, full_scan)"
            " SELECT 'sms_missing', '', '', at, at, true FROM (SELECT now() - interval '2 h' AS at) long_ago"
        ),
        check="scheduler",
        said="sms_missing has not finished a run on time (schedule: every 10m)",
        remedy="check that `reconciler run` is running",
        repair=lambda world: world.venue.sql("UPDATE reconciler.run SET started_at = now(), finished_at = now()"),
    ),
}


@pytest.mark.parametrize("warned", rows(WARNINGS))
def test_what_breaks_nothing_yet_is_a_warning(runner: DoctorRunner, warned: Warned) -> None:
    warned.seed(runner.world)
    seen = runner.doctor("--json")
    (line,) = [line for line in seen.lines if warned.said in line["message"]]
    assert (line["check"], line["status"], seen.code) == (warned.check, "WARN", Exit.AS_DESIRED)
    assert warned.remedy in line["remedy"]
    if warned.repair:
        warned.repair(runner.world)
    else:
        assert line["sql"]
        runner.as_owner(sql_of(seen.lines))
    assert not [line for line in runner.doctor("--json").lines if warned.said in line["message"]]


@pytest.mark.parametrize(
    ("edits", "trial"),
    [
        ({"texts": ", deliver: application"}, "2 trial rows of private_booking_sms_queue, an event id: written"),
        ({"more": "repairs: report"}, "not wanted: nothing is repaired"),
        pytest.param(
            {"calendar_policy": "report"}, "6 trial rows of private_booking_sms_queue: written", marks=pytest.mark.long
        ),
        pytest.param({"texts": ", policy: off"}, "an event id: written and rolled back", marks=pytest.mark.long),
    ],
)
def test_only_what_is_wanted_is_tried(runner: DoctorRunner, edits: dict[str, str], trial: str) -> None:
    runner.world.configure(**edits)
    said = runner.doctor("--json")
    assert said.code == Exit.AS_DESIRED, said.lines
    assert said.messages("trial write", "OK")[0].startswith(trial)


def test_every_column_of_the_queue_can_be_lost_and_found(runner: DoctorRunner) -> None:
    """Those of the incident, each by itself; the SQL that is printed brings it back."""
    for column in ("trigger_type", "template_key", "customer_phone"):
        runner.world.venue.alter(f"ALTER TABLE {QUEUE} DROP COLUMN {column}")
        assert_comes_back(runner, QUEUE, column)


@pytest.mark.long
@pytest.mark.parametrize("table", [QUEUE, BOOKINGS, CUSTOMERS])
def test_every_column_that_is_mapped_can_be_lost_and_found(runner: DoctorRunner, table: str) -> None:
    chosen = runner.world.settings().file
    bookings, queue = chosen.bookings, chosen.rules.sms_missing.queue
    assert bookings.customers
    mapped = {QUEUE: queue.columns, BOOKINGS: bookings.columns, CUSTOMERS: bookings.customers.columns}[table]
    # A key that is lost is no column to add empty: the doctor asks for the right table or column.
    columns = [column for ours, column in mapped.model_dump().items() if column and ours != "id"]
    assert len(columns) >= 4
    for column in columns:
        runner.world.venue.alter(f"ALTER TABLE {table} DROP COLUMN {column} CASCADE")
        assert_comes_back(runner, table, column)


def assert_comes_back(runner: DoctorRunner, table: str, column: str) -> None:
    seen = runner.doctor("--json")
    assert f"public.{table} lacks 1 column: {column}" in seen.messages("schema", "FAIL"), (column, seen.lines)
    for _ in range(3):  # what the column took along, a key or a right, shows when it is back
        if seen.code == Exit.AS_DESIRED:
            break
        runner.as_owner(sql_of(seen.lines) + proposed_in_prose(seen.lines))
        seen = runner.doctor("--json")
    assert seen.code == Exit.AS_DESIRED, (column, seen.lines)


def proposed_in_prose(lines: list[dict[str, str]]) -> str:
    """What a person decides about and runs: another type for a column."""
    found = [re.search("ALTER TABLE .* TYPE .*;", line["remedy"]) for line in lines if line["status"] == "FAIL"]
    return "\n".join(statement[0] for statement in found if statement)


def sql_of(lines: list[dict[str, str]]) -> str:
    return "\n".join(dict.fromkeys(line["sql"] for line in lines if line["sql"])) + "\n"
