"""MessageTemplate: what a template may say, what is wrong with one, and what comes out of it for a booking."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from reconciler.domain.bookings import Booking, BookingId
from reconciler.ports import Unwritable
from reconciler.settings.file.model import CronFile
from reconciler.text.templates import MessageTemplate, Templates, check_template

LONDON = ZoneInfo("Europe/London")
BOOKING = Booking(
    id=BookingId("7f3a9c21-0000-4000-8000-000000000000"),
    status="confirmed",
    created_at=datetime(2026, 6, 1, tzinfo=UTC),
    starts_at=datetime(2026, 12, 5, 19, 5, tzinfo=UTC),
    ends_at=None,
    event_id=None,
    first_name="Maya",
    name="Maya Okafor",
    phones=(),
    guests=12,
    occasion="Retirement",
)
NUMBER = "+447700900105"


def written(template: str, booking: Booking = BOOKING, zone: ZoneInfo = LONDON) -> str:
    messages = {"confirmed": MessageTemplate("booking_confirmed", template)}
    return Templates(messages, zone).write(booking, NUMBER).body


def unwritable(template: str, booking: Booking = BOOKING) -> str:
    with pytest.raises(Unwritable) as caught:
        written(template, booking)
    return str(caught.value.args[0])


# A template as such

UNKNOWN = "available: date, first_name, guests, name, occasion, ref, time, weekday, year"
NO_REFERENCE = "the reference is missing: add {{ ref }}, by which a text is found again at the provider"
ALTERED = "the reference must appear unchanged and as a separate word: {{ ref }} without a filter"


@pytest.mark.parametrize(
    "template",
    [
        "{{ ref }}",
        "Hi {{ first_name }} ({{ name }}), {{ weekday }} {{ date }} {{ year }}, {{ time }}. Ref: {{ ref }}.",
        "{% if guests is defined %}For {{ guests }}. {% endif %}[{{ref}}]",
        "{{ first_name|upper }} {{ first_name.upper() }} {{ year + 1 }} {{ occasion|default('party') }} {{ ref }}",
        "{# staff: do not change #}{{ ref }}",
        "{{ ref }} " + "x" * 1591 + "\n",  # 1600 characters are sent
    ],
    ids=range(6),
)
def test_a_template_that_can_be_used(template: str) -> None:
    assert check_template(template) == []


@pytest.mark.parametrize(
    ("template", "problems"),
    [
        ("Hi", [NO_REFERENCE]),
        ("{# {{ ref }} #}Hi", [NO_REFERENCE]),
        ("{% set ref = 'x' %}{{ ref }}", [NO_REFERENCE]),
        ("{{ frist_name }} {{ ref }}", ["unknown variable frist_name, did you mean first_name?"]),
        ("{{ phone }} {{ ref }}", [f"unknown variable phone, {UNKNOWN}"]),
        ("{{ rf }}", ["unknown variable rf, did you mean ref?", NO_REFERENCE]),
        ("{{ range(3) }} {{ ref }}", [f"unknown variable range, {UNKNOWN}"]),
        ("{{ ref|upper }}", [ALTERED]),
        ("{{ ref[:4] }}", [ALTERED]),
        ("PB{{ ref }}", [ALTERED]),
        ("{{ ref }}{{ first_name }}", [ALTERED]),
        ("{% if first_name == 'Nobody' %}{{ ref }}{% endif %}", [ALTERED]),
        ("\n\n{{ ref", ["line 3 of the template: unexpected end of template, expected 'end of print statement'."]),
        ("{{ ref|shout }}", ["line 1 of the template: No filter named 'shout'."]),
        ("{% for %}{{ ref }}", ["line 1 of the template: Expected an expression, got 'end of statement block'"]),
        ("{{ ref }} {{ guests / 0 }}", ["it cannot be filled: division by zero"]),
        ("{{ ref }} {{ name.surname }}", ["it cannot be filled: 'str object' has no attribute 'surname'"]),
        ("{{ ref }} {{ [ref] }}", ["it cannot be filled: list is neither text nor a number"]),
        ("{{ ref }} {{ none }}", ["it cannot be filled: NoneType is neither text nor a number"]),
        ("{{ ref }} " + "x" * 1600, ["1609 characters for a typical booking; Twilio accepts 1600"]),
    ],
    ids=range(20),
)  # fmt: skip
def test_what_is_wrong_with_a_template(template: str, problems: list[str]) -> None:
    assert check_template(template) == problems


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__ }} {{ ref }}",
        "{{ ref.format.__globals__ }} {{ ref }}",
        "{{ first_name.__init__.__globals__['os'] }} {{ ref }}",
        "{{ self }} {{ ref }}",
        "{{ name.upper }} {{ ref }}",
        "{% include '/etc/passwd' %} {{ ref }}",
        "{{ " + "(" * 3000 + "ref" + ")" * 3000 + " }}",
        "{% block again %}{{ self.again() }}{% endblock %} {{ ref }}",
    ],
    ids=range(8),
)
def test_a_template_reaches_no_further_than_its_booking(template: str) -> None:
    assert len(check_template(template)) == 1


# What comes out


DRAFT = (
    "Hi Maya, we have pencilled in your party for Saturday 5 December at 19:05. "
    "We will be in touch about the next steps. Ref 7f3a9c21"
)
CONFIRMED = (
    "Hi Maya, your party on Saturday 5 December at 19:05 is confirmed. We look forward to seeing you! Ref 7f3a9c21"
)


@pytest.mark.parametrize(
    ("status", "trigger", "body"),
    [("draft", "booking_created", DRAFT), ("confirmed", "booking_confirmed", CONFIRMED)],
)
def test_the_texts_of_an_untouched_cron_yaml(status: str, trigger: str, body: str) -> None:
    messages = CronFile().rules.sms_missing.messages
    wordings = {name: MessageTemplate(message.trigger, message.template) for name, message in messages.items()}

    draft = Templates(wordings, LONDON).write(replace(BOOKING, status=status), NUMBER)

    assert (draft.number, draft.trigger, draft.body, draft.segments) == (NUMBER, trigger, body, 1)
    assert all(check_template(message.template) == [] for message in messages.values())


@pytest.mark.parametrize(
    ("starts_at", "zone", "said"),
    [
        ("2026-12-05T19:05+00:00", "Europe/London", "Saturday 5 December 2026 19:05"),
        ("2026-06-05T23:30+00:00", "Europe/London", "Saturday 6 June 2026 00:30"),
        ("2026-12-31T23:30+00:00", "Europe/Paris", "Friday 1 January 2027 00:30"),
        ("2026-12-05T19:05+00:00", "America/New_York", "Saturday 5 December 2026 14:05"),
        # The hour that comes twice, and the one that never comes
        ("2026-10-25T00:30+00:00", "Europe/London", "Sunday 25 October 2026 01:30"),
        ("2026-10-25T01:30+00:00", "Europe/London", "Sunday 25 October 2026 01:30"),
        ("2026-03-29T01:00+00:00", "Europe/London", "Sunday 29 March 2026 02:00"),
    ],
)
def test_the_day_and_the_time_are_the_venues(starts_at: str, zone: str, said: str) -> None:
    booking = replace(BOOKING, starts_at=datetime.fromisoformat(starts_at))

    assert written("{{ date }} {{ year }} {{ time }} {{ ref }}", booking, ZoneInfo(zone)) == f"{said} 7f3a9c21"


def test_every_weekday_and_month_has_its_name() -> None:
    days = [datetime(2026, month, month, 12, tzinfo=UTC) for month in range(1, 13)]

    assert [written("{{ date }}, {{ ref }}", replace(BOOKING, starts_at=day)).partition(",")[0] for day in days] == [
        "Thursday 1 January", "Monday 2 February", "Tuesday 3 March", "Saturday 4 April", "Tuesday 5 May",
        "Saturday 6 June", "Tuesday 7 July", "Saturday 8 August", "Wednesday 9 September", "Saturday 10 October",
        "Wednesday 11 November", "Saturday 12 December",
    ]  # fmt: skip
    week = [datetime(2026, 6, 8, 12, tzinfo=UTC) + timedelta(days=days) for days in range(7)]
    assert [written("{{ weekday }} {{ ref }}", replace(BOOKING, starts_at=day)).split()[0] for day in week] == [
        "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("first_name", "name", "greeted"),
    [
        ("Maya", "Maya Okafor", "Maya"),
        ("", "Maya Okafor", "Maya"),
        ("  ", "  Maya   Okafor ", "Maya"),
        ("", "", "there"),
        ("\u200b", "\u202e", "there"),
        ("Ma\u200bya", "", "Ma ya"),
        ("\u202eayaM", "", "ayaM"),
        ("Maya\nSTOP", "", "Maya STOP"),
        ("Mai\u0308a", "", "Ma\u00efa"),
        ("M" * 60, "", "M" * 40),
        ("M" * 39 + " Okafor", "", "M" * 39),
        ("O'Brien & Söhne <b>", "", "O'Brien & Söhne <b>"),
        ("{{ ref }}", "", "{{ ref }}"),
        ("{% raw %}", "", "{% raw %}"),
    ],
)
def test_how_a_customer_is_greeted(first_name: str, name: str, greeted: str) -> None:
    booking = replace(BOOKING, first_name=first_name, name=name)

    assert written("{{ first_name }} | {{ ref }}", booking) == f"{greeted} | 7f3a9c21"


@pytest.mark.parametrize(
    ("template", "booking", "why"),
    [
        ("{{ ref }}", replace(BOOKING, status="cancelled"), "status"),
        ("{{ ref }}", replace(BOOKING, starts_at=None), "date"),
        ("{{ occasion }} {{ ref }}", replace(BOOKING, occasion=None), "UndefinedError"),
        ("{{ occasion }} {{ ref }}", replace(BOOKING, occasion=" \u200b"), "UndefinedError"),
        ("{{ guests }} {{ ref }}", replace(BOOKING, guests=None), "UndefinedError"),
        ("{{ name }} {{ ref }}", replace(BOOKING, name=""), "UndefinedError"),
        ("{{ 40 // guests }} {{ ref }}", replace(BOOKING, guests=0), "ZeroDivisionError"),
        ("{{ 'x' * guests }} {{ ref }}", replace(BOOKING, guests=1600), "TypeError"),
        ("x" * 1600 + " {{ ref }}", BOOKING, "length"),
        # Passes as a template, and would send a text that nobody could find again
        ("Hi{% if guests is defined %} {{ ref }}{% endif %}", replace(BOOKING, guests=None), "ref"),
    ],
)
def test_a_text_that_cannot_be_written(template: str, booking: Booking, why: str) -> None:
    assert unwritable(template, booking) == why


def test_why_it_cannot_be_written_quotes_nobody() -> None:
    assert "Maya" not in unwritable("{{ name + 1 }} {{ ref }}")


def test_the_longest_text() -> None:
    assert len(written("{{ ref }} " + "x" * (1600 - 9))) == 1600


def test_blanks_around_a_text_are_not_sent() -> None:
    assert written("\n  {{ ref }}  \n") == "7f3a9c21"
