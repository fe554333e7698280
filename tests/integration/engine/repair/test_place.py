"""An installation is bound to its place: B2, and what a failover, a move and a new ledger mean."""

import html
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import requests

from reconciler.cli import main
from reconciler.domain.gaps import Effect
from reconciler.errors import Exit, UnsafePlace
from reconciler.web.server import bind, serving
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
        copy.venue.booking()
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


def test_an_identifier_that_may_not_be_read_is_shown_and_refuses_nothing(world: World) -> None:
    function = "FUNCTION pg_control_system()"
    world.venue.alter(f"REVOKE EXECUTE ON {function} FROM PUBLIC")
    world.venue.booking()
    assert world.texts().repaired == 1
    with copy_of(world) as copy, pytest.raises(UnsafePlace):
        copy.texts()  # its oid is another one
    world.venue.sql(f"GRANT EXECUTE ON {function} TO PUBLIC")


def test_the_question_which_place_it_is_needs_no_decision_at_home(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.venue.booking()
    world.texts()
    before = world.venue.rows("reconciler.installation")
    for option in ("--same-installation", "--new-installation"):
        assert command(world, monkeypatch, "migrate", option) == Exit.AS_DESIRED
    assert world.venue.rows("reconciler.installation") == before
