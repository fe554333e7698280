"""Words, weights and the functions that go by them, without a database."""

from dataclasses import replace

import pytest

from reconciler.settings.adopt import words
from reconciler.settings.adopt.answers import answers_from, defaults
from reconciler.settings.adopt.candidates import LEAST, candidates, judged
from reconciler.settings.adopt.evidence import event_column_of, sent_column_of
from reconciler.settings.adopt.facts import CIVIL, CLOCK, DAY, INSTANT, SeenColumn, SeenDatabase, SeenLink, SeenTable
from reconciler.settings.adopt.guess import MappingGuess
from reconciler.settings.adopt.links import with_implied_links
from reconciler.settings.adopt.naming import name_words, singular, weight
from reconciler.settings.adopt.people import person_of
from reconciler.settings.adopt.proposal import Confidence
from reconciler.settings.adopt.propose import proposal_of
from reconciler.settings.adopt.statuses import status_of, where_of
from reconciler.settings.adopt.times import due_of, end_guess, start_of
from reconciler.settings.adopt.written import VenuePlace, file_text, flow
from reconciler.settings.file.values import TableName

WORDS = "text"


def table(name: str, columns: dict[str, str], key: str | None = "id", **more: object) -> SeenTable:
    seen = {
        own: SeenColumn(name=own, type=kind, is_text=kind == WORDS, is_unique=own == key)
        for own, kind in columns.items()
    }
    return SeenTable(name=TableName("public", name), columns=seen, key=key, **more)


def database(*tables: SeenTable) -> SeenDatabase:
    return with_implied_links(SeenDatabase(tables={one.name: one for one in tables}))


def bookings(name: str = "bookings", **columns: str) -> SeenTable:
    usual = {"id": "integer", "starts_at": INSTANT, "created_at": INSTANT, "status": WORDS, "customer_name": WORDS}
    return table(name, usual | columns)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("startTime", ("start", "time")),
        ("StartAt", ("start", "at")),
        ("start_at", ("start", "at")),
        ("mobile_e164", ("mobile", "e", "164")),
        ("GCalEventID", ("g", "cal", "event", "id")),
    ],
)
def test_a_name_is_cut_into_words(name: str, expected: tuple[str, ...]) -> None:
    assert name_words(name) == expected


@pytest.mark.parametrize(
    ("word", "expected"), [("people", "person"), ("parties", "party"), ("class", "class"), ("status", "status")]
)
def test_the_singular(word: str, expected: str) -> None:
    assert singular(word) == expected


def test_a_number_in_international_form_is_preferred() -> None:
    weights = [
        weight(name, words.PHONES, words.PEOPLE_NOUNS) for name in ("mobile_e164", "customer_mobile", "phone", "fax")
    ]
    assert weights == sorted(weights, reverse=True)
    assert weights[-1] == 0


@pytest.mark.parametrize(
    ("columns", "form"),
    [
        ({"starts_at": INSTANT}, "starts_at"),
        ({"start": CIVIL}, None),
        ({"start_utc": CIVIL, "begins_at": INSTANT}, "begins_at"),
        ({"booking_date": DAY, "booking_time": CLOCK}, {"date": "booking_date", "time": "booking_time"}),
        ({"starts_at": INSTANT, "date": DAY}, "starts_at"),
    ],
)
def test_the_start(columns: dict[str, str], form: object) -> None:
    found = start_of(table("bookings", columns))
    assert found is not None
    assert found.form == form


@pytest.mark.parametrize(
    "columns", [{"date": DAY}, {"created_at": INSTANT}, {"ends_at": INSTANT}, {"post_date": CIVIL}]
)
def test_no_start(columns: dict[str, str]) -> None:
    assert start_of(table("bookings", columns)) is None


@pytest.mark.parametrize(
    ("columns", "form"),
    [
        ({"ends_at": INSTANT}, "ends_at"),
        ({"duration": "interval"}, {"length": "duration"}),
        ({"duration_minutes": "integer"}, {"minutes": "duration_minutes"}),
        ({"duration": "integer"}, {"minutes": "duration"}),
        ({"duration": "double precision"}, {"hours": "duration"}),
        ({"end_time": CLOCK}, "off"),
        ({}, "off"),
    ],
)
def test_the_end(columns: dict[str, str], form: object) -> None:
    one = table("bookings", {"starts_at": INSTANT, **columns})
    start = start_of(one)
    assert start is not None
    found = end_guess(one, start)
    assert found.form == form
    assert (found.confidence is Confidence.CONFIRM) == (
        columns.keys() == {"duration"} and "interval" not in columns.values()
    )


def test_when_it_was_confirmed() -> None:
    found = due_of(bookings(confirmed_at=INSTANT))
    assert found is not None
    assert found.form == "confirmed_at"
    assert due_of(bookings()) is None


def test_the_words_of_a_status_have_a_meaning() -> None:
    one = bookings()
    labels = ("PENDING", "Confirmed", "no_show", "CANCELED", "completed")
    status = status_of(replace(one, columns={**one.columns, "status": replace(one.columns["status"], labels=labels)}))
    assert status is not None
    assert (status.statuses, status.cancelled) == (("Confirmed",), ("CANCELED",))


@pytest.mark.parametrize(
    ("column", "kind", "where"),
    [
        ("deleted_at", INSTANT, {"deleted_at": None}),
        ("is_deleted", "boolean", {"is_deleted": {"not": True}}),
        ("active", "boolean", {"active": {"not": False}}),
        ("colour", WORDS, {}),
    ],
)
def test_rows_that_are_no_bookings(column: str, kind: str, where: dict[str, object]) -> None:
    one = bookings(**{column: kind})
    status = status_of(one)
    assert status is not None
    assert where_of(one, status)[0] == where


def test_staff_are_no_customers() -> None:
    people = table("users", {"id": "integer", "name": WORDS, "phone": WORDS})
    one = table("bookings", {"id": "integer", "staff_id": "integer", "created_by": "integer"})
    links = tuple(SeenLink(column=name, table=people.name, target="id") for name in ("staff_id", "created_by"))
    assert person_of(replace(one, links=links), database(one, people)).joins == {}


def test_a_link_without_a_foreign_key_is_only_likely() -> None:
    people = table("clients", {"id": "bigint", "full_name": WORDS, "mobile": WORDS})
    one = table("bookings", {"id": "bigint", "client_id": "bigint"})
    seen = database(one, people)
    found = person_of(seen.tables[one.name], seen)
    assert [str(place) for place in (*found.names, *found.phones)] == ["client.full_name", "client.mobile"]
    assert found.confidence() is Confidence.LIKELY


@pytest.mark.parametrize(
    ("column", "found"),
    [
        ("google_event_id", True),
        ("gcalEventId", True),
        ("calendar_id", False),
        ("google_calendar_id", False),
        ("event_type", False),
    ],
)
def test_the_id_of_an_event(column: str, found: bool) -> None:
    assert (event_column_of(bookings(**{column: WORDS})) is not None) == found


@pytest.mark.parametrize(
    ("column", "confidence"),
    [
        ("sms_sent_at", Confidence.LIKELY),
        ("texted_at", Confidence.LIKELY),
        ("confirmation_sent_at", Confidence.CONFIRM),
        ("confirmation_email_sent_at", None),
        ("sms_reminder_sent_at", None),
        ("sent_at", None),
    ],
)
def test_a_column_that_shows_a_text(column: str, confidence: Confidence | None) -> None:
    found = sent_column_of(bookings(**{column: INSTANT}))
    assert (found.confidence if found else None) == confidence


def test_tables_are_told_apart() -> None:
    """A view, a table about bookings, and one that lacks what is needed come behind the bookings."""
    whole, view = bookings(), replace(bookings("current_bookings"), is_view=True)
    lacking = table("events", {"id": "integer", "start": INSTANT})
    ranked = candidates(database(view, bookings("booking_types"), bookings("subscriptions"), lacking, whole))
    scores = {one.table.name.name: one.score for one in ranked}
    assert next(iter(scores)) == "bookings"
    assert scores["bookings"] > scores["current_bookings"]
    assert max(scores.get("booking_types", 0), scores["subscriptions"]) < LEAST
    assert [one.is_usable for one in ranked if one.table.name.name == "events"] == [False]
    assert judged(replace(whole, key=None), database(whole)).lacks == ("a key of one column",)


def proposal_for(one: SeenTable, given: dict[str, object]) -> str:
    seen = database(one)
    guess = MappingGuess.of(seen, judged(seen.tables[one.name], seen))
    answers, mistakes = answers_from(given, guess.questions())
    assert mistakes == []
    return file_text(proposal_of(guess, answers), VenuePlace(region="GB"))


def test_the_file_has_a_reason_in_each_line() -> None:
    text = proposal_for(bookings(), {"statuses": "on", "cancelled": [], "timezone": "Europe/London"})
    assert 'statuses: ["on"]' in text
    assert "starts: starts_at  # sure: starts_at is a timestamptz" in text


def test_a_number_is_not_texted_where_none_is_found() -> None:
    text = proposal_for(bookings(), {"statuses": ["confirmed"], "cancelled": [], "timezone": "Europe/London"})
    assert "policy: off" in text


def test_defaults_are_answers() -> None:
    one = bookings()
    seen = database(one)
    guess = MappingGuess.of(seen, judged(seen.tables[one.name], seen))
    assert defaults(guess.questions()).statuses is None, "no label was seen: there is no sensible default"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("off", "off"),
        ("no", '"no"'),
        ("true", '"true"'),
        ("1", '"1"'),
        (None, "null"),
        ({"not": [True, "a b"]}, '{not: [true, "a b"]}'),
        ('public."Booking"', '"public.\\"Booking\\""'),
        ("Europe/London", "Europe/London"),
    ],
)
def test_values_are_written_as_yaml(value: object, written: str) -> None:
    assert flow(value) == written
