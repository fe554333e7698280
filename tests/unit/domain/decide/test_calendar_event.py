"""A booking's event: its id, its title and times, and what to do about events that are there already."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.bookings import Booking, BookingId
from reconciler.domain.decide.calendar_decision_table import (
    CELLS,
    Seen,
    Step,
    Whose,
    owner_of,
    pick_adoptable,
    placement,
    step,
)
from reconciler.domain.decide.calendar_event import (
    CalendarEvent,
    body,
    event_id,
    judge_event,
    subject,
    times,
)
from reconciler.domain.decide.policies import CalendarPolicy, DeletedByHand, Policy
from reconciler.domain.decide.verdicts import Refusal, VerdictStatus
from reconciler.domain.gaps import Cause, Effect
from reconciler.domain.intents import EVENT_TRIGGER, Intent, IntentId, State

LONDON = ZoneInfo("Europe/London")
POLICY = CalendarPolicy(
    policy=Policy.REPAIR, zone=LONDON, deleted_by_hand=DeletedByHand.REPORT, default_length=timedelta(hours=3)
)
RESTORE = replace(POLICY, deleted_by_hand=DeletedByHand.RESTORE)
STARTS = datetime(2026, 6, 20, 18, 30, tzinfo=UTC)
BOOKING = Booking(
    id=BookingId("1a2b3c4d-0000-4000-8000-000000000000"),
    status="confirmed",
    created_at=datetime(2026, 6, 1, tzinfo=UTC),
    starts_at=STARTS,
    ends_at=STARTS + timedelta(hours=4),
    event_id=None,
    first_name="Ana",
    name="Ana Lima",
    phones=(),
    guests=40,
    occasion="Birthday",
)


# Ids


def test_an_id_is_the_same_in_every_release() -> None:
    """Written down once: an id that came out otherwise would disown every event made before."""
    assert event_id("venue", BOOKING.id, 1) == "rclsp8mr9dd7oqb408cnd93fc683mi1vmn76qeukmje2ld4ju3sqb4g"


@given(st.text(), st.text(), st.integers(1))
def test_google_takes_every_id(installation: str, booking: str, generation: int) -> None:
    """a to v and 0 to 9, 5 to 1024 characters: base32hex (Calendar API, Event.id)."""
    assert re.fullmatch(r"rcl[a-v0-9]{2,1021}", event_id(installation, BookingId(booking), generation))


def test_installations_bookings_and_generations_never_share_an_id() -> None:
    ids = [
        event_id(installation, BookingId(booking), generation)
        for installation in ("venue", "venue2")
        for booking in (BOOKING.id, "1a2b3c4d-0000-4000-8000-000000000001")
        for generation in (1, 2, 11)
    ]

    assert len(set(ids)) == len(ids)


# What an event says


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({}, "[CONFIRMED] - 1a2b3c4d - Ana Lima"),
        ({"status": "draft"}, "[DRAFT] - 1a2b3c4d - Ana Lima"),
        ({"name": ""}, "[CONFIRMED] - 1a2b3c4d - Booking"),
        ({"name": " \t\n"}, "[CONFIRMED] - 1a2b3c4d - Booking"),
        ({"name": "Ana\nLima"}, "[CONFIRMED] - 1a2b3c4d - Ana Lima"),
        ({"name": "Ana\u202eamiL"}, "[CONFIRMED] - 1a2b3c4d - Ana amiL"),
        ({"name": "Ana - Lima & <Sons>"}, "[CONFIRMED] - 1a2b3c4d - Ana - Lima & <Sons>"),
        ({"name": "A" * 174}, "[CONFIRMED] - 1a2b3c4d - " + "A" * 174),
        ({"name": "A" * 175}, "[CONFIRMED] - 1a2b3c4d - " + "A" * 175),
        ({"name": "A" * 176}, "[CONFIRMED] - 1a2b3c4d - " + "A" * 174 + "…"),
    ],
    ids=range(10),
)
def test_a_title(changes: dict[str, Any], title: str) -> None:
    written = body(replace(BOOKING, **changes), POLICY, "venue", 1).title

    assert written == title
    assert len(written) <= 200


@pytest.mark.parametrize(
    ("changes", "description"),
    [
        ({}, "Booking 1a2b3c4d<br>Ana Lima<br>Guests: 40<br>Occasion: Birthday"),
        ({"guests": None, "occasion": None}, "Booking 1a2b3c4d<br>Ana Lima"),
        ({"guests": 0, "occasion": ""}, "Booking 1a2b3c4d<br>Ana Lima<br>Guests: 0"),
        (
            {"name": "<b>Ana</b>", "occasion": '"Tea" & <script>', "guests": None},
            "Booking 1a2b3c4d<br>&lt;b&gt;Ana&lt;/b&gt;<br>Occasion: &quot;Tea&quot; &amp; &lt;script&gt;",
        ),
    ],
)
def test_a_description_is_safe_html(changes: dict[str, Any], description: str) -> None:
    assert body(replace(BOOKING, **changes), POLICY, "venue", 1).description == description


def test_nothing_personal_is_shown() -> None:
    shown = repr((body(BOOKING, POLICY, "venue", 1), found()))

    assert [word for word in ("Ana", "Lima", "Birthday") if word in shown] == []


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "wall"),
    [
        # where the booking has no end: three hours, as they pass
        ("2026-06-20T18:30Z", None, ("2026-06-20T19:30+01:00", "2026-06-20T22:30+01:00")),
        ("2026-06-20T21:30Z", None, ("2026-06-20T22:30+01:00", "2026-06-21T01:30+01:00")),
        ("2026-03-29T00:30Z", None, ("2026-03-29T00:30+00:00", "2026-03-29T04:30+01:00")),
        ("2026-10-24T23:30Z", None, ("2026-10-25T00:30+01:00", "2026-10-25T02:30+00:00")),
        ("2026-10-25T00:30Z", None, ("2026-10-25T01:30+01:00", "2026-10-25T03:30+00:00")),
        ("2026-10-25T01:30Z", None, ("2026-10-25T01:30+00:00", "2026-10-25T04:30+00:00")),
        # an end of its own stays, after midnight and over the change too
        ("2026-06-20T18:30Z", "2026-06-21T00:00Z", ("2026-06-20T19:30+01:00", "2026-06-21T01:00+01:00")),
        ("2026-10-24T23:30Z", "2026-10-25T01:30Z", ("2026-10-25T00:30+01:00", "2026-10-25T01:30+00:00")),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Europe/London", "America/New_York"])
def test_an_event_stands_where_the_venues_clocks_show_it(
    starts_at: str, ends_at: str | None, wall: tuple[str, str], zone: str
) -> None:
    """In whichever zone the instants come from the database."""
    instants = [datetime.fromisoformat(moment).astimezone(ZoneInfo(zone)) for moment in (starts_at, ends_at) if moment]
    booking = replace(BOOKING, starts_at=instants[0], ends_at=instants[1] if ends_at else None)
    event = body(booking, POLICY, "venue", 1)

    assert (event.starts_at.isoformat(timespec="minutes"), event.ends_at.isoformat(timespec="minutes")) == wall
    assert event.zone == "Europe/London"
    assert [moment.astimezone(UTC) for moment in times(booking, POLICY)] == [
        datetime.fromisoformat(moment).astimezone(UTC) for moment in wall
    ]


def test_without_a_date_there_is_no_event() -> None:
    with pytest.raises(ValueError, match="without a date"):
        times(replace(BOOKING, starts_at=None), POLICY)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ""),
        ({"ends_at": None}, ""),
        ({"ends_at": STARTS}, Refusal.ENDS_BEFORE_START),
        ({"ends_at": STARTS - timedelta(hours=1)}, Refusal.ENDS_BEFORE_START),
        ({"starts_at": None}, Refusal.NO_DATE),
    ],
)
def test_may_an_event_be_made(changes: dict[str, Any], reason: str) -> None:
    verdict = judge_event(replace(BOOKING, **changes), None, POLICY, STARTS - timedelta(days=1))

    assert verdict.reason == reason
    assert verdict.status is (VerdictStatus.NEEDS_HUMAN if reason else VerdictStatus.REPAIRABLE)
    assert verdict.cause is (Cause.UNUSABLE_DATA if reason else Cause.NEVER_CREATED)


def test_an_event_whose_making_is_unclear_is_not_made_again() -> None:
    last = Intent(
        id=IntentId("1"),
        booking=BOOKING.id,
        effect=Effect.CALENDAR,
        trigger=EVENT_TRIGGER,
        generation=1,
        state=State.UNKNOWN,
        attempts=1,
        subject=subject(BOOKING, POLICY),
        code="timeout",
        cause=None,
        provider_id=None,
        not_before=None,
        attempted_at=None,
        account="",
        settle_tries=0,
        claim=None,
        updated_at=STARTS - timedelta(days=1),
    )

    assert judge_event(BOOKING, last, POLICY, STARTS - timedelta(days=1)).reason is Refusal.UNKNOWN


@pytest.mark.parametrize(
    "changes",
    [
        {"starts_at": STARTS + timedelta(minutes=1)},
        {"ends_at": None},
        {"status": "draft"},
        {"name": "Ana Lopes"},
        {"guests": None},
        {"occasion": None},
    ],
)
def test_a_refused_event_is_tried_again_when_it_would_say_something_else(changes: dict[str, Any]) -> None:
    assert subject(replace(BOOKING, **changes), POLICY) != subject(BOOKING, POLICY)


def test_or_when_another_policy_is_asked_for() -> None:
    assert subject(BOOKING, RESTORE) != subject(BOOKING, POLICY)
    assert subject(replace(BOOKING, created_at=STARTS, phones=("1",)), POLICY) == subject(BOOKING, POLICY)


# Events that are there already


def found(**changes: Any) -> CalendarEvent:
    """As the application makes them."""
    usual: dict[str, Any] = {
        "id": "app1",
        "live": True,
        "title": "[CONFIRMED] - 1a2b3c4d - Ana Lima @ The Anchor",
        "starts_at": STARTS,
        "recurring": False,
        "marker": None,
    }
    return CalendarEvent(**usual | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"live": False},
        {"title": "1a2b3c4d"},
        {"title": "Private - 1a2b3c4d"},
        {"title": "[DRAFT] -  1a2b3c4d  - somebody else's words"},
        {"starts_at": STARTS.astimezone(LONDON)},
        {"starts_at": datetime.fromisoformat("2026-06-20T14:30:00-04:00")},
        {"marker": BOOKING.id},
        # ours, and the ledger lost it
        {"id": event_id("venue", BOOKING.id, 1)},
    ],
)
def test_an_event_of_this_booking(changes: dict[str, Any]) -> None:
    event = found(**changes)

    assert owner_of(event, BOOKING, named_elsewhere=False) is Whose.CANDIDATE
    assert owner_of(event, BOOKING, named_elsewhere=True) is Whose.COPY


@pytest.mark.parametrize(
    "changes",
    [
        {"title": ""},
        {"title": "[CONFIRMED] - 1a2b3c4e - Ana Lima"},
        {"title": "[CONFIRMED] - 1a2b3c4d5 - Ana Lima"},
        {"title": "[CONFIRMED] - 1A2B3C4D - Ana Lima"},
        {"title": "[CONFIRMED] 1a2b3c4d Ana Lima"},
        {"title": "Call Ana about 1a2b3c4d - urgent"},
        {"title": "[CONFIRMED]-1a2b3c4d-Ana Lima"},
        {"starts_at": STARTS + timedelta(minutes=1)},
        {"starts_at": STARTS - timedelta(days=7)},
        {"starts_at": None},  # a whole day
        {"recurring": True},
        {"marker": "another"},
        {"marker": ""},
        {"id": event_id("venue", BOOKING.id, 1), "live": False},
    ],
)
def test_not_an_event_of_this_booking(changes: dict[str, Any]) -> None:
    """Whatever differs in one thing only is somebody else's, and is left alone."""
    assert owner_of(found(**changes), BOOKING, named_elsewhere=False) is Whose.COPY


NUMBER, SHARED, TIMED, WORD = "4", "APPT-00001", "0190d6a2-7c3b-7d2e-8c1a-5f6b7a8c9d0e", "tasting"


@pytest.mark.parametrize("booking", [NUMBER, SHARED, TIMED, WORD])
@pytest.mark.parametrize(
    ("title", "whose"),
    [
        ("Tasting - {} - wine club", Whose.COPY),
        ("{}", Whose.COPY),
        ("Table - {} - Ana", Whose.COPY),
        ("[CONFIRMED] - {} - Ana Limarez", Whose.COPY),
        ("[CONFIRMED] - {} - Ana Lima", Whose.CANDIDATE),
        ("[CONFIRMED] - {} - ana lima @ The Anchor", Whose.CANDIDATE),
        ("Ana Lima - {} - Birthday", Whose.CANDIDATE),
        ("[CONFIRMED] - 0 - Ana Lima", Whose.COPY),
    ],
)
def test_a_number_or_a_shared_beginning_in_a_title_identifies_no_booking(
    booking: str, title: str, whose: Whose
) -> None:
    """B9: ids that are numbers, or begin alike."""
    wanted = replace(BOOKING, id=BookingId(booking))
    assert owner_of(found(title=title.format(wanted.reference)), wanted, named_elsewhere=False) is whose


def test_without_a_name_only_a_random_id_or_our_own_mark_identifies_it() -> None:
    nameless = replace(BOOKING, id=BookingId(NUMBER), name=" ")
    title = "[CONFIRMED] - 4 - Booking"
    assert owner_of(found(title=title), nameless, named_elsewhere=False) is Whose.COPY
    assert owner_of(found(title=title, marker=NUMBER), nameless, named_elsewhere=False) is Whose.CANDIDATE


ONE, TWO, GONE = found(), found(id="app2"), found(id="app3", live=False)


REPORTED, RESTORED = DeletedByHand.REPORT, DeletedByHand.RESTORE


@pytest.mark.parametrize(
    ("there", "policy", "expected", "does"),
    [
        ([], REPORTED, (Seen.NOTHING, None), Step.INSERT),
        ([ONE], REPORTED, (Seen.LIVE, ONE), Step.ADOPT),
        ([GONE, ONE], REPORTED, (Seen.LIVE, ONE), Step.ADOPT),
        ([ONE, TWO], REPORTED, (Seen.SEVERAL, None), Step.ASK_HUMAN),
        ([ONE, TWO, GONE], REPORTED, (Seen.SEVERAL, None), Step.ASK_HUMAN),
        ([GONE], REPORTED, (Seen.TOMBSTONE, None), Step.ASK_HUMAN),
        ([GONE, GONE], REPORTED, (Seen.TOMBSTONE, None), Step.ASK_HUMAN),
        # restore brings back what is gone, and changes nothing about what is there
        ([], RESTORED, (Seen.NOTHING, None), Step.INSERT),
        ([GONE], RESTORED, (Seen.NOTHING, None), Step.INSERT),
        ([ONE], RESTORED, (Seen.LIVE, ONE), Step.ADOPT),
        ([GONE, ONE], RESTORED, (Seen.LIVE, ONE), Step.ADOPT),
        ([ONE, TWO], RESTORED, (Seen.SEVERAL, None), Step.ASK_HUMAN),
    ],
    ids=range(12),
)
def test_what_the_candidates_ask_for(
    there: list[CalendarEvent], policy: DeletedByHand, expected: tuple[Seen, CalendarEvent | None], does: Step
) -> None:
    assert pick_adoptable(there, policy) == expected
    assert step(expected[0], Whose.CANDIDATE) is does


# The table


def test_every_row_and_every_column_is_in_the_table() -> None:
    assert {seen for seen, _ in CELLS} == set(Seen)
    assert {whose for _, whose in CELLS} == set(Whose)


def test_a_row_the_table_does_not_have_is_an_error() -> None:
    with pytest.raises(KeyError):
        step(Seen.HIDDEN, Whose.COPY)


def test_nothing_but_our_own_is_ever_deleted_or_made_again() -> None:
    deletes = {Step.REMOVE, Step.NEXT_GENERATION}
    assert {column for (_, column), cell in CELLS.items() if cell in deletes} <= {
        Whose.INSERTED,
        Whose.ASKED,
        Whose.UNWANTED,
    }


def test_a_call_that_may_have_happened_is_asked_for_and_nothing_else_is() -> None:
    """Only an insert leaves something behind; whatever is read or deleted may simply be tried again."""
    assert {column for (_, column), cell in CELLS.items() if cell is Step.ASK} == {Whose.INSERTED}
    blocks = {seen for (seen, column), cell in CELLS.items() if column is Whose.INSERTED and cell is Step.BLOCK}
    blocks.remove(Seen.OBJECTED)  # to what is written: nothing else has a content to object to
    for column in set(Whose) - {Whose.INSERTED}:
        assert {seen for (seen, other), cell in CELLS.items() if other is column and cell is Step.BLOCK} == blocks


def test_an_event_without_a_time_stands_on_another_day_and_so_does_every_event_of_an_undated_party() -> None:
    assert placement(STARTS, STARTS.astimezone(LONDON)) is Seen.LIVE
    for hour in (0, 1):  # 1:30 comes twice that night
        repeated = datetime(2026, 10, 25, hour, 30, tzinfo=UTC)
        assert placement(repeated, repeated.astimezone(LONDON)) is Seen.LIVE
    assert placement(None, STARTS) is placement(STARTS, None) is placement(None, None) is Seen.ANOTHER_DAY


@pytest.mark.parametrize("fold", [0, 1])
def test_an_hour_that_comes_twice_is_the_same_instant_in_every_zone(fold: int) -> None:
    starts_at = datetime(2026, 10, 25, 1, 30, tzinfo=LONDON, fold=fold)
    assert placement(starts_at, starts_at.astimezone(UTC)) is Seen.LIVE
    assert placement(starts_at, starts_at.replace(fold=1 - fold).astimezone(UTC)) is Seen.ANOTHER_DAY
