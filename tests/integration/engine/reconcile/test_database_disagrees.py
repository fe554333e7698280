"""Tables, columns, values, rights and policies that are not as the mapping needs them: told, and nothing is written."""

import pytest

from reconciler.domain.gaps import GapKind
from reconciler.errors import Exit
from tests.support.application_db import Venue
from tests.support.read_only_scan import scan_as_reader
from tests.support.sandbox_world import World

SMS, CALENDAR = GapKind.SMS_MISSING, GapKind.CALENDAR_MISSING
QUEUE, BOOKINGS, CUSTOMERS = "private_booking_sms_queue", "private_bookings", "customers"

BREAKS_TEXTS = {
    "the night of the incident": (
        f"ALTER TABLE {QUEUE} DROP COLUMN trigger_type, DROP COLUMN template_key, DROP COLUMN customer_phone",
        "columns_missing",
        "lacks 3 columns",
    ),
    "no queue at all": (f"DROP TABLE {QUEUE}", "table_missing", QUEUE),
    "a trigger the CHECK forbids": (
        (
            f"ALTER TABLE {QUEUE} DROP CONSTRAINT {QUEUE}_trigger_type_check; "
            f"ALTER TABLE {QUEUE} ADD CHECK (trigger_type IN ('booking_created', 'date_changed'))"
        ),
        "value_forbidden",
        "cannot hold booking_confirmed",
    ),
    "a status the CHECK forbids": (
        (
            f"ALTER TABLE {QUEUE} DROP CONSTRAINT {QUEUE}_status_check; "
            f"ALTER TABLE {QUEUE} ADD CHECK (status IN ('pending', 'sent', 'failed'))"
        ),
        "value_forbidden",
        "cannot hold cancelled",
    ),
    "a new column that must be filled": (
        f"ALTER TABLE {QUEUE} ADD COLUMN tenant uuid NOT NULL",
        "column_required",
        "requires 1 column: tenant",
    ),
    "a default from a sequence that is closed to us": (
        f"ALTER TABLE {QUEUE} ADD COLUMN number bigserial",
        "right_missing",
        f"our role may not use public.{QUEUE}_number_seq",
    ),
    "no right to insert": (f"REVOKE INSERT ON {QUEUE} FROM reconciler_job", "right_missing", "INSERT"),
    "no right to update": (
        f"REVOKE UPDATE (twilio_message_sid) ON {QUEUE} FROM reconciler_job",
        "right_missing",
        "UPDATE 1 column: twilio_message_sid",
    ),
    "no right to read the queue": (f"REVOKE SELECT ON {QUEUE} FROM reconciler_job", "right_missing", "SELECT"),
    "queue rows hidden": (f"DROP POLICY reconciler_select ON {QUEUE}", "row_security", f"{QUEUE} does not let"),
    "some queue rows hidden": (
        f"ALTER POLICY reconciler_select ON {QUEUE} USING (status <> 'sent')",
        "row_security",
        "SELECT every row",
    ),
    "a restrictive policy": (
        f"CREATE POLICY narrow ON {QUEUE} AS RESTRICTIVE FOR SELECT USING (priority = 3)",
        "row_security",
        "SELECT every row",
    ),
    "no policy to insert": (f"DROP POLICY reconciler_insert ON {QUEUE}", "row_security", "INSERT every row"),
    "a sent_at without zone": (
        f"ALTER TABLE {QUEUE} ALTER COLUMN sent_at TYPE timestamp",
        "column_type",
        "sent_at is timestamp without time zone",
    ),
}
BREAKS_BOTH = {
    "customers hidden": (f"DROP POLICY reconciler_select ON {CUSTOMERS}", "row_security", CUSTOMERS),
    "bookings hidden": (f"DROP POLICY reconciler_select ON {BOOKINGS}", "row_security", BOOKINGS),
    "FOR UPDATE sees nothing": (f"DROP POLICY reconciler_update ON {BOOKINGS}", "row_security", "UPDATE every row"),
    "no right to lock": (
        f"REVOKE UPDATE (calendar_event_id) ON {BOOKINGS} FROM reconciler_job",
        "right_missing",
        "UPDATE",
    ),
    "a status that is not there": (
        (
            f"ALTER TABLE {BOOKINGS} DROP CONSTRAINT {BOOKINGS}_status_check; "
            f"UPDATE {BOOKINGS} SET status = 'booked'; ALTER TABLE {BOOKINGS} ADD CHECK (status IN ('booked', 'void'))"
        ),
        "value_forbidden",
        "cannot hold draft, confirmed",
    ),
    "a status that is a number": (
        (
            f"ALTER TABLE {BOOKINGS} DROP CONSTRAINT {BOOKINGS}_status_check, ALTER status DROP DEFAULT, "
            "ALTER status TYPE integer USING 1"
        ),
        "value_forbidden",
        "cannot hold draft, confirmed",
    ),
    "a status that is a boolean": (
        (
            f"ALTER TABLE {BOOKINGS} DROP CONSTRAINT {BOOKINGS}_status_check, ALTER status DROP DEFAULT, "
            "ALTER status TYPE boolean USING true"
        ),
        "value_forbidden",
        "cannot hold draft, confirmed",
    ),
    "another column name": (
        f"ALTER TABLE {BOOKINGS} RENAME COLUMN event_date TO party_date",
        "columns_missing",
        "lacks 1 column: event_date",
    ),
}


def assert_alerted(world: World, kind: GapKind, code: str, seen: str) -> None:
    before = world.venue.checksum() if code != "table_missing" else ""
    writes = world.sandbox.writes()
    result = world.once()[kind]
    assert [fault.code for fault in result.faults][:1] == [code]
    assert any(seen in fault.seen for fault in result.faults), [fault.seen for fault in result.faults]
    assert all(fault.remedy for fault in result.faults)
    assert (result.exit_code, result.repaired) == (Exit.NEEDS_A_HUMAN, 0)
    assert world.gaps()[GapKind.INTEGRATION_SCHEMA, result.effect] == ("blocked", result.faults[0].code)
    key = {SMS: "Twilio", CALENDAR: "Google"}[kind]
    assert world.sandbox.writes()[key] == writes[key]
    if before and kind is SMS:
        assert world.venue.checksum().split("-")[2] == before.split("-")[2], "the queue is untouched"


@pytest.mark.parametrize(("sql", "code", "seen"), BREAKS_TEXTS.values(), ids=BREAKS_TEXTS.keys())
def test_texts_are_blocked_and_events_go_on(world: World, sql: str, code: str, seen: str) -> None:
    booking = world.venue.booking()
    world.venue.alter(sql)
    assert_alerted(world, SMS, code, seen)
    assert world.venue.stored_event(booking), "the other effect goes on"


@pytest.mark.parametrize(("sql", "code", "seen"), BREAKS_BOTH.values(), ids=BREAKS_BOTH.keys())
@pytest.mark.parametrize("kind", [SMS, CALENDAR])
def test_both_effects_are_blocked(world: World, kind: GapKind, sql: str, code: str, seen: str) -> None:
    world.venue.booking()
    world.venue.alter(sql)
    assert_alerted(world, kind, code, seen)


def test_an_enum_without_our_statuses(world: World) -> None:
    world.venue.alter(
        f"ALTER TABLE {BOOKINGS} DROP CONSTRAINT {BOOKINGS}_status_check, ALTER COLUMN status DROP DEFAULT; "
        "CREATE TYPE booking_status AS ENUM ('draft', 'booked', 'cancelled'); "
        f"ALTER TABLE {BOOKINGS} ALTER COLUMN status TYPE booking_status USING 'booked'"
    )
    assert_alerted(world, CALENDAR, "value_forbidden", "cannot hold confirmed")


def test_no_visible_row_where_the_statistics_say_otherwise(world: World) -> None:
    world.venue.booking()
    world.venue.alter("ANALYZE")
    world.venue.sql(f"SET LOCAL session_replication_role = replica; DELETE FROM {BOOKINGS}")
    assert_alerted(world, SMS, "no_rows", "appears empty")
    world.venue.sql("ANALYZE")
    assert all(result.faults == () for result in world.once().values())
    assert world.gaps() == {}, "a mended integration closes its own gap"


def test_an_empty_new_table_is_no_fault(world: World) -> None:
    assert {(result.faults, result.exit_code) for result in world.once().values()} == {((), Exit.AS_DESIRED)}


def test_the_remedy_s_sql_fixes_it_and_repairs_resume_by_themselves(world: World) -> None:
    world.venue.booking()
    world.venue.alter(f"REVOKE INSERT ON {QUEUE} FROM reconciler_job; DROP POLICY reconciler_insert ON {QUEUE}")
    broken = world.texts()
    assert len(broken.faults) == 2
    for fault in broken.faults:
        world.venue.sql(fault.sql)
    assert world.texts().repaired == 1
    assert world.gaps() == {}


def test_a_sequence_is_opened_by_the_line_that_is_told(world: World) -> None:
    world.venue.booking()
    world.venue.alter(
        f"ALTER TABLE {QUEUE} ADD COLUMN number bigserial, ADD COLUMN own bigint GENERATED ALWAYS AS IDENTITY"
    )
    (fault,) = world.texts().faults
    world.venue.sql(fault.sql)
    assert world.texts().repaired == 1


def test_a_restrictive_policy_is_named_and_no_further_policy_is_asked_for(world: World) -> None:
    world.venue.booking()
    world.venue.alter(f"CREATE POLICY narrow ON {QUEUE} AS RESTRICTIVE FOR SELECT USING (priority = 3)")
    (fault,) = world.texts().faults
    assert (fault.remedy, fault.sql) == (
        "exempt the role of DATABASE_URL from the restrictive policy narrow",
        "",
    )
    world.venue.sql(f"ALTER POLICY narrow ON {QUEUE} TO venue_app")
    assert world.texts().repaired == 1


def test_a_trigger_of_the_application_that_rejects_one_row_stops_only_that(world: World) -> None:
    poisoned, fine = world.venue.booking(customer_name="Poison"), world.venue.booking()
    world.venue.alter(
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF NEW.customer_name = 'Poison' THEN RAISE EXCEPTION 'secret 07700900101'; END IF; RETURN NEW; END $$; "
        f"CREATE TRIGGER no BEFORE INSERT ON {QUEUE} FOR EACH ROW EXECUTE FUNCTION no()"
    )
    result = world.texts()
    assert (result.repaired, result.needs_human, result.left) == (1, 1, 0)
    assert world.gaps() == {(SMS, poisoned): ("blocked", "sqlstate:P0001")}
    assert world.venue.sql(f"SELECT booking_id::text FROM {QUEUE} WHERE status = 'sent'") == [(fine,)]


def test_checks_read_what_the_reader_role_may_see(bare_venue: Venue) -> None:
    """SELECT rights alone, before `migrate`: no fault, because nothing would be written."""
    bare_venue.booking()
    results = scan_as_reader(bare_venue)
    found = {result.kind: (result.faults, result.plan.decided.total()) for result in results if result.plan}
    assert found == {SMS: ((), 1), GapKind.SMS_STUCK: ((), 0), GapKind.SMS_UNPROVEN: ((), 0), CALENDAR: ((), 1)}
