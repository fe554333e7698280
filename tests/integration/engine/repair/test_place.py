"""An installation is bound to its place: B2, and what a failover, a move and a new ledger mean."""

import html
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import requests

from reconciler.cli import main
from reconciler.domain.decide.verdicts import Hold, Refusal
from reconciler.domain.gaps import Effect
from reconciler.domain.place import UNBIND
from reconciler.errors import Exit, UnsafePlace
from reconciler.store.migrate import upgrade
from reconciler.web.server import bind, serving
from tests.support.application_db import ANA, BEA
from tests.support.sandbox_world import World

NUMBERS = ["+447700900101", "+447700900103", "+447700900104", "+447700900105"]


@contextmanager
def copy_of(world: World) -> Iterator[World]:
    """A copy of the database that is used with all of the original's keys: staging, on a bad day."""
    venue, name = world.venue, f"{world.venue.name}_copy"
    venue.close()
    venue.postgres.create_database(name, venue.name)
    venue = replace(world.venue, name=name, _open={})
    copy = World(venue, world.sandbox, world.clock, world.edits, {**world.environment, "DATABASE_URL": venue.url()})
    try:
        yield copy
    finally:
        copy.venue.close()
        venue.postgres.drop_database(name)


def command(world: World, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The command in this process, with the sandbox's variables."""
    world.write_settings()
    for name, value in {**world.sandbox.environment(), **world.environment}.items():
        monkeypatch.setenv(name, value)
    return main.run(list(arguments))


def page_of(world: World) -> str:
    settings = world.settings()
    with serving(bind("127.0.0.1:0", settings), settings) as page:
        return html.unescape(requests.get(page.url, timeout=20).text)


def test_b2_a_copy_with_the_keys_of_production_does_nothing(world: World) -> None:
    bookings = [world.venue.booking(contact_phone=number) for number in NUMBERS]
    world.events()
    with copy_of(world) as copy:
        copy.venue.sql("UPDATE private_bookings SET status = 'cancelled' WHERE id <> %s", bookings[0])
        events, messages = len(world.sandbox.google.live()), len(world.sandbox.twilio.messages)
        for jobs in (("sms_missing",), ("calendar_missing",), ("unsettled_repairs",), ("ledger_retention",)):
            with pytest.raises(UnsafePlace, match="not the one that the installation is bound to") as refused:
                copy.once(jobs=jobs)
            assert refused.value.exit_code is Exit.REFUSED_AS_UNSAFE
            for option in ("--same-installation", "--new-installation"):
                assert f"reconciler migrate {option}" in refused.value.advice
        assert (len(world.sandbox.google.live()), len(world.sandbox.twilio.messages)) == (events, messages)
    assert world.texts().repaired == 4, "the original is not disturbed"


@pytest.mark.parametrize(
    "arguments", [("once", "--do"), ("backfill", "--do"), ("run",), ("migrate",), ("resolve", "1a", "--drop", "--do")]
)
def test_whatever_acts_in_a_copy_exits_4_and_prints_both_commands(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    world.venue.booking()
    world.texts()
    with copy_of(world) as copy:
        assert command(copy, monkeypatch, *arguments) == Exit.REFUSED_AS_UNSAFE
        said = capsys.readouterr().err
    assert "migrate --same-installation" in said
    assert "migrate --new-installation" in said


@pytest.mark.parametrize("arguments", [("once",), ("backfill",), ("resolve",)])
def test_looking_at_a_copy_works_and_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    world.venue.booking()
    world.texts()
    with copy_of(world) as copy:
        copy.venue.booking(created_at=datetime.now(UTC))
        code = command(copy, monkeypatch, *arguments)
        assert code in (Exit.AS_DESIRED, Exit.WORK_LEFT)
        assert "acting is refused" in capsys.readouterr().err
        assert command(copy, monkeypatch, "status") == Exit.REFUSED_AS_UNSAFE
        assert "migrate --new-installation" in capsys.readouterr().out
        page = page_of(copy)
    assert "migrate --same-installation" in page
    assert "migrate --new-installation" in page


def test_a_database_that_was_moved_goes_on_once_a_person_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    booking = world.venue.booking()
    world.events()
    with copy_of(world) as copy:
        copy.venue.sql("UPDATE private_bookings SET calendar_event_id = NULL")
        assert command(copy, monkeypatch, "migrate", "--same-installation") == Exit.AS_DESIRED
        assert copy.events().repaired == 1
        assert copy.venue.stored_event(booking) == world.venue.stored_event(booking), "it is the same installation"
        assert command(copy, monkeypatch, "migrate") == Exit.AS_DESIRED
    assert len(world.sandbox.google.live()) == 1


def test_a_copy_with_a_life_of_its_own_leaves_the_originals_events_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking = world.venue.booking()
    world.events()
    kept = world.venue.stored_event(booking)
    with copy_of(world) as copy:
        assert command(copy, monkeypatch, "migrate", "--new-installation") == Exit.AS_DESIRED
        copy.venue.sql("UPDATE private_bookings SET status = 'cancelled'")
        copy.events()
        (there, original) = (one.venue.sql("SELECT id FROM reconciler.installation") for one in (copy, world))
    assert there != original
    assert [event["id"] for event in world.sandbox.google.live()] == [kept]


def test_what_the_original_has_planned_is_not_done_by_a_new_installation(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.configure(limits=", pass: 1")
    for number in NUMBERS[:2]:
        world.venue.booking(contact_phone=number)
    world.texts()
    with copy_of(world) as copy:
        assert command(copy, monkeypatch, "migrate", "--new-installation") == Exit.AS_DESIRED
        assert "planned" not in copy.states(Effect.SMS).values()


def test_b2_a_copy_that_is_older_than_the_place_does_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The schema was brought up to date as SQL, so that nobody was asked what this database is."""
    bookings = [world.venue.booking(contact_phone=number) for number in NUMBERS]
    world.both()
    kept = world.sandbox.google.live()
    world.venue.forget_place()
    with copy_of(world) as copy:
        copy.venue.sql("UPDATE private_bookings SET status = 'cancelled' WHERE id <> %s", bookings[0])
        for jobs in (("sms_missing",), ("calendar_missing",), ("unsettled_repairs",)):
            with pytest.raises(UnsafePlace, match="is bound to no database") as refused:
                copy.once(jobs=jobs)
            assert "reconciler migrate --new-installation" in refused.value.advice
        assert command(copy, monkeypatch, "status") == Exit.REFUSED_AS_UNSAFE
        assert command(copy, monkeypatch, "migrate", "--new-installation") == Exit.AS_DESIRED
        assert "as a new installation" in capsys.readouterr().out
        copy.events()
    assert world.sandbox.google.live() == kept
    assert len(world.sent_to()) == len(NUMBERS)


@pytest.mark.parametrize("option", [[], ["--same-installation"]])
def test_a_ledger_that_is_older_than_the_place_goes_on_once_a_person_migrates(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: list[str]
) -> None:
    world.venue.booking()
    world.events()
    world.venue.forget_place()
    before = world.venue.sql("SELECT id FROM reconciler.installation")
    assert command(world, monkeypatch, "migrate", *option) == Exit.AS_DESIRED
    said = capsys.readouterr().out
    assert ("caution begins" in said) is bool(option)
    assert ("SET database_oid = NULL" in said) is not option
    world.venue.booking(contact_phone=BEA)
    assert world.events().repaired == 1
    assert world.venue.sql("SELECT id FROM reconciler.installation") == before


def test_a_copy_that_was_bound_by_mistake_can_become_an_installation_of_its_own(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.venue.booking()
    world.events()
    kept = world.sandbox.google.live()
    world.venue.forget_place()
    with copy_of(world) as copy:
        assert command(copy, monkeypatch, "migrate") == Exit.AS_DESIRED
        copy.venue.sql(UNBIND)
        assert command(copy, monkeypatch, "migrate", "--new-installation") == Exit.AS_DESIRED
        copy.venue.sql("UPDATE private_bookings SET status = 'cancelled'")
        copy.events()
    assert world.sandbox.google.live() == kept


BOUND = "SELECT system_identifier, database_oid, timeline FROM reconciler.installation"


@pytest.mark.parametrize(
    "unread", ["system_identifier = ''", "timeline = NULL", "system_identifier = '', timeline = NULL"]
)
def test_what_becomes_readable_is_bound(world: World, unread: str) -> None:
    """The doctor's GRANT was given after the first run."""
    world.venue.booking()
    world.events()
    before = world.venue.sql(BOUND)
    world.venue.sql(f"UPDATE reconciler.installation SET {unread}")
    assert world.events().exit_code is Exit.AS_DESIRED
    assert world.venue.sql(BOUND) == before
    assert about_place(world) == []


def test_what_was_readable_stays_bound(world: World) -> None:
    world.venue.booking()
    world.events()
    ((system, _, _),) = world.venue.sql(BOUND)
    world.venue.alter("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
    fail_over(world)
    world.events()
    ((bound, _, _),) = world.venue.sql(BOUND)
    assert bound == system
    assert about_place(world) == ["opened"]


def test_an_identifier_that_may_not_be_read_is_shown_and_refuses_nothing(world: World) -> None:
    function = "FUNCTION pg_control_system()"
    world.venue.alter(f"REVOKE EXECUTE ON {function} FROM PUBLIC")
    world.venue.booking()
    assert world.texts().repaired == 1
    with copy_of(world) as copy, pytest.raises(UnsafePlace):
        copy.texts()  # its oid is another one
    world.venue.sql(f"GRANT EXECUTE ON {function} TO PUBLIC")


_REFUSES = """
    SET allow_system_table_mods = on;
    ALTER FUNCTION pg_catalog.{name}() RENAME TO {name}_of_postgres;
    CREATE FUNCTION pg_catalog.{name}({returned} LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'WAL control functions cannot be executed' USING ERRCODE = '55000'; END $$
"""
RETURNED = {"pg_current_wal_lsn": ") RETURNS pg_lsn", "pg_control_system": "OUT system_identifier bigint)"}


@pytest.mark.parametrize("refused", [["pg_current_wal_lsn"], ["pg_control_system"], list(RETURNED)], ids="+".join)
def test_a_managed_server_that_refuses_what_its_privileges_allow_is_repaired(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], refused: list[str]
) -> None:
    """Aurora has no WAL of its own: everybody may call pg_current_wal_lsn(), and it fails."""
    for function in refused:
        world.venue.alter(_REFUSES.format(name=function, returned=RETURNED[function]))
    world.venue.booking()
    assert world.texts().repaired == 1
    world.venue.booking(created_at=datetime.now(UTC))
    assert command(world, monkeypatch, "once") in (Exit.AS_DESIRED, Exit.WORK_LEFT)
    assert command(world, monkeypatch, "migrate") == Exit.AS_DESIRED
    command(world, monkeypatch, "doctor")
    assert ("a failover is not noticed" in capsys.readouterr().out) is ("pg_current_wal_lsn" in refused)
    with copy_of(world) as copy, pytest.raises(UnsafePlace):
        copy.texts()  # its oid is another one


def test_the_question_which_place_it_is_needs_no_decision_at_home(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.venue.booking()
    world.texts()
    before = world.venue.rows("reconciler.installation")
    for option in ("--same-installation", "--new-installation"):
        assert command(world, monkeypatch, "migrate", option) == Exit.AS_DESIRED
    assert world.venue.rows("reconciler.installation") == before


# Caution


def cautious(world: World, reason: str = "new_timeline", minutes: int = 10) -> None:
    """As if caution had begun that long ago, by the database's clock. The world's clock stands in June."""
    world.venue.sql(
        "UPDATE reconciler.installation SET caution_since = now() - make_interval(mins => %s), caution_reason = %s",
        minutes, reason,
    )  # fmt: skip


def fail_over(world: World) -> None:
    """The server has another timeline than the one the ledger knows."""
    world.venue.sql("UPDATE reconciler.installation SET timeline = timeline - 1")


def known_message(world: World) -> None:
    """The control: a message to somebody else that has arrived."""
    world.sandbox.twilio.add_message(BEA, "Hello", world.clock.now() - timedelta(hours=1))


def about_place(world: World) -> list[str]:
    tags = [event["tags"] for event in world.sandbox.sentry.events]
    return [tag["what"] for tag in tags if tag["kind"] == "integration.place"]


def test_a_failover_is_alerted_once_and_stops_no_event(world: World) -> None:
    world.venue.booking()
    world.events()
    fail_over(world)
    world.venue.booking(contact_phone=BEA)
    assert world.events().repaired == 1
    assert world.events().exit_code is Exit.AS_DESIRED
    assert about_place(world) == ["opened"]
    assert "integration.place" not in {kind for kind, _ in world.gaps()}


def test_b3_after_a_failover_an_earlier_booking_is_texted_under_the_control_only(world: World) -> None:
    world.events()
    fail_over(world)
    world.venue.booking(calendar_event_id="there")
    known_message(world)
    assert world.texts().attempts == {("held", Hold.CAUTION): 1}, "nothing before limits.settle"
    assert world.texts().repaired == 0
    world.venue.sql("UPDATE reconciler.intent SET not_before = NULL")
    cautious(world)
    assert world.texts().attempts == {("sent", ""): 1}
    assert world.sent_to().count(ANA) == 1


def test_without_a_control_caution_holds_until_the_deadline_then_needs_a_human(world: World) -> None:
    one = world.venue.booking(calendar_event_id="there")
    cautious(world)
    assert world.texts().attempts == {("held", Hold.CAUTION): 1}
    assert world.gaps()["sms.missing", one] == ("unknown_outcome", Hold.CAUTION)
    world.later(seconds=10)
    assert world.texts().attempts == {}, "it waits, and the queue is left as it is"
    world.later(days=3)
    world.texts()
    assert world.gaps()["sms.missing", one] == ("too_late", Refusal.OLD)
    assert world.sent_to() == []


def test_what_was_sent_before_the_failover_is_adopted_although_the_list_lagged(world: World) -> None:
    """The promoted standby had not received the last transaction, and Twilio's list did not show the text yet."""
    one = world.venue.booking(calendar_event_id="there")
    world.sandbox.twilio.list_lag = timedelta(hours=1)
    known_message(world)
    assert world.texts().repaired == 1
    world.venue.sql("DELETE FROM reconciler.intent; DELETE FROM private_booking_sms_queue")
    fail_over(world)
    assert world.texts().attempts == {("held", Hold.CAUTION): 1}
    world.sandbox.twilio.list_lag = timedelta(0)
    world.venue.sql("UPDATE reconciler.intent SET not_before = NULL")
    cautious(world)
    assert world.texts().attempts == {("adopted", ""): 1}
    assert (world.sent_to().count(ANA), world.states()) == (1, {one: "done"})


def test_bookings_made_after_the_failover_are_texted_at_once(world: World) -> None:
    world.venue.booking(calendar_event_id="there")
    world.venue.sql(
        "UPDATE reconciler.installation SET caution_since = %s, caution_reason = 'new_timeline'",
        world.clock.now() - timedelta(hours=2),
    )
    assert world.texts().attempts == {("sent", ""): 1}


@pytest.mark.parametrize(("made", "lists"), [("after", 3), ("before", 2 * 3 + 2)])
def test_caution_asks_no_more_than_it_must(world: World, made: str, lists: int) -> None:
    """Nothing of a booking that was made after it; of the others once more each, and for the control once a pass."""
    for number in NUMBERS[:3]:
        world.venue.booking(contact_phone=number, calendar_event_id="there")
    known_message(world)
    since = world.clock.now() - timedelta(hours=2 if made == "after" else 0)
    world.venue.sql(
        "UPDATE reconciler.installation SET caution_since = %s, caution_reason = 'new_timeline'",
        since,
    )
    before = world.sandbox.twilio.asked["messages.list"]
    assert world.texts().attempts == {("sent", ""): 3}
    assert world.sandbox.twilio.asked["messages.list"] - before == lists


def test_b4_a_dropped_schema_begins_with_caution(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.venue.booking()
    world.events()
    world.venue.booking(contact_phone=BEA, calendar_event_id="there")
    world.venue.alter("DROP SCHEMA reconciler CASCADE; CREATE SCHEMA reconciler AUTHORIZATION reconciler_job")
    assert command(world, monkeypatch, "migrate") == Exit.AS_DESIRED
    assert "caution begins" in capsys.readouterr().out
    assert world.texts().attempts == {("held", Hold.CAUTION): 2}
    assert command(world, monkeypatch, "status") == Exit.WORK_LEFT
    assert "caution since" in capsys.readouterr().out


def lose_ledger(world: World) -> None:
    """The schema is there again, and the command ended before it went on."""
    world.venue.alter("DROP SCHEMA reconciler CASCADE; CREATE SCHEMA reconciler AUTHORIZATION reconciler_job")
    with world.venue.database() as database:
        upgrade(database)


def test_a_lost_ledger_is_noticed_although_the_first_migrate_was_killed(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.venue.booking(calendar_event_id="there")
    world.texts()
    lose_ledger(world)
    assert command(world, monkeypatch, "migrate") == Exit.AS_DESIRED
    assert "caution begins: the ledger is new" in capsys.readouterr().out
    assert command(world, monkeypatch, "migrate") == Exit.AS_DESIRED
    assert "caution begins" not in capsys.readouterr().out


def test_a_lost_ledger_is_noticed_by_the_first_run_if_the_schema_was_made_as_sql(world: World) -> None:
    world.venue.booking(contact_phone=BEA)
    world.texts()
    lose_ledger(world)
    world.venue.booking(calendar_event_id="there")
    assert world.texts().attempts == {("held", Hold.CAUTION): 1}
    assert about_place(world) == ["opened"]
    world.texts()
    assert about_place(world) == ["opened"]


def test_a_failover_that_migrate_meets_is_alerted_too(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.venue.booking(calendar_event_id="there")
    world.texts()
    fail_over(world)
    assert command(world, monkeypatch, "migrate") == Exit.AS_DESIRED
    assert "caution begins: the database has a new timeline" in capsys.readouterr().out
    world.clock.moment = datetime.now(UTC)
    world.texts()
    assert about_place(world) == ["opened"]


def test_the_first_ledger_of_a_venue_begins_without_caution(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.venue.booking(calendar_event_id="there")
    world.venue.alter("DROP SCHEMA reconciler CASCADE; CREATE SCHEMA reconciler AUTHORIZATION reconciler_job")
    assert command(world, monkeypatch, "migrate") == Exit.AS_DESIRED
    assert "caution" not in capsys.readouterr().out
    assert world.texts().repaired == 1


@pytest.mark.parametrize("setting", ["off", "local"])
def test_the_transaction_that_says_sending_survives_a_power_cut(world: World, setting: str) -> None:
    """`ALTER DATABASE .. SET synchronous_commit = off` is for the application's writes."""
    world.venue.alter(
        f"ALTER DATABASE {world.venue.name} SET synchronous_commit = '{setting}';"
        "CREATE TABLE seen (state text, setting text); GRANT INSERT ON seen TO reconciler_job;"
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " INSERT INTO public.seen VALUES (NEW.state, current_setting('synchronous_commit')); RETURN NULL; END $$;"
        "CREATE TRIGGER note AFTER UPDATE ON reconciler.intent FOR EACH ROW EXECUTE FUNCTION note()"
    )
    world.venue.booking()
    world.both()
    assert {one for state, one in world.venue.sql("SELECT * FROM seen") if state == "sending"} == {"on"}
