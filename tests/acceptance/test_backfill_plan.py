"""``reconciler backfill --plan``: what a person has seen is done, and nothing else; what has changed is named."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.domain.bookings import BookingId
from reconciler.errors import Exit
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.postgres import PostgresServer
from tests.support.application_db import Venue
from tests.support.morning import Morning, morning_after

pytestmark = pytest.mark.one_server
SINCE = ("--since", "2026-01-01")
PLAN = "plan.json"
APPLY = ("backfill", "--do", "--plan", PLAN, "--max", "100")
TEXT_IDS = """
    ALTER TABLE private_booking_sms_queue DROP CONSTRAINT IF EXISTS private_booking_sms_queue_booking_id_fkey;
    ALTER TABLE private_booking_sms_queue ALTER COLUMN booking_id TYPE text;
    ALTER TABLE private_bookings ALTER COLUMN id DROP DEFAULT, ALTER COLUMN id TYPE text;
"""


@pytest.fixture
def morning(venue: Venue, tmp_path: Path) -> Iterator[Morning]:
    with morning_after(venue, tmp_path) as morning:
        yield morning


def planned(morning: Morning, *options: str) -> dict[str, Any]:
    """The plan that a look wrote."""
    said = morning.run("backfill", *SINCE, "--plan", PLAN, *options)
    assert f"plan written to {PLAN}: " in said.err, said.err
    found: dict[str, Any] = json.loads((morning.folder / PLAN).read_text())
    return found


def rewritten(morning: Morning, change: Callable[[dict[str, Any]], object]) -> None:
    """The plan's file with a change and the checksum that goes with it."""
    data = json.loads((morning.folder / PLAN).read_text())
    del data["checksum"]
    change(data)
    plain = json.dumps(data, sort_keys=True, separators=(",", ":")).encode()
    checksum = f"sha256:{hashlib.sha256(plain).hexdigest()}"
    (morning.folder / PLAN).write_text(json.dumps({**data, "checksum": checksum}))


def named(out: str) -> dict[str, str]:
    """Booking -> why it is skipped."""
    lines = (line.removeprefix("skipped  ") for line in out.splitlines() if line.startswith("skipped  "))
    return dict(line.split(": ", 1) for line in lines)


def test_what_the_plan_says_is_done_and_nothing_else(morning: Morning) -> None:
    bookings = [morning.booking(number, days=3) for number in range(3)]
    before = morning.venue.checksum()
    plan = planned(morning)
    assert list(plan["effects"]["sms"]["repairs"]) == list(plan["effects"]["calendar"]["repairs"])
    assert set(plan["effects"]["sms"]["repairs"]) == set(bookings)
    assert (morning.venue.checksum(), morning.sandbox.writes()) == (before, {"Twilio": 0, "Google": 0})

    for number in range(3, 5):
        morning.booking(number, days=4)
    done = morning.run(*APPLY)
    assert done.out.splitlines()[:2] == [
        "texts    3 texts in the plan, 3 to repair",
        "events   3 events in the plan, 3 to repair",
    ]
    assert (done.code, morning.sandbox.writes()) == (Exit.AS_DESIRED, {"Twilio": 3, "Google": 3})

    again = morning.run(*APPLY)
    assert again.out.splitlines()[:2] == [
        "texts    3 texts in the plan, 3 in place, 0 to repair",
        "events   3 events in the plan, 3 in place, 0 to repair",
    ]
    assert (again.code, morning.sandbox.writes()) == (Exit.AS_DESIRED, {"Twilio": 3, "Google": 3})


def test_what_has_changed_is_skipped_by_name(morning: Morning) -> None:
    ids = [morning.booking(number, days=3) for number in range(9)]
    moved, renumbered, renamed, cancelled, texted, gone, refuses, over, same = ids
    planned(morning)
    change = "UPDATE private_bookings SET {} WHERE id = %s"
    morning.venue.sql(change.format("start_time = '20:15'"), moved)
    morning.venue.sql(change.format("contact_phone = '+447700900399'"), renumbered)
    morning.venue.sql(change.format("customer_name = 'Bea Cruz'"), renamed)
    morning.venue.sql(change.format("status = 'cancelled'"), cancelled)
    morning.venue.text(texted)
    morning.venue.sql("DELETE FROM private_bookings WHERE id = %s", gone)
    morning.venue.sql(change.format("contact_phone = 'nonsense'"), refuses)
    morning.venue.sql(change.format("event_date = current_date - 2"), over)

    done = morning.run(*APPLY, "--only", "sms")
    assert named(done.out) == {
        moved: "changed since: start",
        renumbered: "changed since: number",
        cancelled: "status not covered",
        gone: "no longer there, or its gap is closed",
        refuses: "phone unusable",
        over: "past",
    }
    assert done.out.splitlines()[0] == "texts    9 texts in the plan, 1 in place, 2 to repair, 6 skipped"
    assert {message.to for message in morning.sandbox.twilio.messages} == {"+447700900302", "+447700900308"}
    assert done.code == Exit.WORK_LEFT

    done = morning.run(*APPLY, "--only", "calendar")
    assert named(done.out) == {
        moved: "changed since: start",
        renamed: "changed since: name, number of guests, occasion or end",
        cancelled: "status not covered",
        gone: "no longer there, or its gap is closed",
        over: "past",
    }
    assert {event["id"] for event in morning.sandbox.google.live()} == {
        morning.venue.stored_event(booking) for booking in (renumbered, texted, refuses, same)
    }


def test_a_booking_that_changes_while_the_plan_is_carried_out_is_not_texted(morning: Morning) -> None:
    (morning.folder / "cron.yaml").write_text("rules: {sms.missing: {quiet_hours: off, queue_failed_resent: no}}\n")
    first, second = morning.booking(1, days=4), morning.booking(2, days=3)
    planned(morning)
    morning.sandbox.twilio.faults.next_calls("messages.create", Fault(kind=Misbehaviour.SLOW, seconds=2))
    child = morning.start(*APPLY, "--only", "sms")
    while not morning.sandbox.twilio.messages:
        assert child.poll() is None, child.communicate()
        time.sleep(0.01)
    morning.venue.sql("UPDATE private_bookings SET start_time = '20:15' WHERE id = %s", second)
    out, err = child.communicate(timeout=30)
    assert "1 not as the plan has it" in out, (out, err)
    assert len(morning.sandbox.twilio.messages) == 1
    intents = dict(morning.venue.sql("SELECT booking, state FROM reconciler.intent"))
    assert intents == {first: "done", second: "dropped"}, "no later pass finishes what nobody has approved"


def test_a_plan_is_for_people_as_well(morning: Morning) -> None:
    booking = morning.booking(1, days=3)
    morning.booking(2, past=True, days=20)
    shown = morning.run("backfill", *SINCE, "--format", "markdown")
    day = datetime.now(UTC).date() + timedelta(days=31)
    assert "## Texts: 1 text to 1 person (1 segment), about 1 min" in shown.out
    assert f"| `{booking}` | `confirmed` | {day} 19:30 | `booking_confirmed` | 1 |" in shown.out
    assert "- not repaired: 1 past" in shown.out
    data = morning.run("backfill", *SINCE, "--format", "json", "--plan", PLAN)
    assert data.out == (morning.folder / PLAN).read_text()
    for personal in ("Ana", "Lima", "7700900301"):
        assert personal not in shown.out + data.out


def test_only_the_oldest_are_planned_under_a_limit(morning: Morning) -> None:
    newest, oldest, middle = (morning.booking(number, days=days) for number, days in enumerate((1, 9, 5)))
    plan = planned(morning, "--limit", "2")
    assert list(plan["effects"]["sms"]["repairs"]) == [oldest, middle]
    assert plan["effects"]["sms"]["left_out"] == {"beyond --limit 2": 1}
    assert morning.run(*APPLY).code == Exit.AS_DESIRED
    assert not morning.venue.stored_event(newest)


def test_ids_that_are_personal_data_stay_here(morning: Morning) -> None:
    morning.venue.alter(TEXT_IDS)
    made = datetime.now(UTC) - timedelta(days=3)
    for number, written in enumerate(("ana.lima@venue.example", "+447700900142", "plain-7")):
        morning.venue.booking(
            id=written,
            contact_phone=f"+4477009003{number:02d}",
            created_at=made,
            event_date=datetime.now(UTC).date() + timedelta(days=30 + number),
        )
    plan = planned(morning)
    names = list(plan["effects"]["sms"]["repairs"])
    assert "plain-7" in names
    assert not [text for text in ("ana.lima", "900142") if text in (morning.folder / PLAN).read_text()]
    morning.venue.sql("UPDATE private_bookings SET start_time = '20:15' WHERE id = '+447700900142'")
    done = morning.run(*APPLY, "--only", "sms")
    assert list(named(done.out).values()) == ["changed since: start"]
    assert "900142" not in done.out
    assert len(morning.sandbox.twilio.messages) == 2


def test_a_plan_that_was_edited_or_is_stale_is_refused(morning: Morning) -> None:
    morning.booking(1, days=3)
    planned(morning)
    path = morning.folder / PLAN
    path.write_text(path.read_text().replace("confirmed", "pending", 1))
    edited = morning.run(*APPLY)
    assert (edited.code, "its checksum does not match: it was edited" in edited.err) == (2, True), edited.err
    path.unlink()
    planned(morning)
    rewritten(morning, lambda data: data.update(made_at="2026-01-01T00:00:00Z"))
    stale = morning.run(*APPLY)
    assert (stale.code, "a plan is good for 7 days" in stale.err) == (2, True), stale.err
    assert morning.sandbox.writes() == {"Twilio": 0, "Google": 0}


def test_a_plan_of_another_database_or_sender_is_refused(
    morning: Morning, postgres: PostgresServer, migrated: str
) -> None:
    morning.booking(1, days=3)
    planned(morning)
    other_sender = morning.run(*APPLY, TWILIO_PHONE_NUMBER="+447700900777")
    assert (other_sender.code, "another sender or calendar" in other_sender.err) == (2, True), other_sender.err
    url = morning.variables["DATABASE_URL"]
    name = f"another_{morning.venue.name}"
    postgres.create_database(name, migrated)
    try:
        elsewhere = morning.run(*APPLY, DATABASE_URL=url.replace(morning.venue.name, name))
        assert elsewhere.code == Exit.REFUSED_AS_UNSAFE, "it is a copy"
        there = {"DATABASE_URL": url.replace(morning.venue.name, name)}
        moved = morning.run("migrate", "--same-installation", **there, OWNER_URL=postgres.url("venue_owner", name))
        assert moved.code == Exit.AS_DESIRED, moved.err
        elsewhere = morning.run(*APPLY, **there)
        assert (elsewhere.code, "is of another database" in elsewhere.err) == (2, True), elsewhere.err
    finally:
        with postgres.connect("postgres") as admin:
            admin.autocommit = True
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    assert morning.sandbox.writes() == {"Twilio": 0, "Google": 0}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--do", "--plan", "nothing.json"), "nothing.json: there is no such file"),
        (("--do", "--plan", "."), ".: is no file"),
        (("--do", "--plan", PLAN, "--limit", "3"), "--limit: --do --plan does what the plan says, and nothing else"),
        (("--do", "--plan", PLAN, *SINCE), "--since: --do --plan does what"),
        (("--do", "--format", "json"), "--format json shows a plan"),
        (("--plan", PLAN), f"{PLAN}: is there already"),
        (("--plan", "no/such/folder.json"), "no/such/folder.json: no such file or directory"),
        (("--limit", "0"), "0 is not in the range x>=1"),
    ],
)
def test_what_cannot_be_meant_is_refused(morning: Morning, arguments: tuple[str, ...], says: str) -> None:
    (morning.folder / PLAN).write_text("somebody has approved this")
    refused = morning.run("backfill", *arguments)
    assert (refused.code, says in refused.err, "Traceback" in refused.err) == (2, True, False), refused.err
    assert (morning.folder / PLAN).read_text() == "somebody has approved this"


def test_without_a_ledger_there_is_no_plan(bare_venue: Venue, tmp_path: Path) -> None:
    with morning_after(bare_venue, tmp_path) as morning:
        booking: BookingId = morning.booking(1, days=3)
        refused = morning.run("backfill", *SINCE, "--plan", PLAN)
    assert (refused.code, "reconciler migrate" in refused.err) == (2, True), (booking, refused.err)
    assert not (tmp_path / PLAN).exists()


@pytest.mark.parametrize("missing", ["TWILIO_PHONE_NUMBER", "TWILIO_AUTH_TOKEN", "GOOGLE_CALENDAR_ID"])
def test_a_plan_is_made_with_the_variables_that_it_is_carried_out_with(morning: Morning, missing: str) -> None:
    """Else it would be bound to no sender, and could never be carried out."""
    morning.booking(1, days=3)
    refused = morning.run("backfill", *SINCE, "--plan", PLAN, **{missing: ""})
    assert (refused.code, missing in refused.err) == (2, True), refused.err
    assert not (morning.folder / PLAN).exists()
    assert "1 possible" in morning.run("backfill", *SINCE, **{missing: ""}).out, "a mere look needs none of them"
