"""The morning after: which bookings a backfill looks at, what it says, and that it otherwise is a pass."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.plan import BookingRange
from reconciler.domain.decide.verdicts import Condition, Hold, Refusal, VerdictStatus
from reconciler.domain.gaps import Effect, GapKind
from reconciler.engine import backfill
from reconciler.engine.backfill import StaleAfterSuggestion
from reconciler.engine.reconcile.results import PassResult
from reconciler.errors import Exit
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.fakes.twilio_messages import twilio_error
from tests.support.application_db import Venue
from tests.support.command import Ran, reconciler
from tests.support.sandbox_world import World

pytestmark = pytest.mark.long

SMS, CALENDAR = GapKind.SMS_MISSING, GapKind.CALENDAR_MISSING
LONG_AGO = datetime(2025, 5, 1, tzinfo=UTC)
FAR_AHEAD = "2026-12-01"


def made(venue: Venue, number: int = 0, **ago: float) -> BookingId:
    """A booking made so long ago, for a party that is still to come."""
    created = venue.now - timedelta(**ago)
    return venue.booking(created_at=created, event_date=FAR_AHEAD, contact_phone=f"+4477009002{number:02d}")


def filled(
    world: World,
    effect: Effect = Effect.CALENDAR,
    *,
    act: bool = True,
    max_repairs: int | None = None,
    limit: int | None = None,
    stale_after: timedelta | None = None,
    **span: Any,
) -> PassResult:
    """What ``reconciler backfill --only ..`` does for one effect."""
    with world.services(act=act, max_repairs=max_repairs) as services:
        backfill_services = backfill.backfill_services(
            services, BookingRange(since=span.pop("since", LONG_AGO), **span), limit=limit, stale_after=stale_after
        )
        do = backfill.run_backfill if act else backfill.plan_backfill
        return do(effect, backfill_services)


def wider(world: World, **options: Any) -> StaleAfterSuggestion | None:
    with world.services(act=False) as services:
        backfill_services = backfill.backfill_services(
            services, BookingRange(since=LONG_AGO), limit=None, stale_after=options.get("stale", timedelta(hours=72))
        )
        return backfill.suggest_stale_after(backfill.plan_backfill(Effect.SMS, backfill_services), backfill_services)


def verdicts(result: PassResult) -> dict[str, tuple[str, str]]:
    assert result.plan is not None
    return {d.booking.id: (d.verdict.status, d.verdict.reason) for d in result.decisions}


def stored(world: World, bookings: Sequence[str]) -> list[bool]:
    return [bool(world.venue.stored_event(booking)) for booking in bookings]


def test_bookings_from_before_our_time_are_repaired_by_a_backfill_alone(world: World) -> None:
    before, after = made(world.venue, days=200), made(world.venue, days=1)
    world.configure(bookings=", scan_window: 3d")
    assert world.events().repaired == 1
    assert stored(world, [before, after]) == [False, True]
    assert filled(world).repaired == 1
    assert stored(world, [before, after]) == [True, True]


def test_a_span_begins_with_one_date_and_ends_before_another(world: World) -> None:
    world.venue.now = world.clock.moment
    first, second, third = (made(world.venue, n, days=days) for n, days in enumerate((30, 20, 10)))
    since, until = (world.venue.now - timedelta(days=days) for days in (20, 10))
    assert filled(world, since=since, until=until).repaired == 1
    assert stored(world, [first, second, third]) == [False, True, False]


def test_a_booking_that_does_not_say_when_it_was_made_is_in_no_span_with_an_end(world: World) -> None:
    booking = made(world.venue, days=1)
    world.venue.alter("ALTER TABLE private_bookings ALTER COLUMN created_at DROP NOT NULL")
    world.venue.sql("UPDATE private_bookings SET created_at = NULL")
    assert filled(world, act=False, until=world.venue.now).plan.checked == 0  # type: ignore[union-attr]
    assert filled(world).repaired == 1
    assert stored(world, [booking]) == [True]


def test_one_booking_and_no_other(world: World) -> None:
    one, other = made(world.venue, 0, days=400), made(world.venue, 1, days=1)
    result = filled(world, since=LONG_AGO, bookings=frozenset({one}))
    assert (result.repaired, stored(world, [one, other])) == (1, [True, False])


def test_it_needs_neither_lookback_nor_cap_nor_budget_and_its_limit_takes_the_oldest(world: World) -> None:
    world.configure(bookings=", scan_window: 1d", limits=", pass: 1, pass_budget: 5ms")
    world.clock.step = timedelta(milliseconds=5)
    bookings = [made(world.venue, number, days=30 - number) for number in range(6)]
    limited = filled(world, limit=2)
    assert (limited.repaired, limited.left, limited.exit_code) == (2, 4, Exit.WORK_LEFT)
    assert stored(world, bookings) == [True, True, False, False, False, False]
    assert (filled(world).repaired, all(stored(world, bookings))) == (4, True)


def test_it_leaves_open_gaps_outside_of_its_span_alone(world: World) -> None:
    recent = made(world.venue, 0, hours=2)
    world.configure(calendar_policy="report")
    world.events()
    world.configure(calendar_policy="repair")
    assert filled(world, until=world.venue.now - timedelta(days=3)).repaired == 0
    assert stored(world, [recent]) == [False]
    assert (CALENDAR, recent) in world.gaps()


def test_parties_that_are_over_are_counted_and_nothing_more(world: World) -> None:
    over = {"created_at": world.venue.now - timedelta(days=20), "event_date": "2026-06-01"}
    world.venue.booking(**over)
    world.venue.booking(**over, status="completed")
    texted = world.venue.booking(**over)
    world.venue.text(texted)
    world.venue.booking(**over, calendar_event_id="there", contact_phone=" ")
    for effect, past in ((Effect.SMS, 1), (Effect.CALENDAR, 2)):
        for act in (False, True):
            result = filled(world, effect, act=act)
            assert result.plan is not None
            assert (result.plan.past, result.plan.gaps, result.exit_code) == (past, 0, Exit.AS_DESIRED)
    assert (world.gaps(), world.intents()) == ({}, [])


def test_parties_that_are_over_are_counted_as_past_once_scans_have_watched(world: World) -> None:
    """A full scan forgets the moments of bookings that are over. They became due when they were made, and not now."""
    world.once()
    world.venue.booking(created_at=world.venue.now - timedelta(days=5), event_date="2026-06-08")
    world.once()
    for effect in Effect:
        result = filled(world, effect, act=False)
        assert result.plan is not None
        assert (result.plan.past, result.plan.gaps) == (1, 0)
    for kind, one in world.both(act=False).items():
        assert one.plan is not None
        assert one.plan.tally() == {(VerdictStatus.NOT_APPLICABLE, Condition.AHEAD): 1}, kind


def test_stale_after_lets_older_texts_through_for_this_run(world: World) -> None:
    made(world.venue, days=5)
    narrow = filled(world, Effect.SMS, stale_after=timedelta(days=3))
    assert narrow.plan is not None
    assert narrow.plan.decided == {(VerdictStatus.NEEDS_HUMAN, Refusal.OLD): 1}
    assert filled(world, Effect.SMS, stale_after=timedelta(days=7)).repaired == 1
    assert len(world.sent_to()) == 1
    assert world.texts().repaired == 0


def test_how_many_a_wider_stale_after_would_add(world: World) -> None:
    made(world.venue, 0, days=1)
    assert wider(world) is None, "nothing is too old"
    made(world.venue, 1, days=5)
    made(world.venue, 2, days=18)
    assert wider(world) == StaleAfterSuggestion(stale_after=timedelta(days=21), more=2)
    assert wider(world, stale=timedelta(days=6)) == StaleAfterSuggestion(stale_after=timedelta(days=21), more=1)
    assert wider(world, stale=timedelta(days=21)) is None
    world.venue.sql("UPDATE private_bookings SET event_date = '2026-06-10', start_time = '13:00', end_time = '14:00'")
    assert wider(world) is None, "the party is too soon for all of them"


def test_a_wider_stale_after_is_also_told_at_night(world: World) -> None:
    made(world.venue, days=5)
    world.later(hours=10)
    assert wider(world) == StaleAfterSuggestion(stale_after=timedelta(days=7), more=1)


def test_quiet_hours_consent_and_the_limit_per_recipient_are_those_of_a_pass(world: World) -> None:
    world.configure(limits=", per_recipient: 1/24h")
    first, second = (made(world.venue, 0, days=days) for days in (2, 1))
    refuser = made(world.venue, 1, days=1)
    world.venue.customer(mobile_e164="+447700900201", sms_opt_in=False)
    result = filled(world, Effect.SMS)
    assert result.attempts == {("sent", ""): 1, ("held", Hold.PER_RECIPIENT): 1}
    assert (result.exit_code, world.sent_to()) == (Exit.WORK_LEFT, ["+447700900200"])
    after = verdicts(filled(world, Effect.SMS, act=False))
    assert after == {
        second: (VerdictStatus.HELD, Hold.PER_RECIPIENT),
        refuser: (VerdictStatus.NEEDS_HUMAN, Refusal.OPTED_OUT),
    }
    world.later(hours=9, minutes=30)
    assert verdicts(filled(world, Effect.SMS, act=False))[second] == (VerdictStatus.HELD, Hold.QUIET_HOURS)
    assert first not in after


def test_the_breaker_refuses_as_in_a_pass_and_max_goes_on(world: World) -> None:
    world.configure(limits=", breaker: {sms: 2, calendar: 2}")
    bookings = [made(world.venue, number, days=200) for number in range(5)]
    refused = filled(world, limit=1)
    assert refused.breaker_trip is not None
    assert (refused.breaker_trip.found, refused.exit_code) == (5, Exit.REFUSED_AS_UNSAFE)
    assert (stored(world, bookings), filled(world, max_repairs=4).repaired) == ([False] * 5, 0)
    assert filled(world, max_repairs=5).repaired == 5


def test_a_rule_that_only_reports_is_not_repaired_by_a_backfill(world: World) -> None:
    made(world.venue, days=200)
    world.configure(calendar_policy="report")
    result = filled(world)
    assert result.plan is not None
    assert result.plan.decided == {(VerdictStatus.HELD, Hold.POLICY): 1}
    assert (result.exit_code, world.sandbox.google.writes) == (Exit.NEEDS_A_HUMAN, 0)


def test_looking_writes_nothing_and_works_before_migrate_with_select_rights_only(
    bare_venue: Venue, tmp_path: Path
) -> None:
    bare_venue.sql("DROP SCHEMA IF EXISTS reconciler CASCADE")
    made(bare_venue, days=200)
    (tmp_path / "cron.yaml").write_text("repairs: report\nrules: {sms.missing: {quiet_hours: off}}\n")  # at any hour
    before = bare_venue.checksum()
    url = bare_venue.url("reconciler_reader")
    ran = reconciler("backfill", "--since", "2025-05-01", folder=tmp_path, DATABASE_URL=url)
    assert (ran.code, ran.err) == (Exit.NEEDS_A_HUMAN, ""), "policy: report"
    assert ran.out.startswith("texts    1 gap: ")
    assert bare_venue.checksum() == before


def test_a_pass_beside_it_drops_nothing_that_a_backfill_has_in_hand(world: World) -> None:
    """Old bookings are not a pass's business: what it finds planned for them it drops, unless it is claimed."""
    bookings = [made(world.venue, number, days=200) for number in range(8)]
    stop = False

    def passes() -> None:
        while not stop:
            world.events()

    beside = Thread(target=passes)
    beside.start()
    # A booking whose row the pass has locked is left for the next attempt, as an operator would make it. Nothing else
    # may hold one back.
    results = [filled(world)]
    while results[-1].left and len(results) < 10:
        results.append(filled(world))
    stop = True
    beside.join()
    assert (sum(result.repaired for result in results), results[-1].left) == (8, 0)
    assert [result.faults for result in results] == [()] * len(results)
    assert {reason for result in results for _, reason in result.attempts} <= {"", Hold.BUSY}
    assert stored(world, bookings) == [True] * 8
    assert sorted(state for _, _, _, state, _ in world.intents() if state != "dropped") == ["done"] * 8


def test_two_backfills_and_a_pass_at_once_repair_each_booking_once(world: World) -> None:
    old = [made(world.venue, number, days=200) for number in range(12)]
    recent = [made(world.venue, 20 + number, hours=2) for number in range(12)]
    stale = timedelta(days=365)
    threads = [Thread(target=lambda: filled(world, Effect.SMS, stale_after=stale)) for _ in range(2)]
    threads += [Thread(target=lambda: filled(world)) for _ in range(2)]
    threads.append(Thread(target=world.once))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    filled(world, Effect.SMS, stale_after=stale)
    filled(world)
    assert len(world.sent_to()) == len(set(world.sent_to())) == 24
    live = [event["id"] for event in world.sandbox.google.live()]
    assert sorted(live) == sorted(world.venue.stored_event(booking) or "" for booking in old + recent)
    assert [kind for kind, _ in world.gaps() if kind != GapKind.BACKLOG] == []


def test_a_provider_that_is_unwell_stops_it_and_the_next_goes_on(world: World) -> None:
    for number in range(4):
        made(world.venue, number, hours=2 + number)
    fault = Fault(kind=Misbehaviour.STATUS, status=429, body=twilio_error(429, 20429))
    world.sandbox.twilio.faults.always("messages.create", fault)
    result = filled(world, Effect.SMS)
    assert (result.repaired, result.left, result.exit_code) == (0, 4, Exit.WORK_LEFT)
    world.sandbox.twilio.faults.clear()
    world.later(minutes=10)
    assert filled(world, Effect.SMS).repaired == 4


@pytest.fixture
def folder(world: World, tmp_path: Path) -> Path:
    (tmp_path / "cron.yaml").write_text(
        "bookings: {since: 2026-01-01}\nrules: {sms.missing: {quiet_hours: off, queue_failed_resent: no}}\n"
    )
    return tmp_path


def typed(world: World, folder: Path, *arguments: str) -> Ran:
    """The real command; its clock is the machine's."""
    variables = world.sandbox.environment() | {"RECONCILER_CONFIG": str(folder / "cron.yaml")}
    return reconciler("backfill", *arguments, folder=folder, **variables)


def test_a_booking_is_named_by_how_its_id_begins(world: World, folder: Path) -> None:
    ids = [f"abcd{number}000-0000-4000-8000-000000000000" for number in range(2)]
    for number, key in enumerate(ids):
        world.venue.booking(
            id=key, created_at="2020-01-01", event_date="2999-01-01", calendar_event_id=f"there{number}"
        )
    ambiguous = typed(world, folder, "--booking", "abcd")
    assert (ambiguous.code, "several ids begin with this: " + ", ".join(ids) in ambiguous.err) == (
        Exit.CONFIGURATION,
        True,
    )
    unknown = typed(world, folder, "--booking", "%")
    assert (unknown.code, "no booking's id begins with this" in unknown.err) == (Exit.CONFIGURATION, True)
    (folder / "cron.yaml").write_text(
        "rules: {sms.missing: {stale_after: 3650d, quiet_hours: off, queue_failed_resent: no}}\n"
        "jobs: {ledger_retention: off}\n"
    )
    found = typed(world, folder, "--booking", "ABCD1")
    assert (found.code, found.out.splitlines()[0]) == (Exit.WORK_LEFT, "texts    1 gap: 1 possible")
    assert found.out.splitlines()[2:] == [
        "events   0 gaps: 0 possible",
        "         event in place",
        "backlog: before 1 Jan 2026: 2 without text",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--since", "yesterday"), "a date is written as 2026-05-01"),
        (("--since", "2026-05-02", "--until", "2026-05-02"), "must be later than --since"),
        (("--stale-after", "21"), "a duration is written as"),
        (("--stale-after", "0d"), "must be longer than nothing"),
        (("--only", "calendar", "--stale-after", "21d"), "--stale-after concerns texts"),
        (("--only", "texts"), "--only"),
        (("--limit", "0"), "--limit"),
        (("--booking", " "), "--booking needs an id"),
    ],
)
def test_a_command_line_that_is_wrong(world: World, folder: Path, arguments: tuple[str, ...], said: str) -> None:
    ran = typed(world, folder, *arguments)
    assert (ran.code, said in ran.err, ran.out) == (Exit.CONFIGURATION, True, "")
