"""What a trial write says of tables of every shape. Each shape lives in a transaction that is rolled back."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from reconciler.domain.doctor import CheckResult
from reconciler.domain.gaps import Effect, IntegrationFault
from reconciler.settings import Need, load
from reconciler.store.app.conditions import AppTables
from reconciler.store.connection import server
from reconciler.store.schema import checks, requirements
from reconciler.store.schema.trials import writes
from reconciler.store.session import application_path
from reconciler.wiring import assembly
from tests.support.application_db import Venue

QUEUE, BOOKINGS = "private_booking_sms_queue", "private_bookings"
TRIAL, JOB = "6 trial rows of private_booking_sms_queue", "reconciler_job"
KEY = f"ALTER TABLE {QUEUE} DROP CONSTRAINT {QUEUE}_booking_id_fkey"
TRIGGER = (
    "CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ {declare} BEGIN {body} END $$; "
    f"CREATE TRIGGER looks BEFORE INSERT ON {QUEUE} FOR EACH ROW EXECUTE FUNCTION t()"
)
UNKNOWN = f"IF NOT EXISTS (SELECT FROM {BOOKINGS} WHERE id = NEW.booking_id) THEN {{then}} END IF; RETURN NEW;"
WITH_NUMBERS = (
    f"{KEY}; ALTER TABLE {BOOKINGS} DROP CONSTRAINT {BOOKINGS}_pkey, ALTER COLUMN id DROP DEFAULT, "
    "ALTER COLUMN id TYPE {0} USING 7; "
    f"ALTER TABLE {BOOKINGS} ADD PRIMARY KEY (id); ALTER TABLE {QUEUE} ALTER COLUMN booking_id TYPE {{0}} USING 7, "
    f"ADD FOREIGN KEY (booking_id) REFERENCES {BOOKINGS} (id)"
)
WITH_TEXTS = WITH_NUMBERS.replace("USING 7", "USING left(md5(random()::text), 26)")
PARTITIONED = (
    f"ALTER TABLE {QUEUE} RENAME TO old; CREATE TABLE {QUEUE} (LIKE old INCLUDING DEFAULTS INCLUDING CONSTRAINTS) "
    f"PARTITION BY HASH (id); ALTER TABLE {QUEUE} ADD PRIMARY KEY (id), ADD FOREIGN KEY (booking_id) "
    f"REFERENCES {BOOKINGS} (id); CREATE TABLE part_1 PARTITION OF {QUEUE} FOR VALUES WITH (MODULUS 2, REMAINDER 0); "
    f"CREATE TABLE part_2 PARTITION OF {QUEUE} FOR VALUES WITH (MODULUS 2, REMAINDER 1); "
    f"GRANT SELECT, INSERT, UPDATE ON {QUEUE} TO {JOB}"
)
ENUMS = (
    f"ALTER TABLE {QUEUE} DROP CONSTRAINT {QUEUE}_trigger_type_check, DROP CONSTRAINT {QUEUE}_status_check, "
    "ALTER COLUMN status DROP DEFAULT; CREATE TYPE kind AS ENUM ('booking_created', 'booking_confirmed'); "
    "CREATE TYPE standing AS ENUM ('pending', 'approved', 'sent', 'failed', 'cancelled'); "
    f"ALTER TABLE {QUEUE} ALTER COLUMN status TYPE standing USING status::standing, "
    "ALTER COLUMN trigger_type TYPE kind USING trigger_type::text::kind"
)

YOUNGER = f"ALTER TABLE {BOOKINGS} ADD CHECK (customer_name <> 'Ana Lima') NOT VALID"
BEA = "('Bea Lima', '2026-07-01', '19:00')"

FINE = {
    "the reference application": "",
    "no foreign key": KEY,
    "a key that is looked at when the transaction ends": (
        f"{KEY}, ADD CONSTRAINT later FOREIGN KEY (booking_id) REFERENCES {BOOKINGS} DEFERRABLE INITIALLY DEFERRED"
    ),
    "a key that is not validated": f"{KEY}, ADD FOREIGN KEY (booking_id) REFERENCES {BOOKINGS} NOT VALID",
    "ids that are numbers": WITH_NUMBERS.format("integer"),
    "ids that are small numbers": WITH_NUMBERS.format("smallint"),
    "ids that are numbers of any length": WITH_NUMBERS.format("numeric"),
    "ids of a limited length": WITH_TEXTS.format("character varying(26)"),
    "ids that are short texts": WITH_TEXTS.format("char(26)"),
    "kinds and statuses as enums": ENUMS,
    "a column that is computed": (
        f"ALTER TABLE {QUEUE} ADD COLUMN length integer GENERATED ALWAYS AS (length(message_body)) STORED"
    ),
    "a number that counts by itself": f"ALTER TABLE {QUEUE} ADD COLUMN n bigint GENERATED ALWAYS AS IDENTITY",
    "parts of a table": PARTITIONED,
    "a CHECK over several columns that our rows keep": (
        f"ALTER TABLE {QUEUE} ADD CHECK (status <> 'sent' OR (sent_at IS NOT NULL AND twilio_message_sid <> ''))"
    ),
    "one row for each booking and kind": f"ALTER TABLE {QUEUE} ADD UNIQUE (booking_id, trigger_type)",
    "a table of our own role": f"ALTER TABLE {QUEUE} OWNER TO {JOB}; ALTER TABLE {BOOKINGS} OWNER TO {JOB}",
    "a role that no policy binds": (
        f"ALTER ROLE {JOB} BYPASSRLS; DROP POLICY reconciler_insert ON {QUEUE}; "
        f"DROP POLICY reconciler_select ON {QUEUE}"
    ),
    "a trigger that only looks": TRIGGER.format(declare="", body="NEW.priority := 3; RETURN NEW;"),
}
BY_A_TRIGGER = "a trigger raised it (looks)"
WARNS = {
    "a trigger wants the booking": (
        TRIGGER.format(declare="", body=UNKNOWN.format(then="RAISE EXCEPTION 'no such booking 07700900101';")),
        "rejects every trial row: RaiseException (SQLSTATE P0001)",
        BY_A_TRIGGER,
    ),
    "in the words of a foreign key": (
        TRIGGER.format(
            declare="", body=UNKNOWN.format(then="RAISE EXCEPTION 'no' USING ERRCODE = 'foreign_key_violation';")
        ),
        "ForeignKeyViolation (SQLSTATE 23503)",
        BY_A_TRIGGER,
    ),
    "a trigger that reads the booking, strictly": (
        TRIGGER.format(
            declare="DECLARE b record;",
            body=f"SELECT * INTO STRICT b FROM {BOOKINGS} WHERE id = NEW.booking_id; RETURN NEW;",
        ),
        "NoDataFound (SQLSTATE P0002)",
        BY_A_TRIGGER,
    ),
    "a trigger that writes about the booking": (
        f"CREATE TABLE audit (booking uuid REFERENCES {BOOKINGS} (id)); "
        + TRIGGER.format(declare="", body="INSERT INTO audit VALUES (NEW.booking_id); RETURN NEW;"),
        "ForeignKeyViolation (SQLSTATE 23503, audit_booking_fkey)",
        BY_A_TRIGGER,
    ),
    "a trigger fills a column from the booking": (
        (
            f"ALTER TABLE {BOOKINGS} ADD COLUMN venue_id integer DEFAULT 7; "
            f"ALTER TABLE {QUEUE} ADD COLUMN venue_id integer NOT NULL DEFAULT 7; "
            f"ALTER TABLE {QUEUE} ALTER COLUMN venue_id DROP DEFAULT; "
            + TRIGGER.format(
                declare="",
                body=f"NEW.venue_id := (SELECT venue_id FROM {BOOKINGS} WHERE id = NEW.booking_id); RETURN NEW;",
            )
        ),
        "rejects every trial row: NotNullViolation (SQLSTATE 23502, venue_id)",
        "a trigger may fill it from the booking",
    ),
    "a CHECK of the number": (
        f"ALTER TABLE {QUEUE} ADD CONSTRAINT british CHECK (starts_with(customer_phone, '+44'))",
        "CheckViolation (SQLSTATE 23514, british)",
        "this is fine if those of real bookings comply",
    ),
    "a CHECK of what our role only updates": (
        (
            f"REVOKE INSERT ON {QUEUE} FROM {JOB}; GRANT INSERT (id, booking_id, trigger_type, template_key, "
            "scheduled_for, message_body, customer_phone, recipient_phone, customer_name, status, error_message, "
            f"created_at) ON {QUEUE} TO {JOB}; "
            f"ALTER TABLE {QUEUE} ADD CONSTRAINT proven CHECK (status <> 'sent' OR twilio_message_sid IS NOT NULL)"
        ),
        "rejects booking_confirmed sent, booking_created sent: CheckViolation (SQLSTATE 23514, proven)",
        "it checks twilio_message_sid, which our role may only update",
    ),
}
NAMED = "change the constraint or trigger it names so that it accepts this row"
FAILS = {
    "a trigger drops the row and says nothing": (
        TRIGGER.format(declare="", body=UNKNOWN.format(then="RETURN NULL;")),
        "rejects every trial row: the table accepts the row but does not keep it",
        "the trigger or rule of the table that drops the row (looks)",
    ),
    "a rule drops the row": (
        f"CREATE RULE never AS ON INSERT TO {QUEUE} DO INSTEAD NOTHING",
        "the table accepts the row but does not keep it",
        "the trigger or rule",
    ),
    "a trigger that is broken itself": (
        TRIGGER.format(declare="", body="INSERT INTO nowhere VALUES (NEW.id); RETURN NEW;"),
        "UndefinedTable (SQLSTATE 42P01)",
        NAMED,
    ),
    "a CHECK over several columns": (
        f"ALTER TABLE {QUEUE} ADD CONSTRAINT approved CHECK (status <> 'sent' OR approved_by IS NOT NULL)",
        "rejects booking_confirmed sent, booking_created sent: CheckViolation (SQLSTATE 23514, approved)",
        NAMED,
    ),
    "a text that is too short": (
        f"ALTER TABLE {QUEUE} ALTER COLUMN message_body TYPE varchar(140)",
        "StringDataRightTruncation (SQLSTATE 22001)",
        NAMED,
    ),
    "a SID that is a number": (
        f"ALTER TABLE {QUEUE} ALTER COLUMN twilio_message_sid TYPE bigint USING 7",
        "rejects booking_confirmed sent, booking_created sent: InvalidTextRepresentation (SQLSTATE 22P02)",
        NAMED,
    ),
    "a queue's row that is a number": (
        (
            f"ALTER TABLE {QUEUE} DROP CONSTRAINT {QUEUE}_pkey, ALTER COLUMN id DROP DEFAULT, "
            f"ALTER COLUMN id TYPE bigint USING 7; ALTER TABLE {QUEUE} ADD PRIMARY KEY (id)"
        ),
        "InvalidTextRepresentation (SQLSTATE 22P02)",
        NAMED,
    ),
    "an id that is always made there": (
        (
            f"ALTER TABLE {QUEUE} DROP COLUMN created_at, ADD COLUMN created_at timestamptz GENERATED ALWAYS AS "
            "(scheduled_for) STORED"
        ),
        "GeneratedAlways (SQLSTATE 428C9)",
        NAMED,
    ),
    "one row for each template": (
        (
            f"ALTER TABLE {QUEUE} ADD CONSTRAINT once UNIQUE (template_key); INSERT INTO {QUEUE} (booking_id, "
            "trigger_type, template_key, scheduled_for, message_body, customer_phone, customer_name) SELECT id, "
            f"'manual', 'reconciler', now(), '', '', '' FROM {BOOKINGS} LIMIT 1"
        ),
        "UniqueViolation (SQLSTATE 23505, once)",
        NAMED,
    ),
    # Keys are asked in the order in which they were made: one that is younger than the booking's is not reached.
    "another key that our row cannot have": (
        (
            f"CREATE TABLE templates (key text PRIMARY KEY); {KEY}, ADD CONSTRAINT known FOREIGN KEY (template_key) "
            f"REFERENCES templates NOT VALID, ADD FOREIGN KEY (booking_id) REFERENCES {BOOKINGS}"
        ),
        "ForeignKeyViolation (SQLSTATE 23503, known)",
        NAMED,
    ),
    "a policy that takes no new row": (
        f"DROP POLICY reconciler_insert ON {QUEUE}",
        "InsufficientPrivilege (SQLSTATE 42501)",
        NAMED,
    ),
}


class Undone(Exception):
    """Nothing of a shape shall stay."""


def _undo() -> None:
    raise Undone


Try = Callable[..., tuple[CheckResult, list[IntegrationFault]]]


@pytest.fixture
def tried(venue: Venue, tmp_path: Path) -> Try:
    """The trial write of texts on a shape, and what the checks before it say."""
    venue.booking()
    (tmp_path / "cron.yaml").write_text("{}")
    chosen = load(tmp_path / "cron.yaml", {"DATABASE_URL": venue.url()}, Need.DATABASE)
    application = assembly.application(chosen)
    tables = AppTables.of(application)
    before = venue.checksum()

    def scan_once(connection: Connection, effect: Effect) -> tuple[CheckResult, list[IntegrationFault]]:
        said = writes.TRIAL_WRITES[effect](connection, tables)
        return said, list(checks.faults(connection, requirements.of_effect(application, effect), writing=True))

    def tried(shape: str, effect: Effect = Effect.SMS, role: str = JOB) -> tuple[CheckResult, list[IntegrationFault]]:
        found = None
        with venue.database("postgres") as database:
            try:
                with database.transaction() as connection:
                    if shape:
                        with application_path(connection):
                            connection.exec_driver_sql(shape)
                    connection.execute(text(f"SET LOCAL ROLE {role}"))
                    rows = connection.scalar(text(f"SELECT count(*) FROM public.{QUEUE}"))
                    found = scan_once(connection, effect)
                    assert connection.scalar(text(f"SELECT count(*) FROM public.{QUEUE}")) == rows
                    _undo()
            except Undone:
                assert found is not None
        assert venue.checksum() == before
        return found

    return tried


@pytest.mark.parametrize("shape", FINE.values(), ids=FINE.keys())
def test_what_takes_our_rows_is_fine(tried: Try, shape: str) -> None:
    said, faults = tried(shape)
    assert ([note.message for note in said.notes], said.faults, faults) == ([TRIAL], [], [])


@pytest.mark.parametrize(("shape", "seen", "remedy"), WARNS.values(), ids=WARNS.keys())
def test_what_may_be_about_the_trial_row_alone_warns(tried: Try, shape: str, seen: str, remedy: str) -> None:
    said, faults = tried(shape)
    assert (said.faults, faults) == ([], [])
    (note,) = said.notes
    assert seen in note.message
    assert remedy in note.remedy
    assert "07700900101" not in note.message


@pytest.mark.parametrize(("shape", "seen", "remedy"), FAILS.values(), ids=FAILS.keys())
def test_what_would_refuse_our_rows_fails_once_and_says_which(tried: Try, shape: str, seen: str, remedy: str) -> None:
    said, _ = tried(shape)
    (fault,) = said.faults
    assert seen in fault.seen
    assert remedy in fault.remedy


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ("", "an event id"),
        (f"DELETE FROM {QUEUE}; DELETE FROM {BOOKINGS}", "no unlocked row of private_bookings to try it on"),
        (f"ALTER TABLE {BOOKINGS} ALTER COLUMN calendar_event_id TYPE varchar(55)", "an event id"),
        (f"{YOUNGER}; INSERT INTO {BOOKINGS} (customer_name, event_date, start_time) VALUES {BEA}", "an event id"),
    ],
)
def test_an_event_id_is_written_as_it_is(tried: Try, shape: str, said: str) -> None:
    found, _ = tried(shape, Effect.CALENDAR)
    assert ([note.message for note in found.notes], list(found.faults)) == ([said], [])


def test_a_column_that_is_too_short_for_our_ids_fails(tried: Try) -> None:
    found, _ = tried(f"ALTER TABLE {BOOKINGS} ALTER COLUMN calendar_event_id TYPE varchar(54)", Effect.CALENDAR)
    (fault,) = found.faults
    assert (fault.code, "rejects an event id of 55 characters" in fault.seen) == ("sqlstate:22001", True)


def test_what_refuses_the_event_id_of_every_booking_fails(tried: Try) -> None:
    found, _ = tried(YOUNGER, Effect.CALENDAR)
    (fault,) = found.faults
    assert (fault.code, "rejects a trial update of an event id" in fault.seen) == ("sqlstate:23514", True)


def test_a_trigger_that_keeps_bookings_as_they_are_warns(tried: Try) -> None:
    shape = TRIGGER.format(declare="", body="RAISE EXCEPTION 'it is over';").replace(
        f"BEFORE INSERT ON {QUEUE}", f"BEFORE UPDATE ON {BOOKINGS}"
    )
    found, _ = tried(shape, Effect.CALENDAR)
    (note,) = found.notes
    assert (list(found.faults), "it only protects these bookings" in note.remedy) == ([], True)


def test_a_superuser_is_told_from_others_and_its_trials_work(venue: Venue, tried: Try) -> None:
    assert tried(f"DROP POLICY reconciler_insert ON {QUEUE}", role="postgres") == (tried("")[0], [])
    with venue.database("postgres") as database, database.transaction() as connection:
        assert server.about(connection).is_superuser
