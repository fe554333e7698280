"""May a text be sent, and now: quiet hours, validity, the application's failures, and which reason comes first."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reconciler.domain.bookings import AppFailure, Booking, BookingId
from reconciler.domain.decide.identity import Known
from reconciler.domain.decide.policies import Deliver, Occasion, Policy, QuietHours, RecipientLimit, SmsPolicy
from reconciler.domain.decide.sms import Draft, SmsFacts, certainly_not_sent, judge_text, validity
from reconciler.domain.decide.verdicts import Condition, Hold, Refusal, VerdictStatus
from reconciler.domain.gaps import Cause, Effect
from reconciler.domain.intents import Intent, IntentId, State
from reconciler.settings.file.text_patterns import parse_text_pattern
from reconciler.settings.model.rules import NOTHING_LEFT

LONDON = ZoneInfo("Europe/London")
NIGHT = QuietHours(starts=time(21), ends=time(9), zone=LONDON)
NOON = datetime(2026, 6, 10, 11, 0, tzinfo=UTC)
"""Of a Wednesday in London."""


def at(written: str) -> datetime:
    """An instant, in UTC unless it says otherwise."""
    return datetime.fromisoformat(written).astimezone(UTC)


# Quiet hours


@pytest.mark.parametrize(
    ("now", "quiet"),
    [
        # summer: the venue is an hour ahead of UTC
        ("2026-06-10T19:59:59Z", False),
        ("2026-06-10T20:00:00Z", True),
        ("2026-06-10T23:30:00Z", True),
        ("2026-06-11T07:59:59Z", True),
        ("2026-06-11T08:00:00Z", False),
        # winter
        ("2026-01-10T20:59:59Z", False),
        ("2026-01-10T21:00:00Z", True),
        ("2026-01-11T08:59:59Z", True),
        ("2026-01-11T09:00:00Z", False),
        # the night in which the clocks go forward is an hour shorter, the other an hour longer
        ("2026-03-28T21:00:00Z", True),
        ("2026-03-29T08:00:00Z", False),
        ("2026-10-24T20:00:00Z", True),
        ("2026-10-25T08:59:59Z", True),
        ("2026-10-25T09:00:00Z", False),
    ],
)
def test_the_night_is_the_venues(now: str, quiet: bool) -> None:
    for zone in ("UTC", "Pacific/Auckland", "Europe/London"):
        assert NIGHT.holds(at(now).astimezone(ZoneInfo(zone))) is quiet


@pytest.mark.parametrize(("now", "quiet"), [("12:59", False), ("13:00", True), ("14:59", True), ("15:00", False)])
def test_a_siesta_does_not_pass_midnight(now: str, quiet: bool) -> None:
    siesta = QuietHours(starts=time(13), ends=time(15), zone=LONDON)

    assert siesta.holds(at(f"2026-01-10T{now}Z")) is quiet


@pytest.mark.parametrize(
    ("starts", "now", "begins"),
    [
        ("21:00", "2026-06-10T11:00Z", "2026-06-10T20:00Z"),
        ("21:00", "2026-06-10T19:59:59.999999Z", "2026-06-10T20:00Z"),
        ("21:00", "2026-06-10T20:00Z", "2026-06-11T20:00Z"),
        ("21:00", "2026-06-10T23:30Z", "2026-06-11T20:00Z"),
        ("00:00", "2026-06-10T22:30Z", "2026-06-10T23:00Z"),
        ("00:00", "2026-06-10T23:00Z", "2026-06-11T23:00Z"),
        # over a change of the clocks
        ("21:00", "2026-03-28T21:00Z", "2026-03-29T20:00Z"),
        ("21:00", "2026-10-24T20:00Z", "2026-10-25T21:00Z"),
        ("03:00", "2026-03-29T00:30Z", "2026-03-29T02:00Z"),
        ("03:00", "2026-10-24T23:30Z", "2026-10-25T03:00Z"),
        # 01:30 comes twice
        ("01:30", "2026-10-24T23:30Z", "2026-10-25T00:30Z"),
        ("01:30", "2026-10-25T00:30Z", "2026-10-25T01:30Z"),
        ("01:30", "2026-10-25T01:30Z", "2026-10-26T01:30Z"),
    ],
)
def test_when_quiet_hours_begin_next(starts: str, now: str, begins: str) -> None:
    hours = QuietHours(starts=time.fromisoformat(starts), ends=time(12), zone=LONDON)

    for zone in ("UTC", "America/New_York", "Europe/London"):
        assert hours.next_start(at(now).astimezone(ZoneInfo(zone))) == at(begins)


def test_a_begin_that_the_clocks_skip_is_not_put_off() -> None:
    hours = QuietHours(starts=time(1, 30), ends=time(9), zone=LONDON)
    begins = hours.next_start(at("2026-03-28T20:00Z"))

    assert begins is not None
    assert begins <= at("2026-03-29T01:00Z"), "from here on it is quiet"


def test_hours_of_no_length_are_never() -> None:
    never = QuietHours(starts=time(9), ends=time(9), zone=LONDON)

    assert not never.holds(at("2026-06-10T08:00Z"))
    assert never.next_start(NOON) is None


CHANGES = [
    ("Europe/London", at("2026-03-29T01:00Z")),
    ("Europe/London", at("2026-10-25T01:00Z")),
    ("America/New_York", at("2026-11-01T06:00Z")),
    ("Australia/Lord_Howe", at("2026-04-04T15:00Z")),  # half an hour
    ("America/Santiago", at("2026-04-05T03:00Z")),  # at midnight
    ("Asia/Kolkata", at("2026-06-01T00:00Z")),  # never
]
minutes_of_day = st.integers(0, 24 * 60 - 1).map(lambda minute: time(minute // 60, minute % 60))


@given(st.sampled_from(CHANGES), st.integers(-48 * 60, 24 * 60), minutes_of_day)
def test_the_next_begin_is_where_a_clock_on_the_wall_first_shows_it(
    change: tuple[str, datetime], minutes: int, starts: time
) -> None:
    zone = ZoneInfo(change[0])
    now = change[1] + timedelta(minutes=minutes)
    walk = (now + timedelta(minutes=minute) for minute in range(1, 50 * 60))
    shown = next((moment for moment in walk if moment.astimezone(zone).time() == starts), None)
    hours = QuietHours(starts=starts, ends=time((starts.hour + 9) % 24), zone=zone)
    begins = hours.next_start(now)
    # Where the clocks skip it, it is reasons a little early instead.
    assume(begins is None or begins.astimezone(zone).time() == starts)

    assert begins == shown
    assert shown is not None
    assert hours.holds(shown)


# How long the provider may keep a text

POLICY = SmsPolicy(
    policy=Policy.REPAIR,
    zone=LONDON,
    quiet_hours=NIGHT,
    stale_after=timedelta(hours=72),
    min_notice=timedelta(hours=2),
    per_recipient=RecipientLimit(count=3, period=timedelta(hours=24)),
    occasions={
        "draft": Occasion(trigger="booking_created", satisfied_by=None),
        "confirmed": Occasion(trigger="booking_confirmed", satisfied_by=None),
    },
    deliver=Deliver.RECONCILER,
    countries=frozenset({"GB"}),
    segments=3,
)
BOOKING = Booking(
    id=BookingId("1a2b3c4d-0000-4000-8000-000000000000"),
    status="confirmed",
    created_at=NOON - timedelta(hours=1),
    starts_at=NOON + timedelta(days=7),
    ends_at=NOON + timedelta(days=7, hours=4),
    event_id=None,
    first_name="Ana",
    name="Ana Lima",
    phones=("+447700900101",),
)


@pytest.mark.parametrize(
    ("now", "created_at", "starts_at", "seconds"),
    [
        # nothing near: four hours
        ("2026-06-10T11:00Z", "2026-06-10T10:00Z", "2026-06-17T18:00Z", 4 * 3600),
        # until quiet hours, 21:00 in London
        ("2026-06-10T17:30Z", "2026-06-10T10:00Z", "2026-06-17T18:00Z", 2.5 * 3600),
        ("2026-01-10T17:30Z", "2026-01-10T10:00Z", "2026-01-17T18:00Z", 3.5 * 3600),
        ("2026-06-10T19:59:01Z", "2026-06-10T10:00Z", "2026-06-17T18:00Z", 59),
        # until two hours before the party
        ("2026-06-10T11:00Z", "2026-06-10T10:00Z", "2026-06-10T14:00Z", 3600),
        ("2026-06-10T11:00Z", "2026-06-10T10:00Z", "2026-06-10T13:00Z", 0),
        ("2026-06-10T11:00Z", "2026-06-10T10:00Z", "2026-06-10T12:00Z", -3600),
        # until it was made 72 hours ago
        ("2026-06-10T11:00Z", "2026-06-07T11:30Z", "2026-06-17T18:00Z", 1800),
        ("2026-06-10T11:00Z", "2026-06-07T10:00Z", "2026-06-17T18:00Z", -3600),
        # the first of them counts; a second that has begun does not
        ("2026-06-10T17:30Z", "2026-06-07T18:00Z", "2026-06-10T21:00Z", 1800),
        ("2026-06-10T19:58:59.1Z", "2026-06-10T10:00Z", "2026-06-17T18:00Z", 60),
        # a booking without a date waits for nothing of its own
        ("2026-06-10T11:00Z", "2026-06-10T10:00Z", None, 4 * 3600),
    ],
)
def test_validity(now: str, created_at: str, starts_at: str | None, seconds: float) -> None:
    booking = replace(BOOKING, created_at=at(created_at), starts_at=at(starts_at) if starts_at else None)

    assert validity(booking, POLICY, at(now)) == timedelta(seconds=seconds)


def test_validity_without_quiet_hours() -> None:
    late = at("2026-06-10T20:30Z")

    assert validity(BOOKING, replace(POLICY, quiet_hours=None), late) == timedelta(hours=4)


@given(
    st.integers(0, 13).map(lambda days: datetime(2026, 10, 18, tzinfo=LONDON) + timedelta(days=days)),
    st.integers(9 * 3600, 21 * 3600 - 1),
    st.integers(0, 72 * 3600),
    st.integers(2 * 3600, 200 * 3600),
)
def test_nothing_waits_at_the_provider_when_it_should_not(day: datetime, second: int, age: int, ahead: int) -> None:
    """By day, in the two weeks around the change of the clocks."""
    now = (day + timedelta(seconds=second)).astimezone(UTC)
    booking = replace(
        BOOKING, created_at=now - timedelta(seconds=age), starts_at=now + timedelta(seconds=ahead), ends_at=None
    )
    lasts = validity(booking, POLICY, now)
    last_moment = now + lasts - timedelta(microseconds=1)

    assert timedelta(0) <= lasts <= timedelta(hours=4)
    assert not lasts or not NIGHT.holds(last_moment)
    assert booking.starts_at is not None
    assert booking.starts_at - last_moment >= POLICY.min_notice
    assert last_moment - booking.created_at <= POLICY.stale_after


# What the application's own failure says


@pytest.mark.parametrize(
    "message",
    [
        # the queue or the application turned it down
        'new row for relation "queue" violates check constraint "queue_trigger_type_check"',
        'null value in column "template_key" violates not-null constraint',
        'insert or update on table "queue" violates foreign key constraint "queue_booking_id_fkey"',
        'duplicate key value violates unique constraint "queue_pkey"',
        'column "trigger_type" of relation "queue" does not exist',
        "SQLSTATE 42703",
        "SQLSTATE: 23514",
        "ERROR: 23502 (SQLSTATE 23502)",
        "Validation failed: customer_phone",
        "Missing phone number",
        "invalid number",
        # Twilio did
        "Twilio error 21211: invalid To",
        "twilio error code 21614",
        "Error: 21408",
        "[21610] blocked",
        "21211 is not a valid phone number",
        "Twilio error 20003: Authenticate",
        "HTTP 400 Bad Request",
        "HTTP 401",
        "Request failed with status code 404",
        "status: 422",
    ],
)
def test_a_failure_that_certainly_reached_nobody(message: str) -> None:
    assert certainly_not_sent(AppFailure(row="row", provider_id=None, message=message))


@pytest.mark.parametrize(
    "message",
    [
        None,
        "",
        "failed",
        "unknown error",
        # nobody saw how the call ended
        "timeout of 30000ms exceeded",
        "request timed out",
        "socket hang up",
        "ECONNRESET",
        "read ECONNRESET after HTTP 400",
        "Twilio error 21211, then a timeout",
        "This operation was aborted (code 21000)",
        # it was taken, or may have been
        "HTTP 500 Internal Server Error",
        "Request failed with status code 503",
        "status 502, retried: HTTP 400",
        "Twilio error 20500",
        "Twilio error 30005: unknown destination handset",
        # asked to come again, which the application may have done
        "HTTP 408",
        "status=409",
        "HTTP 429 Too Many Requests",
        "HTTP 499",
        # numbers that only look like codes
        "gave up after 21000 ms",
        "error after 21000 ms",
        "error after 21000ms",
        "error: 21600 seconds",
        "waited for 21211 others",
        "sent to +4421211",
        "121211",
        "booking 42703 of 23514",
        "HTTP 4000",
        # in flight: a claim is no failure
        "dispatching:2026-06-10T10:00:00Z",
        "dispatching: HTTP 400",
    ],
)
def test_a_failure_after_which_a_text_may_have_left(message: str | None) -> None:
    assert not certainly_not_sent(AppFailure(row="row", provider_id=None, message=message))


@pytest.mark.parametrize("message", [*NOTHING_LEFT, "Error: sms sending is currently SUSPENDED (flag)"])
def test_c2_what_the_reference_application_writes_before_it_tries(message: str) -> None:
    known = tuple(map(parse_text_pattern, NOTHING_LEFT))

    assert certainly_not_sent(AppFailure(row="row", provider_id=None, message=message), known)
    assert not certainly_not_sent(AppFailure(row="row", provider_id="SM" + "1" * 32, message=message), known)
    assert not certainly_not_sent(AppFailure(row="row", provider_id=None, message=f"{message}: timeout"), known)


@pytest.mark.parametrize("message", ["Failed to send message", "SMS sending", "suspended", "Failed to schedule"])
def test_c2_what_it_writes_in_every_other_case_stays_unclear(message: str) -> None:
    known = tuple(map(parse_text_pattern, NOTHING_LEFT))

    assert not certainly_not_sent(AppFailure(row="row", provider_id=None, message=message), known)


def test_whoever_has_an_id_of_the_provider_has_reached_it() -> None:
    assert not certainly_not_sent(AppFailure(row="row", provider_id="SM" + "1" * 32, message="HTTP 400 Bad Request"))


# Which reason comes first


def facts(last: Intent | None = None, **changes: Any) -> SmsFacts:
    usual: dict[str, Any] = {
        "number": "+447700900101",
        "country": "GB",
        "refused_kind": "",
        "opted_out": False,
        "draft": Draft(number="+447700900101", body="Hi. Ref 1a2b3c4d", trigger="booking_confirmed", segments=1),
        "recent": 0,
        "recipient": "number",
        "subject": "number:text",
    }
    return SmsFacts(known=known_with(last), **usual | changes)


def known_with(last: Intent | None) -> Known:
    return Known(last=last, incarnation=0)


def intent(state: State, **changes: Any) -> Intent:
    usual: dict[str, Any] = {
        "id": IntentId("1"),
        "booking": BOOKING.id,
        "effect": Effect.SMS,
        "trigger": "booking_confirmed",
        "generation": 1,
        "state": state,
        "attempts": 1,
        "subject": "number:text",
        "code": "twilio:21614",
        "cause": None,
        "provider_id": None,
        "not_before": None,
        "attempted_at": None,
        "account": "",
        "settle_tries": 0,
        "claim": None,
        "updated_at": NOON,
    }
    return Intent(**usual | changes)


def test_nothing_stands_against_it() -> None:
    verdict = judge_text(BOOKING, facts(), POLICY, NOON)

    assert (verdict.status, verdict.reason, verdict.cause) == (VerdictStatus.REPAIRABLE, "", Cause.NEVER_QUEUED)


def test_the_first_reason_is_the_one_that_is_told() -> None:
    """All of them at once; each is put right in turn, and the next comes to light."""
    unclear = AppFailure(row="row", provider_id=None, message="timeout")
    night = at("2026-06-10T20:30Z")
    booking = replace(
        BOOKING,
        created_at=night - timedelta(hours=80),
        starts_at=None,
        ends_at=night,
        app_failures=(AppFailure(row="row", provider_id=None, message="Twilio error 21610"), unclear),
        not_after=night,
    )
    known = facts(
        number=None,
        country="",
        refused_kind="a pager",
        opted_out=True,
        draft=None,
        recent=3,
        last=intent(State.UNKNOWN),
        subject="",
    )
    soon = night + timedelta(minutes=30)
    reasons = []

    def judge() -> None:
        reasons.append(judge_text(booking, known, POLICY, night).reason)

    judge()
    known = replace(known, known=known_with(None))
    judge()
    booking = replace(booking, starts_at=soon)
    judge()
    booking = replace(booking, ends_at=None)
    judge()
    known = replace(known, opted_out=False)
    judge()
    booking = replace(booking, app_failures=(unclear,))
    judge()
    known = replace(known, refused_kind="")
    judge()
    known = replace(known, number="+447700900101", country="SO")
    judge()
    known = replace(known, country="GB")
    judge()
    booking = replace(booking, app_failures=())
    judge()
    booking = replace(booking, created_at=night - timedelta(hours=1))
    judge()
    booking = replace(booking, starts_at=night + timedelta(days=7))
    judge()
    booking = replace(booking, not_after=night + timedelta(days=1))
    judge()
    draft = facts().draft
    assert draft
    known = replace(known, draft=replace(draft, segments=4), subject="number:text")
    judge()
    known = replace(known, draft=draft)
    judge()
    night = at("2026-06-10T19:59:30Z")
    judge()
    known = replace(known, recent=2)
    judge()
    night = at("2026-06-10T19:58:30Z")
    judge()

    assert reasons == [
        Refusal.UNKNOWN,
        Refusal.NO_DATE,
        Refusal.ENDS_BEFORE_START,
        Refusal.OPTED_OUT,
        Refusal.OPTED_OUT,
        Refusal.NUMBER_KIND,
        Refusal.PHONE_UNUSABLE,
        Refusal.COUNTRY,
        Refusal.MAY_HAVE_LEFT,
        Refusal.OLD,
        Refusal.TOO_SOON,
        Refusal.LAPSED,
        Refusal.TEXT_UNWRITABLE,
        Refusal.TOO_LONG,
        Hold.QUIET_HOURS,
        Hold.PER_RECIPIENT,
        Hold.QUIET_HOURS,  # half a minute is too short for Twilio
        "",
    ]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        # the last minute is too late already: the text would expire on its way
        ({"created_at": NOON - timedelta(hours=71, minutes=59)}, ""),
        ({"created_at": NOON - timedelta(hours=71, minutes=59, microseconds=1)}, Refusal.OLD),
        ({"starts_at": NOON + timedelta(hours=2, minutes=1), "ends_at": None}, ""),
        ({"starts_at": NOON + timedelta(hours=2, seconds=59), "ends_at": None}, Refusal.TOO_SOON),
        ({"not_after": NOON + timedelta(minutes=1)}, ""),
        ({"not_after": NOON + timedelta(seconds=59)}, Refusal.LAPSED),
        ({"ends_at": BOOKING.starts_at}, Refusal.ENDS_BEFORE_START),
        ({"customer_refuses": True}, Refusal.OPTED_OUT),
        ({"app_failures": (AppFailure(row="row", provider_id=None, message="HTTP 400"),) * 2}, ""),
        ({"app_failures": (AppFailure(row="row", provider_id=None, message=None),)}, Refusal.MAY_HAVE_LEFT),
    ],
)
def test_where_a_refusal_begins(changes: dict[str, Any], reason: str) -> None:
    assert judge_text(replace(BOOKING, **changes), facts(), POLICY, NOON).reason == reason


def test_another_customer_with_the_number_opted_out() -> None:
    assert judge_text(BOOKING, facts(opted_out=True), POLICY, NOON).reason is Refusal.OPTED_OUT


def test_who_has_no_quiet_hours_sends_at_night() -> None:
    night = at("2026-06-10T23:00Z")

    assert judge_text(BOOKING, facts(), replace(POLICY, quiet_hours=None), night).status is VerdictStatus.REPAIRABLE


def test_nothing_personal_is_shown() -> None:
    failure = AppFailure(row="row", provider_id=None, message="cannot text +447700900101")
    shown = repr((facts(), replace(BOOKING, app_failures=(failure,))))

    assert [word for word in ("7700900101", "Ana", "Lima", "Hi.") if word in shown] == []


# What our own ledger says

LATER = NOON + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("last", "standing", "reason", "cause"),
    [
        # the provider has it: never again, whatever became of the queue's row
        (intent(State.DONE), VerdictStatus.OK, Condition.NO_TEXT, None),
        # handed to the application, and no longer in its queue: somebody took it out
        (intent(State.DONE, handed_over=True), VerdictStatus.NEEDS_HUMAN, Refusal.TAKEN_BACK, Cause.DELETED_BY_HAND),
        (intent(State.SENDING), VerdictStatus.HELD, Hold.IN_FLIGHT, Cause.NEVER_QUEUED),
        (intent(State.UNKNOWN), VerdictStatus.NEEDS_HUMAN, Refusal.UNKNOWN, Cause.UNKNOWN_OUTCOME),
        (intent(State.NEEDS_HUMAN), VerdictStatus.NEEDS_HUMAN, Refusal.GIVEN_UP, Cause.GIVEN_UP),
        (intent(State.DROPPED), VerdictStatus.REPAIRABLE, "", Cause.NEVER_QUEUED),
        (intent(State.PLANNED), VerdictStatus.REPAIRABLE, "", Cause.NEVER_QUEUED),
        (intent(State.PLANNED, not_before=NOON), VerdictStatus.REPAIRABLE, "", Cause.NEVER_QUEUED),
        (intent(State.PLANNED, not_before=LATER), VerdictStatus.HELD, Hold.BACKOFF, Cause.NEVER_QUEUED),
        (
            intent(State.PLANNED, not_before=LATER, cause=Cause.BLOCKED),
            VerdictStatus.HELD,
            Hold.BACKOFF,
            Cause.BLOCKED,
        ),
        # refused, and nothing about it has changed
        (
            intent(State.REFUSED, cause=Cause.UNUSABLE_DATA),
            VerdictStatus.NEEDS_HUMAN,
            Refusal.REFUSED_BY_PROVIDER,
            Cause.UNUSABLE_DATA,
        ),
        # the same number with another text may fare better, unless it was the recipient who said no
        (
            intent(State.REFUSED, cause=Cause.UNUSABLE_DATA, subject="number:other"),
            VerdictStatus.REPAIRABLE,
            "",
            Cause.NEVER_QUEUED,
        ),
        (
            intent(State.REFUSED, cause=Cause.REFUSED_RECIPIENT, subject="number:other"),
            VerdictStatus.NEEDS_HUMAN,
            Refusal.REFUSED_BY_PROVIDER,
            Cause.REFUSED_RECIPIENT,
        ),
        (
            intent(State.REFUSED, cause=Cause.REFUSED_RECIPIENT, subject="another:text"),
            VerdictStatus.REPAIRABLE,
            "",
            Cause.NEVER_QUEUED,
        ),
    ],
    ids=range(14),
)
def test_what_became_of_the_last_attempt(
    last: Intent, standing: VerdictStatus, reason: str, cause: Cause | None
) -> None:
    verdict = judge_text(BOOKING, facts(last=last), POLICY, NOON)

    assert (verdict.status, verdict.reason, verdict.cause) == (standing, reason, cause)


def test_what_was_handed_over_and_failed_is_a_gap_again() -> None:
    last = intent(State.DONE, handed_over=True, provider_id="row-1")
    failed = replace(BOOKING, app_failures=(AppFailure(row="row-1", provider_id=None, message="HTTP 400"),))

    verdict = judge_text(failed, facts(last=last), POLICY, NOON)
    assert (verdict.status, verdict.cause) == (VerdictStatus.REPAIRABLE, Cause.APP_FAILED)
    other = replace(failed.app_failures[0], row="row-2")
    verdict = judge_text(replace(failed, app_failures=(other,)), facts(last=last), POLICY, NOON)
    assert verdict.reason is Refusal.TAKEN_BACK


def test_what_is_handed_over_does_not_wait_at_twilio() -> None:
    handing_over = replace(POLICY, deliver=Deliver.APPLICATION)
    just_before_nine = at("2026-06-10T19:59:30Z")

    assert judge_text(BOOKING, facts(), handing_over, just_before_nine).status is VerdictStatus.REPAIRABLE
    assert judge_text(BOOKING, facts(), handing_over, at("2026-06-10T20:00Z")).reason is Hold.QUIET_HOURS


def test_a_text_of_another_kind_was_sent() -> None:
    narrow = replace(
        POLICY, occasions={"confirmed": Occasion(trigger="booking_confirmed", satisfied_by=("booking_confirmed",))}
    )

    assert judge_text(BOOKING, facts(last=intent(State.DONE)), narrow, NOON).status is VerdictStatus.OK
    other = intent(State.DONE, trigger="booking_created")
    assert judge_text(BOOKING, facts(last=other), narrow, NOON).status is VerdictStatus.REPAIRABLE


def test_a_refusal_holds_for_the_same_text_to_the_same_number() -> None:
    draft = Draft(number="+447700900101", body="Hi", trigger="booking_created", segments=1)
    installation = "venue"

    assert draft.subject(installation) == replace(draft, trigger="booking_confirmed").subject(installation)
    number, text = draft.subject(installation).split(":")
    assert replace(draft, body="Ho").subject(installation).split(":")[0] == number
    assert replace(draft, number="+447700900102").subject(installation).split(":")[1] == text
    others = {replace(draft, body="Ho").subject(installation), replace(draft, number="+1").subject(installation)}
    assert draft.subject(installation) not in others | {draft.subject("another")}
    assert "447700900101" not in draft.subject(installation)
