"""Whom a text may reach and what it may say: countries, kinds of numbers, greetings, holds that lapse, its length."""

from datetime import timedelta

import pytest

from reconciler.domain.decide.verdicts import Refusal
from reconciler.domain.gaps import GapKind
from tests.support.sandbox_world import World

pytestmark = pytest.mark.one_server

SMS = GapKind.SMS_MISSING


def refused(world: World, booking: str) -> tuple[str, str]:
    world.texts()
    assert world.sent_to() == []
    return world.gaps()[SMS, booking]


# C11: countries and kinds of numbers


@pytest.mark.parametrize("number", ["+252612345678", "+33612345678", "+18762345678", "+371 21 234 567", "+79161234567"])
def test_c11_a_number_of_a_country_that_is_not_listed_needs_a_human(world: World, number: str) -> None:
    booking = world.venue.booking(contact_phone=number)
    assert refused(world, booking) == ("refused_recipient", Refusal.COUNTRY)
    world.configure(texts=", countries: [GB, SO, FR, JM, LV, RU]")
    world.later(minutes=10)
    assert world.texts().repaired == 1


@pytest.mark.parametrize("number", ["07911 123456", "07624 123456", "07797 712345", "07400 123456"])
def test_c11_territories_that_share_the_countrys_numbers_are_of_it(world: World, number: str) -> None:
    world.venue.booking(contact_phone=number)
    assert world.texts().repaired == 1


@pytest.mark.parametrize(
    ("region", "number"), [("US", "+1 876 234 5678"), ("US", "+1 416 555 0123"), ("KZ", "+79161234567")]
)
def test_c11_a_country_code_is_no_country(world: World, region: str, number: str) -> None:
    world.configure(texts=f", region: {region}")
    booking = world.venue.booking(contact_phone=number)
    assert refused(world, booking) == ("refused_recipient", Refusal.COUNTRY)


@pytest.mark.parametrize(
    "number",
    [
        "070 1234 5678",  # personal
        "+881612345678", "+870773111632", "+882 16 1234 5678",  # satellites, and networks of no country
        "0909 879 0123",  # premium rate
        "0800 111 1111", "076 4001 2345", "055 1234 5678",  # toll-free, a pager, a company's
    ],
)  # fmt: skip
def test_c11_a_number_of_a_kind_that_is_never_texted_needs_a_human(world: World, number: str) -> None:
    world.configure(texts=", countries: [GB, SO]")
    booking = world.venue.booking(contact_phone=number)
    assert refused(world, booking) == ("unusable_data", Refusal.NUMBER_KIND)


@pytest.mark.parametrize("number", ["020 7946 0123", "call the bar", "+44 7911 123"])
def test_what_is_no_number_for_texts_stays_unusable(world: World, number: str) -> None:
    booking = world.venue.booking(contact_phone=number)
    assert refused(world, booking) == ("unusable_data", Refusal.PHONE_UNUSABLE)


# C11: greetings


@pytest.mark.parametrize(
    "first_name",
    [
        "your account is locked http://evil.example/p",
        "Unknown",
        "Guest",
        "null",
        "n/a",
        "+447700900123",
        "Ana 🎉",
        "TEST",
    ],
)
def test_c11_nobody_is_greeted_by_what_is_no_name(world: World, first_name: str) -> None:
    world.venue.booking(customer_first_name=first_name, customer_name=first_name)
    assert world.texts().repaired == 1
    (message,) = world.sandbox.twilio.messages
    assert message.body.startswith("Hi there, your party on ")


@pytest.mark.parametrize("first_name", ["Zoë", "D\u2019Arcy", "Anne-Marie", "Nguyễn"])
def test_c11_and_everybody_by_their_name(world: World, first_name: str) -> None:
    world.venue.booking(customer_first_name=first_name)
    assert world.texts().repaired == 1
    assert world.sandbox.twilio.messages[0].body.startswith(f"Hi {first_name}, ")


def test_the_venue_lists_its_own_placeholders(world: World) -> None:
    world.configure(texts=", placeholder_names: [Laufkundschaft], nameless: lieber Gast")
    world.venue.booking(customer_first_name="Laufkundschaft", customer_name="")
    world.texts()
    assert world.sandbox.twilio.messages[0].body.startswith("Hi lieber Gast, ")


# C11: a hold that lapses


@pytest.mark.parametrize("ago", [timedelta(hours=1), timedelta(0), timedelta(days=400), timedelta(seconds=-30)])
def test_c11_a_draft_whose_hold_lapsed_gets_no_text(world: World, ago: timedelta) -> None:
    booking = world.venue.booking(status="draft", hold_expiry=world.clock.now() - ago)
    assert refused(world, booking) == ("too_late", Refusal.LAPSED)


@pytest.mark.parametrize("value", ["infinity", None, "2026-06-10T13:00+00"])
def test_c11_a_hold_that_lasts_is_confirmed(world: World, value: str | None) -> None:
    world.venue.booking(status="draft", hold_expiry=value)
    assert world.texts().repaired == 1


@pytest.mark.parametrize("value", ["-infinity", "1000-01-01"])
def test_c11_a_hold_that_ended_before_time_has_lapsed(world: World, value: str) -> None:
    assert refused(world, world.venue.booking(status="draft", hold_expiry=value)) == ("too_late", Refusal.LAPSED)


def test_c11_what_was_confirmed_is_no_hold_any_more(world: World) -> None:
    world.venue.booking(status="confirmed", hold_expiry=world.clock.now() - timedelta(days=1))
    assert world.texts().repaired == 1


def test_c11_twilio_keeps_a_text_no_longer_than_the_hold_lasts(world: World) -> None:
    world.venue.booking(status="draft", hold_expiry=world.clock.now() + timedelta(minutes=20))
    world.texts()
    (message,) = world.sandbox.twilio.messages
    assert message.validity
    assert 1100 < message.validity <= 1200


@pytest.mark.parametrize(("column", "code"), [("no_such_column", "columns_missing"), ("event_date", "column_type")])
def test_c11_a_column_that_says_no_time_is_told(world: World, column: str, code: str) -> None:
    world.configure(
        texts=f", messages: {{draft: {{trigger: booking_created, template: 'Hi {{{{ ref }}}}', not_after: {column}}}, "
        "confirmed: {trigger: booking_confirmed, template: 'Yes {{ ref }}'}}"
    )
    world.venue.booking(status="draft")
    world.texts()
    assert world.sent_to() == []
    assert code in {reason for _, reason in world.gaps().values()}


# Templates and their length

GUESTS = (
    ", messages: {draft: {trigger: booking_created, template: 'Hi {{ ref }}'}, confirmed: {trigger: booking_confirmed, "
    "template: 'Hi{% if guests %}, for {{ guests }}{% endif %}. Ref {{ ref }}'}}"
)


@pytest.mark.parametrize(
    ("type_", "guests", "said"),
    [
        ("numeric", 40, "Hi, for 40. Ref"),
        ("numeric(6,2)", 40, "Hi, for 40. Ref"),
        ("numeric(6,2)", 1200, "Hi, for 1,200. Ref"),
        ("double precision", 40, "Hi, for 40. Ref"),
        ("text", 40, "Hi, for 40. Ref"),
        ("integer", None, "Hi. Ref"),
        ("numeric", None, "Hi. Ref"),
        ("numeric", "NaN", "Hi. Ref"),
        ("double precision", "Infinity", "Hi. Ref"),
        ("text", "", "Hi. Ref"),
    ],
)
def test_d6_guests_of_any_type_and_none(world: World, type_: str, guests: object, said: str) -> None:
    world.configure(texts=GUESTS)
    world.venue.alter("ALTER TABLE private_bookings DROP CONSTRAINT private_bookings_guest_count_check")
    world.venue.alter(f"ALTER TABLE private_bookings ALTER COLUMN guest_count TYPE {type_}")
    world.venue.booking(guest_count=str(guests) if type_ == "text" and guests is not None else guests)
    assert world.texts().repaired == 1
    assert world.sandbox.twilio.messages[0].body.startswith(said)


@pytest.mark.parametrize(("most", "repaired"), [(1, 0), (2, 0), (3, 1)])
def test_a_text_of_too_many_segments_is_told_and_not_sent(world: World, most: int, repaired: int) -> None:
    template = f"template: '{'x' * 400} {{{{ ref }}}}'"
    world.configure(
        texts=f", messages: {{draft: {{trigger: booking_created, {template}}}, "
        f"confirmed: {{trigger: booking_confirmed, {template}}}}}",
        limits=f", segments: {most}",
    )
    booking = world.venue.booking()
    assert world.texts().repaired == repaired
    assert world.gaps().get((SMS, booking)) == (None if repaired else ("unusable_data", Refusal.TOO_LONG))


@pytest.mark.parametrize("name", ["Ł" * 40, "M" * 40, "さ" * 40])
@pytest.mark.parametrize("status", ["draft", "confirmed"])
def test_the_shipped_texts_fit_the_shipped_limit_whatever_the_name(world: World, name: str, status: str) -> None:
    world.venue.booking(customer_first_name=name, status=status)
    assert world.texts().repaired == 1
