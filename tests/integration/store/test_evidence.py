"""``evidence`` and ``record``: what shows an effect beside the queue, and where our own word goes."""

from datetime import timedelta
from typing import Any

import pytest
from reconciler_jobs import fire_drill

from reconciler.cli.explain import ExplanationPrinter
from reconciler.domain.bookings import reference
from reconciler.domain.gaps import Effect
from reconciler.engine.explain import explanation
from reconciler.web.booking_view import BookingView
from tests.support.application_db import ANA, BEA
from tests.support.sandbox_world import World

QUEUELESS = """
    DROP TABLE private_booking_sms_queue CASCADE;
    ALTER TABLE private_bookings DISABLE TRIGGER USER;
    ALTER TABLE private_bookings DROP COLUMN calendar_event_id;
    REVOKE ALL ON private_bookings, customers FROM reconciler_job;
    GRANT SELECT ON private_bookings, customers TO reconciler_job
"""
BOOKINGS = ", columns: {event_id: null}"
MORE_TABLES = """
    ALTER TABLE private_bookings ADD texted timestamptz, ADD texted_sid text, ADD is_texted boolean,
        ADD code text DEFAULT md5(random()::text);
    CREATE TABLE messages (id serial, booking uuid, direction text, kind text, sid text, recipient text,
                           sent timestamp);
    CREATE TABLE sms_log (id serial, receiver text, sent_at timestamptz, category text, sid text,
                          receiver_number bigint);
    CREATE VIEW messages_seen AS SELECT * FROM messages;
    CREATE TABLE event_links (id serial, booking_code text, provider text, uid text);
    GRANT SELECT ON messages, messages_seen, sms_log, event_links, private_bookings TO reconciler_job;
    GRANT ALL ON messages, sms_log, event_links, private_bookings TO venue_app;
    GRANT USAGE ON messages_id_seq, sms_log_id_seq, event_links_id_seq TO venue_app
"""
ROWS = """rows: {table: messages, on: {booking: id}, where: {direction: out}, trigger: kind, sid: sid,
               number: recipient, at: {utc: sent}}"""
LOG = "log: {table: sms_log, number: receiver, at: sent_at, where: {category: confirmation}, sid: sid}"
LINKS = "{rows: {table: event_links, on: {booking_code: code}, event_id: uid, where: {provider: google}}}"


def alone(world: World, **edits: str) -> World:
    """The application has bookings and customers, and our role may only read them."""
    world.venue.alter(QUEUELESS)
    world.configure(bookings=BOOKINGS, texts=", queue: off", **edits)
    return world


def shown_by(world: World, sms: str = "", calendar: str = "", record: str = "{}") -> None:
    world.configure(more=f"evidence: {{sms: [{sms}], calendar: [{calendar}]}}\nrecord: {record}")


# The ledger alone


def test_a_whole_life_without_writing_into_the_tables_of_the_application(world: World) -> None:
    alone(world)
    booking = world.venue.booking(status="draft")
    before = world.venue.checksum()
    world.both()
    assert (world.sent_to(), len(world.sandbox.google.live()), world.gaps()) == ([ANA], 1, {})
    for _ in range(2):
        world.later(minutes=10)
        results = world.both()
        assert [result.attempts for result in results.values()] == [{}, {}]
    assert world.venue.checksum() == before

    world.venue.sql("UPDATE private_bookings SET status = 'confirmed' WHERE id = %s", booking)
    world.both()
    world.later(minutes=30)
    world.both()
    assert world.sent_to() == [ANA, ANA], "another text is called for now"
    (event,) = world.sandbox.google.live()

    world.venue.sql("UPDATE private_bookings SET event_date = event_date + 1 WHERE id = %s", booking)
    for _ in range(3):
        world.later(minutes=10)
        world.both()
    (moved,) = world.sandbox.google.live()
    assert moved["start"] != event["start"]

    world.venue.sql("UPDATE private_bookings SET status = 'cancelled' WHERE id = %s", booking)
    world.both()
    assert (world.sandbox.google.live(), world.gaps(), len(world.sent_to())) == ([], {}, 2)


def test_a_ledger_of_yesterday_sends_nothing_twice(world: World) -> None:
    alone(world)
    world.sandbox.twilio.add_message("+447700900999", "a text of yesterday's", world.clock.moment)
    bookings = [world.venue.booking(contact_phone=number) for number in (ANA, BEA)]
    world.both()
    assert sorted(world.sent_to()[1:]) == [ANA, BEA]
    world.venue.sql("DELETE FROM reconciler.intent; DELETE FROM reconciler.gap")
    world.later(minutes=10)
    for _ in range(4):
        world.both()
        world.later(minutes=10)
    assert sorted(world.sent_to()[1:]) == [ANA, BEA]
    assert len(world.sandbox.google.live()) == 2
    assert world.states() == world.states(Effect.CALENDAR) == dict.fromkeys(bookings, "done")


def test_an_id_that_comes_again_is_another_booking(world: World) -> None:
    alone(world)
    booking = world.venue.booking()
    world.both()
    world.venue.sql("DELETE FROM private_bookings")
    world.later(hours=3)
    world.venue.booking(id=booking, contact_phone=BEA, event_date=(world.venue.now + timedelta(days=20)).date())
    world.later(hours=1)
    for _ in range(3):
        world.both()
        world.later(minutes=15)
    assert world.sent_to() == [ANA, BEA]


def test_the_limit_per_recipient_counts_what_only_the_ledger_knows(world: World) -> None:
    alone(world, limits=", per_recipient: 2/24h")
    for day in range(3):
        world.venue.booking(event_date=(world.venue.now + timedelta(days=7 + day)).date())
    world.texts()
    world.texts()
    assert len(world.sent_to()) == 2
    assert [reason for _, reason in world.gaps().values()] == ["per_recipient"]
    world.later(hours=25)
    world.texts()
    assert len(world.sent_to()) == 3


def test_select_is_enough_for_everything(world: World) -> None:
    alone(world)
    world.venue.migrate()
    world.venue.booking()
    results = world.once(jobs=("integrations",))
    assert world.gaps() == {}, results
    with world.services() as services:
        (result,) = fire_drill.run(services)
    assert not result.faults, result.faults


def test_a_first_look_needs_no_ledger(world: World) -> None:
    alone(world)
    world.venue.alter("DROP SCHEMA reconciler CASCADE")
    world.venue.booking()
    results = world.both(act=False)
    assert [(result.faults, result.plan and result.plan.gaps) for result in results.values()] == [((), 1), ((), 1)]


# What else shows a text

INTO_ROWS = "INSERT INTO messages (booking, direction, kind, sid) SELECT id, {} FROM private_bookings"
INTO_LOG = "INSERT INTO sms_log (receiver, sent_at, category) SELECT {}, 'confirmation' FROM private_bookings"
SHOWN = {
    "a time": ("{column: texted}", "UPDATE private_bookings SET texted = now()"),
    "a sid": ("{column: texted_sid}", "UPDATE private_bookings SET texted_sid = 'SM1'"),
    "a truth value": ("{column: is_texted}", "UPDATE private_bookings SET is_texted = true"),
    "a row": (f"{{{ROWS}}}", INTO_ROWS.format("'out', 'booking_confirmed', 'SM1'")),
    "a row without a kind": (f"{{{ROWS}}}", INTO_ROWS.format("'out', NULL, NULL")),
    "a line of the log": (f"{{{LOG}}}", INTO_LOG.format("'07700 900101', created_at + interval '1 second'")),
    "digits alone": (f"{{{LOG}}}", INTO_LOG.format("'447700900101', now()")),
    "a number as bigint": (
        f"{{{LOG}}}".replace("receiver", "receiver_number"),
        INTO_LOG.format("447700900101, now()").replace("receiver", "receiver_number"),
    ),
    "a row of a view": (
        f"{{{ROWS}}}".replace("messages", "messages_seen"),
        INTO_ROWS.format("'out', 'booking_confirmed', 'SM1'"),
    ),
    "one of several": (f"{{column: texted}}, {{{LOG}}}, {{{ROWS}}}", INTO_ROWS.format("'out', NULL, NULL")),
}
NOT_SHOWN = {
    "false": ("{column: is_texted}", "UPDATE private_bookings SET is_texted = false"),
    "empty": ("{column: texted_sid}", "UPDATE private_bookings SET texted_sid = ''"),
    "of another status": ("{column: texted, statuses: [draft]}", "UPDATE private_bookings SET texted = now()"),
    "a row that does not count": (f"{{{ROWS}}}", INTO_ROWS.format("'in', NULL, NULL")),
    "of another kind": (f"{{{ROWS}}}", INTO_ROWS.format("'out', 'reminder', NULL")),
    "another's number": (f"{{{LOG}}}", INTO_LOG.format("'07700 900102', now()")),
    "before the booking": (f"{{{LOG}}}", INTO_LOG.format("contact_phone, created_at - interval '1 second'")),
    "no number": (f"{{{LOG}}}", INTO_LOG.format("'n/a', now()")),
}


@pytest.mark.parametrize(("evidence", "said"), SHOWN.values(), ids=SHOWN)
@pytest.mark.parametrize("queue", ["", ", queue: off"], ids=["beside the queue", "without a queue"])
def test_each_way_is_enough(world: World, evidence: str, said: str, queue: str) -> None:
    world.venue.alter(MORE_TABLES)
    world.configure(texts=queue)
    shown_by(world, evidence)
    world.venue.booking()
    world.venue.sql(said)
    result = world.texts()
    assert (result.faults, result.plan and result.plan.gaps, world.sent_to()) == ((), 0, [])


@pytest.mark.parametrize(("evidence", "said"), NOT_SHOWN.values(), ids=NOT_SHOWN)
def test_what_does_not_count_shows_nothing(world: World, evidence: str, said: str) -> None:
    world.venue.alter(MORE_TABLES)
    shown_by(world, evidence)
    world.venue.booking()
    world.venue.sql(said)
    result = world.texts()
    assert (result.faults, result.plan and result.plan.gaps, world.sent_to()) == ((), 1, [ANA])


def test_a_value_that_evidence_never_holds_is_named_by_its_key(world: World) -> None:
    world.venue.alter(MORE_TABLES)
    world.venue.booking()
    shown_by(world, f"{{{ROWS}}}".replace("direction: out", "sent: out"))
    (fault,) = world.texts().faults
    assert "messages.sent is timestamp without time zone, and can never hold out" in fault.seen
    assert "the `where` of public.messages under evidence" in fault.remedy
    assert not world.sent_to()


def test_a_message_that_a_row_names_is_never_taken_for_ours(world: World) -> None:
    world.venue.alter(MORE_TABLES)
    world.configure(texts=", queue: off")
    shown_by(world, f"{{{ROWS}}}")
    booking = world.venue.booking()
    text = f"Reminder: your party is soon. {reference(booking)}"
    sid = world.sandbox.twilio.add_message(ANA, text, world.clock.moment - timedelta(minutes=30)).sid
    values = {"booking": booking, "direction": "out", "kind": "reminder", "sid": sid}
    world.venue.insert("messages", values)
    assert world.texts().attempts == {("sent", ""): 1}


def test_a_second_message_in_a_row_is_a_duplicate(world: World) -> None:
    world.venue.alter(MORE_TABLES)
    world.configure(texts=", queue: off")
    shown_by(world, f"{{{ROWS}}}")
    booking = world.venue.booking()
    world.texts()
    world.venue.insert("messages", {"booking": booking, "direction": "out", "kind": "booking_confirmed", "sid": "SMx"})
    world.later(minutes=10)
    world.texts()
    assert ("sms.duplicate", booking) in world.gaps()


def test_rows_and_the_log_count_for_the_limit_per_recipient(world: World) -> None:
    world.venue.alter(MORE_TABLES)
    world.configure(texts=", queue: off", limits=", per_recipient: 2/24h")
    shown_by(world, f"{{{ROWS}}}, {{{LOG}}}")
    world.venue.booking()
    other = world.venue.booking(contact_phone=BEA)
    recent = world.venue.now - timedelta(hours=2)
    row = {"booking": other, "direction": "out", "recipient": ANA, "sent": recent.astimezone().replace(tzinfo=None)}
    world.venue.insert("messages", row)
    line = {"receiver": "07700900101", "sent_at": recent, "category": "confirmation"}
    world.venue.insert("sms_log", line)
    world.texts()
    assert ANA not in world.sent_to()
    assert [reason for _, reason in world.gaps().values()] == ["per_recipient"]


# Where our word goes

ONE_TEXT = ", statuses: [confirmed]"
"""A column cannot tell two texts apart."""
MARKS = {"texted": "timestamptz", "texted_sid": "text", "is_texted": "boolean"}


@pytest.mark.parametrize("column", MARKS)
def test_a_column_of_the_booking_says_that_we_sent(world: World, column: str) -> None:
    world.venue.alter(f"{MORE_TABLES}; GRANT UPDATE ({column}) ON private_bookings TO reconciler_job")
    world.configure(bookings=ONE_TEXT, texts=", queue: off", calendar_policy="off")
    shown_by(world, f"{{column: {column}}}", record="{sms: column}")
    booking = world.venue.booking()
    world.texts()
    (row,) = world.venue.rows("private_bookings")
    (message,) = world.sandbox.twilio.messages
    written = {"texted_sid": message.sid, "is_texted": True}
    assert row[column] == written.get(column, row[column])
    assert row[column]
    before = world.venue.checksum()
    world.later(minutes=10)
    world.texts()
    assert (world.venue.checksum(), world.sent_to(), world.gaps()) == (before, [ANA], {})
    # As after a kill between the ledger and the column.
    world.venue.sql(f"UPDATE private_bookings SET {column} = NULL WHERE id = %s", booking)
    world.later(minutes=10)
    world.texts()
    (again,) = world.venue.rows("private_bookings")
    assert (bool(again[column]), world.sent_to()) == (True, [ANA])


def test_the_drill_and_the_doctor_try_the_column(world: World) -> None:
    world.venue.alter(f"{MORE_TABLES}; GRANT UPDATE (texted) ON private_bookings TO reconciler_job")
    world.venue.migrate()
    world.configure(bookings=ONE_TEXT, texts=", queue: off")
    shown_by(world, "{column: texted}", record="{sms: column}")
    world.venue.booking()
    world.once(jobs=("integrations",))
    assert world.gaps() == {}
    with world.services() as services:
        (result,) = fire_drill.run(services)
    assert not result.faults, result.faults
    world.venue.alter("ALTER TABLE private_bookings ADD CHECK (texted IS NULL)")
    with world.services() as services, services.store.writing() as tx:
        tried = tx.bookings.try_writes(Effect.SMS)
    (note,) = tried.notes
    said = "rejects a trial update of texted: CheckViolation (SQLSTATE 23514, private_bookings_texted_check)"
    assert note.message == f"public.private_bookings {said}"


# Events


@pytest.mark.parametrize("columns", ["", BOOKINGS], ids=["beside the column", "without a column"])
def test_rows_show_events(world: World, columns: str) -> None:
    world.venue.alter(MORE_TABLES)
    world.configure(bookings=columns, texts=", policy: off")
    shown_by(world, calendar=LINKS)
    theirs = world.sandbox.google.put("theirs", world.venue.now, world.venue.now + timedelta(hours=1))
    has, lacks = world.venue.booking(code="a"), world.venue.booking(code="b")
    world.venue.insert("event_links", {"booking_code": "a", "provider": "google", "uid": theirs})
    world.venue.insert("event_links", {"booking_code": "b", "provider": "zoom", "uid": "z1"})
    world.events()
    assert world.states(Effect.CALENDAR) == {lacks: "done"}
    assert len(world.sandbox.google.live()) == 2
    with world.services(act=False) as services, services.store.reading() as tx:
        stored = tx.events.stored_events([has, lacks])
        assert tx.events.names_event(theirs, lacks)
        assert not tx.events.names_event(theirs, has)
    assert stored[has].event_id == theirs
    assert stored[lacks].event_id
    before = world.venue.checksum()
    world.later(minutes=10)
    world.events()
    assert (world.venue.checksum(), len(world.sandbox.google.live()), world.gaps()) == (before, 2, {})


# What cannot be right

UNLIKE = "which it refers to, is uuid: they cannot be compared"
WRONG = {
    "no such table": ("{rows: {table: nowhere, on: {booking: id}}}", "there is no table public.nowhere"),
    "no such column": ("{column: sent_on}", "public.private_bookings lacks 1 column: sent_on"),
    "no such link": ("{rows: {table: messages, on: {booking_id: id}}}", "public.messages lacks 1 column: booking_id"),
    "another type": (
        "{rows: {table: messages, on: {direction: id}}}",
        f"public.messages.direction is text, and public.private_bookings.id, {UNLIKE}",
    ),
    "no such word": (
        "{rows: {table: messages, on: {booking: id}, where: {state: out}}}",
        "public.messages lacks 1 column: state",
    ),
    "no time": (
        "{log: {table: sms_log, number: receiver, at: category}}",
        "public.sms_log.category is text, and timestamp with time zone is needed",
    ),
}


@pytest.mark.parametrize(("evidence", "seen"), WRONG.values(), ids=WRONG)
def test_wrong_evidence_is_named_and_nothing_is_sent(world: World, evidence: str, seen: str) -> None:
    world.venue.alter(MORE_TABLES)
    shown_by(world, evidence)
    world.venue.booking()
    result = world.texts()
    assert [fault.seen for fault in result.faults] == [seen]
    assert world.sent_to() == []


# What is said about it


def test_the_page_and_explain_say_that_a_text_was_sent(world: World) -> None:
    alone(world)
    booking = world.venue.booking()

    def seen() -> tuple[Any, str]:
        settings = world.settings()
        with world.services(act=False) as services:
            explained = explanation.explain(booking, services)
        assert explained is not None
        said = "\n".join(ExplanationPrinter(settings, world.venue.now, {}).lines(explained))
        return BookingView(explained, settings.file, {}, world.venue.now).status()["text"], said

    assert seen()[0]["sent"] is False
    world.both()
    text, said = seen()
    assert text["sent"] is True
    assert "texts     no queue is mapped" in said


def test_a_row_that_was_written_anew_keeps_its_event(world: World) -> None:
    """Some applications delete a booking and insert it again under its id whenever it is edited."""
    alone(world)
    booking = world.venue.booking()
    world.both()
    world.later(minutes=30)
    anew = "UPDATE private_bookings SET created_at = %s WHERE id = %s"
    world.venue.sql(anew, world.venue.now - timedelta(minutes=20), booking)
    for _ in range(8):
        world.both()
        world.later(minutes=15)
    assert (len(world.sandbox.google.live()), world.sent_to(), world.gaps()) == (1, [ANA], {})
    assert len([state for key, trigger, _, state, _ in world.intents() if trigger == "event"]) <= 2


def test_large_tables_want_an_index_on_what_leads_to_the_booking(world: World) -> None:
    world.venue.alter(MORE_TABLES)
    world.venue.alter("ALTER TABLE private_bookings ADD made timestamp")
    world.configure(bookings=", created: {utc: made}")
    shown_by(world, f"{{{ROWS}}}", calendar=LINKS)
    large = "('messages', 'event_links', 'private_bookings')"
    world.venue.alter(f"UPDATE pg_class SET reltuples = 90000 WHERE relname IN {large}")
    with world.services(act=False) as services, services.store.reading() as tx:
        offered = {note.sql.replace('"', "") for note in tx.bookings.notes()}
    for wanted in ("messages (booking)", "messages (sid)", "event_links (booking_code)", "private_bookings (made)"):
        assert f"CREATE INDEX CONCURRENTLY ON public.{wanted};" in offered
