"""The doctor's checks on schedule: a failure is a gap that blocks what it would break, and lifts it when it is well."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from reconciler.cli.once import run_jobs
from reconciler.domain.gaps import GapKind
from reconciler.engine.reconcile.results import PassResult
from reconciler.errors import Exit
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from tests.support.database_clock import put_ahead, put_right
from tests.support.doctor_runner import DoctorRunner
from tests.support.sandbox_world import World

QUEUE, BOOKINGS = "private_booking_sms_queue", "private_bookings"
REFUSED = Fault(kind=Misbehaviour.STATUS, status=403)
SCHEMA, CLOCK, SENTRY = GapKind.INTEGRATION_SCHEMA, GapKind.INTEGRATION_SCHEDULER, GapKind.INTEGRATION_SENTRY


def examine(world: World, *, act: bool = True) -> PassResult:
    """What ``reconciler once integrations`` does."""
    with world.services(act=act) as services:
        (result,) = run_jobs(("integrations",), services)
    return result


def alerted(world: World) -> list[tuple[str, str]]:
    return [(event["tags"]["kind"], event["tags"]["code"]) for event in world.sandbox.sentry.events]


def broken(world: World) -> dict[tuple[str, str], str]:
    """(kind, about) -> code of every open gap of an integration."""
    return {gap: reason for gap, (_, reason) in world.gaps().items() if gap[0].startswith("integration.")}


def drop_check(world: World) -> None:
    world.venue.sql(f"ALTER TABLE {QUEUE} DROP CONSTRAINT approved")


Deed = Callable[[World], object]
FAULTS: dict[str, tuple[Deed, Deed, tuple[str, str], str]] = {
    "only the trial sees it": (
        lambda world: world.venue.alter(
            f"ALTER TABLE {QUEUE} ADD CONSTRAINT approved CHECK (status <> 'sent' OR approved_by IS NOT NULL) NOT VALID"
        ),
        drop_check,
        ("integration.schema", "sms"),
        "sqlstate:23514",
    ),
    "the catalogue says it": (
        lambda world: world.venue.alter(f"REVOKE INSERT ON {QUEUE} FROM reconciler_job"),
        lambda world: world.venue.sql(f"GRANT INSERT ON {QUEUE} TO reconciler_job"),
        ("integration.schema", "sms"),
        "right_missing",
    ),
    "Twilio says it": (
        lambda world: setattr(world.sandbox.twilio, "account_status", "suspended"),
        lambda world: setattr(world.sandbox.twilio, "account_status", "active"),
        ("integration.twilio", "sms"),
        "account_suspended",
    ),
    "Google says it": (
        lambda world: setattr(world.sandbox.google, "role", "reader"),
        lambda world: setattr(world.sandbox.google, "role", "writer"),
        ("integration.google", "calendar"),
        "role_reader",
    ),
}


@pytest.mark.parametrize(
    ("breaks", "fixes", "gap", "code"),
    [
        pytest.param(*fault, id=name, marks=[pytest.mark.long] * (name in ("the catalogue says it", "Twilio says it")))
        for name, fault in FAULTS.items()
    ],
)
def test_it_is_told_once_blocks_its_repairs_and_lifts_them_at_the_next_pass(
    world: World, breaks: Deed, fixes: Deed, gap: tuple[str, str], code: str
) -> None:
    breaks(world)
    for _ in range(3):
        assert examine(world).exit_code is Exit.NEEDS_A_HUMAN
        world.later(minutes=15)
    assert broken(world) == {gap: code}
    assert alerted(world) == [(gap[0], code)], "one incident"
    booking = world.venue.booking(created_at=world.venue.now - timedelta(hours=1))
    before = world.venue.checksum().split("-")[2]
    passes = world.both()
    hurt, other = ("sms.missing", "calendar.missing") if gap[1] == "sms" else ("calendar.missing", "sms.missing")
    assert (passes[GapKind(hurt)].repaired, passes[GapKind(other)].repaired) == (0, 1)
    assert world.gaps()[hurt, booking] == ("blocked", "integration")
    assert broken(world) == {gap: code}, "a pass asks for itself, before its first repair"
    if gap[1] == "sms":
        assert world.venue.checksum().split("-")[2] == before
    fixes(world)
    assert world.both()[GapKind(hurt)].repaired == 1
    assert world.gaps() == {}


@pytest.mark.long
@pytest.mark.parametrize(("breaks", "fixes", "gap", "code"), FAULTS.values(), ids=FAULTS.keys())
def test_the_job_itself_closes_what_is_well_again(
    world: World, breaks: Deed, fixes: Deed, gap: tuple[str, str], code: str
) -> None:
    breaks(world)
    examine(world)
    fixes(world)
    assert examine(world).exit_code is Exit.AS_DESIRED
    assert world.gaps() == {}


def test_status_shows_it(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    world.sandbox.google.role = "reader"
    examine(world)
    status = DoctorRunner(world, monkeypatch, capsys).command("status")
    assert (status.code, "integration.google / blocked" in status.out) == (Exit.NEEDS_A_HUMAN, True)


def test_a_column_that_is_gone_is_a_gap_though_the_calendar_would_be_asked_by_it(world: World) -> None:
    world.once(jobs=("integrations",))
    world.venue.alter("ALTER TABLE private_bookings DROP COLUMN calendar_event_id")
    for job in ("integrations", "calendar_missing", "integrations"):
        world.once(jobs=(job,))
        assert world.gaps()["integration.schema", "calendar"] == ("blocked", "columns_missing")


def test_an_alert_sink_that_nobody_hears_is_a_gap_of_the_ledger(world: World) -> None:
    world.sandbox.sentry.faults.always("envelope", REFUSED)
    result = examine(world)
    assert [fault.code for fault in result.faults] == ["http:403"]
    assert broken(world) == {(SENTRY, "sink"): "http:403"}
    world.venue.booking()
    assert world.texts().repaired == 1, "who cannot be told does not keep us from repairing"
    world.sandbox.sentry.faults.clear()
    examine(world)
    assert broken(world) == {}


def test_no_sink_at_all(world: World) -> None:
    world.environment["SENTRY_DSN"] = ""
    assert [fault.code for fault in examine(world).faults] == ["no_dsn"]
    assert broken(world) == {(SENTRY, "sink"): "no_dsn"}


@pytest.mark.parametrize("minutes", [10, pytest.param(-10, marks=pytest.mark.long)])
def test_clocks_that_disagree_hold_every_repair(world: World, minutes: int) -> None:
    put_ahead(world.venue, f"interval '{minutes} min'")
    examine(world)
    assert broken(world) == {(CLOCK, "clock"): "clock_skew"}
    world.venue.booking()
    assert world.both() == {}, "nothing was written but the fault"
    put_right(world.venue)
    assert [result.repaired for result in world.both().values()] == [1, 1]
    assert world.gaps() == {}


def test_what_is_off_or_only_reported_is_not_asked(world: World) -> None:
    world.configure(texts=", policy: off", calendar_policy="report")
    world.sandbox.twilio.account_status, world.sandbox.google.role = "suspended", "none"
    world.venue.alter(f"DROP POLICY reconciler_insert ON {QUEUE}; DROP POLICY reconciler_update ON {BOOKINGS}")
    assert examine(world).faults == ()


def test_looking_writes_nothing_and_asks_no_provider(world: World) -> None:
    world.venue.alter(f"DROP POLICY reconciler_select ON {QUEUE}")
    before = world.venue.checksum()
    assert [fault.code for fault in examine(world, act=False).faults] == ["row_security"]
    assert (world.gaps(), world.venue.rows("reconciler.run"), world.venue.checksum()) == ({}, [], before)
    assert world.sandbox.sentry.writes == 0


def test_a_table_that_is_locked_is_no_fault(world: World) -> None:
    world.configure(limits=", timeouts: {lock: 50ms}")
    with world.venue.postgres.connect(world.venue.name) as other, other.transaction():
        other.execute(f"LOCK TABLE {QUEUE} IN SHARE MODE")
        assert examine(world).faults == ()


def test_what_could_not_be_tried_is_a_warning_of_the_doctor(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.configure(limits=", timeouts: {lock: 50ms}")
    runner = DoctorRunner(world, monkeypatch, capsys)
    with world.venue.postgres.connect(world.venue.name) as other, other.transaction():
        other.execute(f"LOCK TABLE {QUEUE} IN SHARE MODE")
        said = runner.doctor("--json")
    assert said.code == Exit.AS_DESIRED
    (warning,) = said.messages("trial write", "WARN")
    assert "no text could be tried" in warning
    unlocked = "no unlocked row of private_bookings to try it on: written and rolled back"
    assert said.messages("trial write", "OK") == [unlocked]


def test_while_passes_run_and_the_application_writes(world: World) -> None:
    """Nothing is made twice, and nobody is in a deadlock: each run of the job is as if it were alone.

    The application waits far longer than PostgreSQL takes to find a deadlock (one second). A busy machine holds a row
    for as long as its processors are taken; only a deadlock, or a trial that never ends, is a mistake.
    """
    bookings = [world.venue.booking(contact_phone=f"+4477009001{number:02d}") for number in range(6)]
    found: list[PassResult] = []
    over = threading.Event()

    def examines() -> None:
        while not over.is_set():
            found.append(examine(world))

    def books() -> None:
        with world.venue.postgres.connect(world.venue.name, "venue_app") as application:
            application.execute("SET lock_timeout = '20s'")
            while not over.is_set():
                for booking in bookings:
                    application.execute(f"UPDATE {BOOKINGS} SET guest_count = 7 WHERE id = %s", [booking])

    others = [threading.Thread(target=examines), threading.Thread(target=examines), threading.Thread(target=books)]
    world.settings()
    for other in others:
        other.start()
    try:
        for _ in range(3):
            world.both()
    finally:
        over.set()
        for other in others:
            other.join(30)
    world.time_passes(minutes=20)
    world.both()
    assert len(found) > 2
    assert [fault for result in found for fault in result.faults] == []
    assert len(world.sandbox.google.live()) == len(bookings) == len(world.sent_to())
    assert world.gaps() == {}
