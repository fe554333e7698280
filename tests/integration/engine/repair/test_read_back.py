"""What a repair writes is read back: a table that rewrites or drops it is told by name, before anything leaves (D5)."""

from datetime import timedelta

import pytest

from reconciler.domain.gaps import GapKind
from tests.support.sandbox_world import World

QUEUE, BOOKINGS = "private_booking_sms_queue", "private_bookings"


def trigger(body: str, when: str = "BEFORE INSERT", table: str = QUEUE, name: str = "meddles") -> str:
    return (
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $f$ BEGIN {body} END $f$; "
        f"CREATE TRIGGER {name} {when} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"
    )


REWRITES = {
    "d5_status": (trigger("NEW.status := 'pending'; RETURN NEW;"), "rewritten", "status"),
    "d5_a_new_id": (trigger("NEW.id := gen_random_uuid(); RETURN NEW;"), "row_vanishes", "under its id"),
    "d5_no_error": (trigger("NEW.error_message := NULL; RETURN NEW;"), "rewritten", "error_message"),
    "the trigger": (trigger("NEW.trigger_type := 'booking_created'; RETURN NEW;"), "rewritten", "trigger_type"),
    "the number": (trigger("NEW.recipient_phone := '0' || NEW.recipient_phone; RETURN NEW;"), "rewritten", "phone"),
    "after the insert": (
        trigger(f"UPDATE {QUEUE} SET status = 'pending' WHERE id = NEW.id; RETURN NULL;", "AFTER INSERT"),
        "rewritten",
        "status",
    ),
    "with an update": (
        trigger("NEW.error_message := left(NEW.error_message, 3); RETURN NEW;", "BEFORE UPDATE"),
        "rewritten",
        "error_message",
    ),
    "the provider's id": (
        trigger("NEW.twilio_message_sid := NULL; RETURN NEW;", "BEFORE UPDATE"),
        "rewritten",
        "twilio_message_sid",
    ),
    "an update that is dropped": (trigger("RETURN OLD;", "BEFORE UPDATE"), "rewritten", "error_message"),
    "an update that vanishes": (trigger("RETURN NULL;", "BEFORE UPDATE"), "update_vanishes", "changes no row"),
    "a row that is deleted": (
        trigger(f"DELETE FROM {QUEUE} WHERE id = NEW.id; RETURN NULL;", "AFTER INSERT"),
        "row_vanishes",
        "does not keep it",
    ),
}


@pytest.mark.parametrize(("sql", "code", "said"), REWRITES.values(), ids=REWRITES.keys())
def test_a_queue_that_rewrites_our_rows(world: World, sql: str, code: str, said: str) -> None:
    world.configure(quiet="off")
    booking = world.venue.booking(status="confirmed")
    world.venue.alter(sql)
    for _ in range(3):
        result = world.texts()
        world.later(minutes=10)
    (fault,) = result.faults
    assert (fault.kind, fault.code) == (GapKind.INTEGRATION_SCHEMA, code)
    assert said in fault.seen
    assert "meddles" in fault.remedy, "the trigger by its name"
    assert (world.sent_to(), world.venue.rows(QUEUE)) == ([], []), "nothing left, and no junk row is there"
    assert world.gaps()["sms.missing", booking] == ("blocked", "integration")
    world.venue.alter("DROP FUNCTION meddles CASCADE")
    world.texts()
    assert world.states() == {booking: "done"}


FINE = {
    "the name is tidied": trigger("NEW.customer_name := initcap(NEW.customer_name); RETURN NEW;"),
    "a priority": trigger("NEW.priority := 3; RETURN NEW;"),
    "its own time": trigger("NEW.scheduled_for := now(); RETURN NEW;", "BEFORE INSERT OR UPDATE"),
    "the body gets a link": trigger("NEW.message_body := NEW.message_body || '.'; RETURN NEW;"),
    "rows of the application alone": trigger(
        "IF NEW.template_key <> 'reconciler' THEN NEW.status := 'pending'; END IF; RETURN NEW;"
    ),
}


@pytest.mark.parametrize("sql", FINE.values(), ids=FINE.keys())
def test_what_a_trigger_may_change(world: World, sql: str) -> None:
    world.configure(quiet="off")
    booking = world.venue.booking()
    world.venue.alter(sql)
    assert world.texts().faults == ()
    assert world.states() == {booking: "done"}


EVENTS = {
    "the id is dropped": trigger("NEW.calendar_event_id := NULL; RETURN NEW;", "BEFORE UPDATE", BOOKINGS),
    "the id in capitals": trigger(
        "NEW.calendar_event_id := upper(NEW.calendar_event_id); RETURN NEW;", "BEFORE UPDATE", BOOKINGS
    ),
    "afterwards": trigger(
        f"IF NEW.calendar_event_id IS NOT NULL THEN UPDATE {BOOKINGS} SET calendar_event_id = NULL WHERE id = NEW.id; "
        "END IF; RETURN NULL;",
        "AFTER UPDATE",
        BOOKINGS,
    ),
    "a column that is too short": f"ALTER TABLE {BOOKINGS} ALTER COLUMN calendar_event_id TYPE varchar(40)",
}


@pytest.mark.parametrize("sql", EVENTS.values(), ids=EVENTS.keys())
def test_a_booking_that_does_not_keep_our_event_id(world: World, sql: str) -> None:
    world.venue.booking()
    world.venue.alter(sql)
    for _ in range(2):
        result = world.events()
        world.later(minutes=10)
    assert [fault.kind for fault in result.faults] == [GapKind.INTEGRATION_SCHEMA]
    assert world.sandbox.google.live() == [], "no event that nobody would find again"


def test_a_trigger_that_rewrites_only_this_booking_is_found_before_the_call(world: World) -> None:
    """The trial writes for another booking; the repair reads back its own row."""
    world.configure(quiet="off")
    made = world.venue.now - timedelta(hours=3)
    odd = world.venue.booking(contact_phone="+447700900901", status="draft", created_at=made)
    newest = world.venue.booking(contact_phone="+447700900902", status="draft")
    world.venue.alter(trigger(f"IF NEW.booking_id = '{odd}' THEN NEW.status := 'pending'; END IF; RETURN NEW;"))
    for _ in range(2):
        world.texts()
        world.later(minutes=10)
    assert (world.states()[newest], world.sent_to()) == ("done", ["+447700900902"])
    assert world.gaps()["sms.missing", odd] == ("blocked", "rewritten")
