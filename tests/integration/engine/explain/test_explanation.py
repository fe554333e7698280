"""``reconciler explain``: the scan's own verdict of one booking, and what it rests on."""

from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from rich.cells import cell_len

from reconciler.cli.main import run
from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.verdicts import Condition, Hold, Refusal, VerdictStatus, first_blocking
from reconciler.domain.explain.remediation import Constraint, Location
from reconciler.domain.gaps import GapKind
from reconciler.engine.explain.explanation import Explanation, RuleExplanation, explain, explain_each
from reconciler.errors import Exit
from reconciler.sandbox.demo import verify
from reconciler.sandbox.demo.fixtures import DemoBooking
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.world import READER, Sandbox
from tests.repo import examples
from tests.support.application_db import ANA, BEA, Venue
from tests.support.clock import StandingClock
from tests.support.sandbox_world import World

SMS, CALENDAR = GapKind.SMS_MISSING, GapKind.CALENDAR_MISSING
Typed = Callable[..., tuple[int, str]]


@pytest.fixture
def week(venue: Venue) -> Iterator[World]:
    """The demo's week of bookings, with settings of the tests'."""
    clock = StandingClock(venue.now)
    with Sandbox(postgres=venue.postgres, database=venue.name, now=clock.now) as sandbox:
        yield World(venue, sandbox, clock)


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[World], Typed]:
    def of(world: World) -> Typed:
        def typed(*words: str, **variables: str) -> tuple[int, str]:
            for name, value in (world.sandbox.environment() | variables).items():
                monkeypatch.setenv(name, value)
            capsys.readouterr()
            code = run(["explain", *words])
            said = capsys.readouterr()
            return code, said.out + said.err

        return typed

    return of


def rule(world: World, booking: str, kind: GapKind = SMS) -> RuleExplanation:
    with world.services(act=False) as services:
        explained = explain(BookingId(booking), services)
    assert explained is not None
    (found,) = [rule for rule in explained.rules if rule.kind is kind]
    return found


def explanations(week: World) -> Iterator[tuple[DemoBooking, Explanation]]:
    """Every booking of the demo, explained."""
    with week.services(act=False) as services:
        found = dict(explain_each([BookingId(booking.id) for booking in week.sandbox.bookings], services))
    for booking in week.sandbox.bookings:
        explained = found[BookingId(booking.id)]
        assert explained is not None
        yield booking, explained


@pytest.mark.parametrize("after", ["before any pass", "after a pass"])
def test_its_verdicts_are_those_of_the_scan(week: World, after: str) -> None:
    if after == "after a pass":
        week.once()
    plans = {kind: result.plan for kind, result in week.once(act=False).items()}
    seen: dict[GapKind, Counter[tuple[VerdictStatus, str]]] = {kind: Counter() for kind in plans if plans[kind]}
    for booking, explained in explanations(week):
        for one in explained.rules:
            why = one.verdict.reason if one.verdict.reason != Condition.STATUS else str(booking.row["status"])
            seen[one.kind][one.verdict.status, why] += 1
    assert seen == {kind: plan.tally() for kind, plan in plans.items() if plan}


def test_the_first_thing_in_the_way_is_the_verdict(week: World) -> None:
    for _, explained in explanations(week):
        for one in explained.rules:
            failing = [name for name, holds in one.conditions.items() if not holds]
            if failing:
                assert one.verdict.reason == failing[0]
            elif one.checks:
                assert one.verdict == first_blocking(one.checks, one.verdict.cause or pytest.fail("no cause"))


FLIPS = {
    Refusal.PHONE_UNUSABLE: ("contact_phone = '07700'", f"contact_phone = '{ANA}'"),
    Refusal.TOO_SOON: ("event_date = '2026-06-10', start_time = '13:00', end_time = NULL", "event_date = '2026-06-20'"),
    Refusal.OLD: ("created_at = '2026-06-01'", "created_at = '2026-06-10T09:00Z'"),
    Condition.STATUS: ("status = 'cancelled'", "status = 'confirmed'"),
    Condition.PHONE: ("contact_phone = ' '", f"contact_phone = '{ANA}'"),
    Condition.AHEAD: ("event_date = '2026-06-09'", "event_date = '2026-06-20'"),
    Condition.DATE_SET: ("date_tbd = true", "date_tbd = false"),
}


@pytest.mark.parametrize("reason", FLIPS)
def test_what_it_names_is_what_decides(world: World, reason: str) -> None:
    booking = world.venue.booking()
    stands, repaired = FLIPS[reason]
    for change, verdict in ((stands, reason), (repaired, "")):
        world.venue.sql(f"UPDATE private_bookings SET {change} WHERE id = %s", booking)
        assert rule(world, booking).verdict.reason == verdict


def test_those_who_refuse_are_named_and_nobody_else(world: World) -> None:
    venue = world.venue
    own = venue.customer(mobile_e164=BEA, sms_opt_in=False)
    same_number = venue.customer(mobile_e164=None, mobile_number="07700 900101", sms_status="opted_out")
    venue.customer(mobile_e164=BEA, sms_opt_in=False)
    venue.customer(mobile_e164=ANA)
    found = rule(world, venue.booking(customer_id=own))
    assert found.verdict.reason == Refusal.OPTED_OUT
    assert [(change.name, change.value, change.rows) for change in found.required_changes] == [
        ("opt_in", (True,), (own,)),
        ("status", ("active",), (same_number,)),
    ]


@pytest.mark.parametrize(
    ("edits", "variables", "reason", "required_changes"),
    [
        ({}, {"SUSPEND_ALL_EVENTS": "true"}, Hold.SUSPENDED, [("SUSPEND_ALL_EVENTS", Constraint.EMPTY, None)]),
        (
            {"calendar_policy": "report", "more": "repairs: report"},
            {},
            Hold.POLICY,
            [
                ("repairs", Constraint.ONE_OF, ("repair",)),
                ("rules.calendar.missing.policy", Constraint.ONE_OF, ("repair",)),
            ],
        ),
    ],
    ids=["kill switch", "policies"],
)
def test_holds_of_the_pass_are_named_and_what_would_end_them(
    world: World,
    edits: dict[str, str],
    variables: dict[str, str],
    reason: str,
    required_changes: list[tuple[object, ...]],
) -> None:
    booking = world.venue.booking()
    world.environment |= variables
    world.configure(**edits)
    found = rule(world, booking, CALENDAR)
    assert found.verdict.reason == reason
    assert [(change.name, change.wanted, change.value) for change in found.required_changes] == required_changes
    if not edits:
        assert rule(world, booking, SMS).verdict.status is VerdictStatus.REPAIRABLE
    world.environment.clear()
    world.edits.clear()
    assert rule(world, booking, CALENDAR).verdict.status is VerdictStatus.REPAIRABLE


def test_a_provider_that_was_broken_in_the_last_pass_is_named_until_one_finds_it_well(world: World) -> None:
    booking = world.venue.booking()
    world.sandbox.twilio.faults.always("", Fault(kind=Misbehaviour.STATUS, status=401, body="{}"))
    world.texts()
    found = rule(world, booking)
    assert (found.verdict.reason, found.gap is not None) == (Hold.INTEGRATION, True)
    assert [(change.place, change.wanted) for change in found.required_changes] == [
        (Location.INTEGRATION, Constraint.WELL)
    ]
    world.sandbox.twilio.faults.clear()
    world.venue.text(booking)
    world.texts()
    world.venue.sql("DELETE FROM private_booking_sms_queue")
    assert rule(world, booking).verdict.status is VerdictStatus.REPAIRABLE


@pytest.mark.long
def test_a_page_fits_a_terminal_and_shows_nobody(week: World, typed: Callable[[World], Typed]) -> None:
    week.once()
    groups = {booking.group: booking for booking in week.sandbox.bookings}
    everything = ""
    for booking in groups.values():
        code, said = typed(week)(booking.reference, "--ask")
        lines = said.splitlines()
        assert (code, len(lines) <= 25, max(map(len, lines)) <= 100) == (Exit.AS_DESIRED, True, True), said
        everything += said
    _, planted = verify.leaks(week.sandbox)
    columns = ("customer_name", "contact_phone", "first_name", "mobile_number", "mobile_e164")
    rows = [row for booking in week.sandbox.bookings for row in (booking.row, *booking.customers)]
    values = {str(row[column]).strip() for row in rows for column in columns if row.get(column)}
    assert planted > 0
    assert [value for value in values if len(value) > verify.MIN_PLANTED_LENGTH and value in everything] == []


def test_it_writes_nothing_and_needs_no_ledger(bare_venue: Venue, typed: Callable[[World], Typed]) -> None:
    clock = StandingClock(bare_venue.now)
    with Sandbox(postgres=bare_venue.postgres, database=bare_venue.name, now=clock.now, bookings=()) as sandbox:
        world = World(bare_venue, sandbox, clock)
        booking = bare_venue.booking()
        before = bare_venue.checksum()
        code, said = typed(world)(booking[:8], DATABASE_URL=bare_venue.url(READER))
        assert (code, "no repair yet" in said) == (Exit.AS_DESIRED, True), said
        assert (bare_venue.checksum(), sandbox.writes()) == (before, {"Twilio": 0, "Google": 0})


def test_which_booking_is_meant(world: World, typed: Callable[[World], Typed]) -> None:
    one = world.venue.booking()
    other = world.venue.booking(id=one[:8] + "-0000-4000-8000-000000000000")
    code, seen = typed(world)(one[:8])
    assert code == Exit.CONFIGURATION
    assert f"several ids begin with {one[:8]}: {', '.join(sorted((one, other)))}" in seen
    for written in (one, one.upper(), f"#{one}", f"  {one} ", f"\t# {one}\n"):
        code, seen = typed(world)(written)
        assert (code, seen.startswith(f"booking   {one[:8]}")) == (Exit.AS_DESIRED, True), seen


UNKNOWN = [
    ("nobody", "no booking's id begins with nobody"),
    ("", "BOOKING is an id"),
    ("  ", "BOOKING is an id"),
    ("#", "BOOKING is an id"),
    ("%", "begins with %"),
    ("_", "begins with _"),
    ("' OR true --", "begins with ' OR true --"),
    ("1; DROP TABLE private_bookings", "begins with 1; DROP TABLE private_bookings"),
    ("a" * 100_000, f"begins with {'a' * 38}.."),
    ("\x1b[2Ja", r"begins with \x1b[2Ja"),
    ("\u202ea", r"begins with \u202ea"),
    ("a\0b", r"begins with a\x00b"),
    ("a\nb", r"begins with a\nb"),
    ("a\udc80", r"begins with a\udc80"),  # an argument that is no UTF-8
    ("[bold]a", "begins with [bold]a"),
]


def test_no_booking_is_meant(world: World, typed: Callable[[World], Typed]) -> None:
    world.venue.booking()
    for written, said in UNKNOWN:
        code, seen = typed(world)(written)
        assert (code, said in seen, "Traceback" in seen) == (Exit.CONFIGURATION, True, False), seen
        assert all(line.isprintable() for line in seen.splitlines())
        assert max(map(len, seen.splitlines())) <= 100


HOSTILE = ["\x1b[31mred\x07", "\u202eturned", "two\nlines", "<b>\u0085", "[bold]x", "x" * 1_000_000, "\u65e5" * 60]


def test_nothing_that_stands_in_a_table_breaks_a_line(world: World, typed: Callable[[World], Typed]) -> None:
    """Where the application's columns take any text."""
    venue = world.venue
    venue.alter("ALTER TABLE private_bookings DROP CONSTRAINT private_bookings_status_check")
    venue.alter(
        "ALTER TABLE private_booking_sms_queue DROP CONSTRAINT private_booking_sms_queue_status_check, "
        "DROP CONSTRAINT private_booking_sms_queue_trigger_type_check"
    )
    for value in HOSTILE:
        booking = venue.booking(status=value, calendar_event_id=value, customer_name=value, internal_notes=value)
        venue.text(booking, status=value, trigger_type=value, twilio_message_sid=value, error_message=value)
        code, seen = typed(world)(booking, "--ask")
        lines = seen.removesuffix("\n").split("\n")
        assert (code, len(lines) <= 25, max(map(cell_len, lines)) <= 100) == (Exit.AS_DESIRED, True, True), seen
        assert all(line.isprintable() for line in lines), seen


def test_a_database_that_makes_it_wait(world: World, typed: Callable[[World], Typed]) -> None:
    world.configure(limits=", timeouts: {lock: 100ms}")
    booking = world.venue.booking()
    world.settings()  # writes cron.yaml
    with world.venue.postgres.connect(world.venue.name) as other, other.transaction():
        other.execute("LOCK TABLE private_booking_sms_queue")
        code, seen = typed(world)(booking)
    assert (code, "Traceback" in seen) == (Exit.WORK_LEFT, False), seen
    assert seen.startswith("error: PostgreSQL took too long (LockNotAvailable, SQLSTATE 55P03)\nremedy: "), seen


def test_a_text_of_unknown_outcome_has_its_history(world: World, typed: Callable[[World], Typed]) -> None:
    booking = world.venue.booking(calendar_event_id="there")
    world.sandbox.twilio.faults.next_calls("messages.create", Fault(kind=Misbehaviour.LOSE))
    world.texts()
    world.later(seconds=2)
    _, said = typed(world)(booking, "--ask")
    assert "text generation 1 unknown (reset), 1 attempt, none" in said
    assert f"twilio    {world.sandbox.twilio.messages[0].sid} delivered" in said


def test_the_page_of_examples_is_what_is_printed(week: World) -> None:
    assert examples.FILE.read_text() == examples.page(week), "python -m tests.repo.examples writes it anew"
