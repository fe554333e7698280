"""MessageTemplate: what a template may say, what is wrong with one, and what comes out of it for a booking."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from reconciler.domain.bookings import Booking, BookingId
from reconciler.ports import Unwritable
from reconciler.settings.model.cron_file import CronFile
from reconciler.settings.model.rules import PLACEHOLDER_NAMES
from reconciler.text.greeting import Greeting
from reconciler.text.localized import localized
from reconciler.text.templates import MessageTemplate, Style, Templates
from reconciler.text.templates import check_template as check

LONDON = ZoneInfo("Europe/London")
STYLE = Style(LONDON, localized("en_GB"), Greeting.of("there", PLACEHOLDER_NAMES))
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


def check_template(template: str) -> list[str]:
    return check(template, STYLE, ())


def written(
    template: str, booking: Booking = BOOKING, zone: ZoneInfo = LONDON, locale: str = "en_GB", nameless: str = "there"
) -> str:
    messages = {"confirmed": MessageTemplate("booking_confirmed", template)}
    style = Style(zone, localized(locale), replace(STYLE.greeting, nameless=nameless))
    return Templates(messages, style).write(booking, NUMBER).body


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


@pytest.mark.parametrize(
    ("template", "what"),
    [
        ("{% for a in ref %}{% for b in ref %}x{% endfor %}{% endfor %}", "a loop inside a loop"),
        ("{% for a in ref %}{% if a %}{% for b in ref %}x{% endfor %}{% endif %}{% endfor %}", "a loop inside a loop"),
        ("{% for a in [ref] recursive %}{{ loop(a) }}{% endfor %}", "a loop inside a loop"),
        ("{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(99) }}", "a macro"),
        ("{{ ref.center(999999999) }}", "a number above 9999"),
        ("{{ '%999999999s' % ref }}", "a format with a width above 999"),
        ("{{ '{:>999999999}'.format(ref) }}", "a format with a width above 999"),
        ("{% call f() %}{% endcall %}", "a call"),
        ("{% include 'x' %}", "another template"),
    ],
)
def test_a_template_has_an_end(template: str, what: str) -> None:
    assert f"{what} does not belong in a text" in check_template(f"{template} {{{{ ref }}}}")


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

    draft = Templates(wordings, STYLE).write(replace(BOOKING, status=status), NUMBER)

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
        ("Ma\u200bya", "", "Maya"),
        ("\u202eayaM", "", "ayaM"),
        ("Maya\nSTOP", "", "Maya STOP"),
        ("Mai\u0308a", "", "Ma\u00efa"),
        ("M" * 40, "", "M" * 40),
        ("M" * 41, "", "there"),
        ("M" * 1_000_000, "Maya Okafor", "Maya"),
        ("O'Brien & Söhne <b>", "", "there"),
        ("{{ ref }}", "", "there"),
        ("{% raw %}", "", "there"),
        # Names as people have them
        ("Anne-Marie", "", "Anne-Marie"),
        ("D’Arcy", "", "D’Arcy"),
        ("O'Neil", "", "O'Neil"),
        ("Mary Jane Ann", "", "Mary Jane Ann"),
        ("José Ángel", "", "José Ángel"),
        ("Łukasz", "", "Łukasz"),
        ("Nguyễn", "", "Nguyễn"),
        ("विष्णु", "", "विष्णु"),
        ("محمد", "", "محمد"),
        ("さくら", "", "さくら"),
        ("Nil", "", "Nil"),
        ("", "Maria de los Angeles Lima", "Maria"),
        ("", "Dr. Ana Lima", "there"),  # no title is a first name
        # C11: what a form lets anybody write
        ("your account is locked http://evil.example/p", "", "there"),
        ("", "your account is locked http://evil.example/p", "there"),
        ("your account is locked", "", "there"),
        ("www.evil.example", "", "there"),
        ("evil.example/p", "", "there"),
        ("Ana https://evil.example", "Ana Lima", "Ana"),
        ("ana@evil.example", "", "there"),
        ("Ana2", "", "there"),
        ("+447700900123", "", "there"),
        ("07700 900123", "", "there"),
        ("٠٧٧٠٠", "", "there"),
        ("Ana 🎉", "", "there"),
        ("Ana (VIP)", "", "there"),
        ("Ana; DROP", "", "there"),
        ("Z͓͔͑͒algo", "", "there"),
        ("-", "", "there"),
        ("'", "Ana Lima", "Ana"),
        # Placeholders
        ("Unknown", "", "there"),
        ("Gu\u200best", "", "there"),
        ("Un\u00adknown", "", "there"),
        ("Gu\ufeffest\u2060", "", "there"),
        ("A\u200bna", "", "Ana"),
        ("Guest", "", "there"),
        ("null", "", "there"),
        ("NULL", "Null", "there"),
        ("none", "", "there"),
        ("test", "", "there"),
        ("n/a", "N/A", "there"),
        ("Customer", "Customer 12", "there"),
        ("Guest Guest", "", "there"),
        ("Unknown", "Ana Lima", "Ana"),
        ("", "Test User", "there"),
        ("No  Name", "", "there"),
        ("Ｇｕｅｓｔ", "", "there"),
        ("walk-in", "", "there"),
        ("Walk In", "", "there"),
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
        ("{{ occasion }} {{ ref }}", replace(BOOKING, occasion=None), "lacks"),
        ("{{ occasion }} {{ ref }}", replace(BOOKING, occasion=" \u200b"), "lacks"),
        ("{{ guests }} {{ ref }}", replace(BOOKING, guests=None), "lacks"),
        ("{{ name }} {{ ref }}", replace(BOOKING, name=""), "lacks"),
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


# What a booking lacks, and numbers and days as people write them

BARE = replace(BOOKING, first_name="", name="", guests=None, occasion=None)
IN_CONDITIONS = [
    "{% if guests %}for {{ guests }} {% endif %}",
    "{% if guests > 10 %}many {% endif %}",
    "{% if 10 < guests %}many {% endif %}",
    "{% if guests == 2 %}two {% endif %}",
    "{% if guests and guests >= 2 %}for {{ guests }} {% endif %}",
    "{% if guests + 1 > 2 %}more {% endif %}",
    "{% if guests is defined %}for {{ guests }} {% endif %}",
    "{% if occasion %}{{ occasion }} {% endif %}",
    "{% if occasion|lower == 'birthday' %}happy {% endif %}",
    "{% if occasion.upper() == 'BIRTHDAY' %}happy {% endif %}",
    "{% if 'birth' in occasion %}happy {% endif %}",
    "{% if occasion|trim|length %}{{ occasion }} {% endif %}",
    "{% for letter in occasion %}{{ letter }}{% endfor %} ",
    "{% if name %}{{ name }} {% endif %}",
    "{% if first_name %}{{ first_name }} {% endif %}",
]


@pytest.mark.parametrize("template", IN_CONDITIONS)
def test_d6_what_a_booking_lacks_is_false_in_a_condition(template: str) -> None:
    assert check_template(f"{template}{{{{ ref }}}}") == []
    assert written(f"{template}{{{{ ref }}}}", BARE) == "7f3a9c21"


@pytest.mark.parametrize(
    ("template", "lacks"),
    [
        ("{{ guests }}", ("guests",)),
        ("{{ guests }} {{ occasion }} {{ name }}", ("guests", "name", "occasion")),
        ("{{ guests + 1 }}", ("guests",)),
        ("{{ 2 * guests }}", ("guests",)),
        ("{{ occasion|upper }}", ("occasion",)),
        ("{{ occasion.title() }}", ("occasion",)),
        ("{{ occasion[0] }}", ("occasion",)),
        ("{{ 'x' ~ occasion }}", ("occasion",)),
        ("{% if not guests %}{{ guests }}{% endif %}", ("guests",)),
        ("{% set who = name %}{{ who }}", ("name",)),
    ],
)
def test_d6_it_is_an_error_only_where_it_is_printed_and_then_named(template: str, lacks: tuple[str, ...]) -> None:
    with pytest.raises(Unwritable) as caught:
        written(f"{template} {{{{ ref }}}}", BARE)
    assert caught.value.lacks == lacks


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ guests|default(2) }}", "2"),
        ("{{ occasion|default('party')|upper }}", "PARTY"),
        ("{{ first_name|default('friend', true) }}", "friend"),
        ("Hi{% if first_name %} {{ first_name }}{% endif %},", "Hi,"),
        ("Hi {{ first_name }},", "Hi there,"),
        ("{{ first_name.upper() }}", "THERE"),
    ],
)
def test_what_a_template_puts_in_its_place(template: str, said: str) -> None:
    assert written(f"{template} {{{{ ref }}}}", BARE) == f"{said} 7f3a9c21"


def test_who_is_greeted_without_a_name_in_another_language() -> None:
    assert written("Hallo {{ first_name }}! {{ ref }}", BARE, nameless="lieber Gast") == "Hallo lieber Gast! 7f3a9c21"


@pytest.mark.parametrize(
    ("guests", "locale", "said"),
    [
        (40, "en_GB", "40"),
        (Decimal("40.5"), "en_GB", "40.5"),
        (Decimal("40.50"), "de_DE", "40,5"),
        (1200, "en_GB", "1,200"),
        (1200, "de_DE", "1.200"),
        (12000, "fr_FR", "12 000"),
        (0, "en_GB", "0"),
        ("about 40", "en_GB", "about 40"),
    ],
)
def test_d6_numbers_as_people_write_them(guests: int | Decimal | str, locale: str, said: str) -> None:
    booking = replace(BOOKING, guests=guests)
    assert written("{{ guests }}|{{ ref }}", booking, locale=locale) == f"{said}|7f3a9c21"


def test_a_year_is_no_count() -> None:
    assert written("{{ year }} {{ year + 1 }} {{ year - 1 }} {{ ref }}") == "2026 2027 2025 7f3a9c21"


@pytest.mark.parametrize("number", ["10 ** 9", "guests ** guests", "9999 * 9999", "guests * guests", "'x' * guests"])
def test_no_number_is_without_end(number: str) -> None:
    assert unwritable(f"{{{{ {number} }}}} {{{{ ref }}}}", replace(BOOKING, guests=10**8)) in (
        "TypeError",
        "ValueError",
    )


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        ("en_GB", "Saturday 5 December at 19:05 (Saturday)"),
        ("en_US", "Saturday, December 5 at 7:05 PM (Saturday)"),
        ("de_DE", "Samstag, 5. Dezember at 19:05 (Samstag)"),
        ("fr_FR", "samedi 5 décembre at 19:05 (samedi)"),
        ("es_ES", "sábado, 5 de diciembre at 19:05 (sábado)"),
        ("cs_CZ", "sobota 5. prosince at 19:05 (sobota)"),
        ("lv_LV", "sestdiena, 5. decembris at 19:05 (Sestdiena)"),
        ("ja_JP", "12月5日土曜日 at 19:05 (土曜日)"),
    ],
)
def test_days_and_months_in_the_venues_language(locale: str, said: str) -> None:
    assert written("{{ date }} at {{ time }} ({{ weekday }}) {{ ref }}", locale=locale) == f"{said} 7f3a9c21"


@pytest.mark.parametrize(
    "occasion", ["Win at http://evil.example", "www.evil.example", "evil.example/p", "a@evil.example"]
)
def test_an_occasion_with_a_link_is_not_printed(occasion: str) -> None:
    booking = replace(BOOKING, occasion=occasion)
    assert unwritable("{{ occasion }} {{ ref }}", booking) == "lacks"
    draft = Templates(
        {"confirmed": MessageTemplate("t", "{% if occasion %}x{{ occasion }}{% endif %}{{ ref }}")}, STYLE
    )
    assert draft.write(booking, NUMBER).left_out == ("occasion left out: has a link",)


@pytest.mark.parametrize(
    ("first_name", "name", "left_out"),
    [
        ("Maya", "", ()),
        ("", "", ()),
        ("Guest", "Maya Okafor", ()),
        ("Guest", "", ("first_name left out: a placeholder",)),
        ("http://evil.example", "", ("first_name left out: not a name",)),
        ("", "Unknown", ("first_name left out: a placeholder",)),
    ],
)
def test_what_was_left_out_is_said_and_quotes_nobody(first_name: str, name: str, left_out: tuple[str, ...]) -> None:
    messages = {"confirmed": MessageTemplate("t", "Hi {{ first_name }} {{ ref }}")}
    draft = Templates(messages, STYLE).write(replace(BOOKING, first_name=first_name, name=name), NUMBER)
    assert draft.left_out == left_out


def test_d6_a_template_is_tried_on_the_barest_and_on_the_fullest_booking() -> None:
    messages = {
        "draft": MessageTemplate("t", "{% if guests %}{{ guests }} {% endif %}{{ ref }}"),
        "confirmed": MessageTemplate("t", "{{ guests }} {{ occasion }} {{ ref }}"),
    }
    tried = {(one.status, one.is_full): (one.segments, one.lacks) for one in Templates(messages, STYLE).trials()}
    assert tried == {
        ("draft", False): (1, ()),
        ("draft", True): (1, ()),
        ("confirmed", False): (0, ("guests", "occasion")),
        ("confirmed", True): (1, ()),
    }
