"""Whose number it is: consent, the limit per recipient and the provider's list by one definition."""

from datetime import timedelta

import pytest

from reconciler.domain.decide.verdicts import Hold, Refusal
from reconciler.domain.gaps import GapKind
from tests.support.sandbox_world import World

pytestmark = pytest.mark.one_server

SMS = GapKind.SMS_MISSING
AR, MX, BR, IT, GB = "+5491123456789", "+525512345678", "+5511987654321", "+393201234567", "+447911123456"
STOP_ROWS = [
    ("AR", "011 15-2345-6789", AR),
    ("AR", "15-2345-6789", AR),
    ("AR", "+541123456789", AR),
    ("MX", "+52 1 55 1234 5678", MX),
    ("MX", "044 55 1234-5678", MX),
    ("BR", "+55 11 8765-4321", BR),
    ("BR", "(011) 98765 4321", BR),
    ("IT", "+39 0320 123 4567", IT),
    ("GB", "+44 (0)7911 123456", GB),
    ("GB", "00447911123456", GB),
    ("GB", "011 44 7911 123456", GB),
    ("GB", "٠٧٩١١ ١٢٣٤٥٦", GB),
    ("GB", "０７９１１１２３４５６", GB),
    ("GB", "07911 123456 ext. 12", GB),
    ("GB", "07911 123457, 07911 123456", GB),
    ("GB", "\u202a+44\u00a07911\u00a0123456\u202c", GB),
]


@pytest.mark.parametrize("column", ["mobile_number", "mobile_e164"])
@pytest.mark.parametrize(("region", "written", "number"), STOP_ROWS)
def test_c10_an_opted_out_number_is_found_in_every_way_to_write_it(
    world: World, region: str, written: str, number: str, column: str
) -> None:
    world.configure(texts=f", region: {region}, countries: [AR, MX, BR, IT, GB]")
    world.venue.customer(**{"mobile_e164": None, column: written}, sms_opt_in=False)
    booking = world.venue.booking(contact_phone=number)
    world.texts()
    assert world.sent_to() == []
    assert world.gaps()[SMS, booking] == ("refused_recipient", Refusal.OPTED_OUT)


@pytest.mark.parametrize("written", ["07911 123457", "", "n/a", "123456", "+44 7911 123 45", "011 15-2345-6789"])
def test_c10_whoever_refuses_with_another_number_stops_nobody_else(world: World, written: str) -> None:
    world.venue.customer(mobile_e164=None, mobile_number=written, sms_opt_in=False)
    world.venue.booking(contact_phone=GB)
    world.texts()
    assert world.sent_to() == [GB]


@pytest.mark.parametrize(
    ("region", "written", "number"),
    [
        ("AR", "011 15-2345-6789", AR),
        ("MX", "5215512345678", MX),
        ("BR", "+55 11 8765-4321", BR),
        ("GB", "٠٧٩١١ ١٢٣٤٥٦", GB),
    ],
)
def test_c10_texts_to_the_number_in_any_form_count_for_its_limit(
    world: World, region: str, written: str, number: str
) -> None:
    world.configure(
        texts=f", region: {region}, countries: [AR, MX, BR, IT, GB]", limits=", per_recipient: 1/24h"
    )  # fmt: skip
    world.venue.text(world.venue.booking(contact_phone="+33639980123"), customer_phone=written)
    booking = world.venue.booking(contact_phone=number)
    world.texts()
    assert world.sent_to() == []
    assert world.gaps()[SMS, booking] == ("never_queued", Hold.PER_RECIPIENT)


@pytest.mark.parametrize(
    ("region", "number", "listed"),
    [("AR", AR, "+541123456789"), ("MX", MX, "+5215512345678"), ("BR", BR, "+551187654321")],
)
def test_c10_a_text_that_twilio_lists_under_another_form_is_seen(
    world: World, region: str, number: str, listed: str
) -> None:
    """The application has texted the old form of the number: ours would be a second text."""
    world.configure(texts=f", region: {region}, countries: [{region}]")
    booking = world.venue.booking(contact_phone=number)
    world.sandbox.twilio.add_message(listed, "Your table is booked", world.clock.now() - timedelta(minutes=30))
    world.texts()
    assert world.sent_to() == [listed]
    assert world.gaps()[SMS, booking] == ("unknown_outcome", Hold.ANOTHER_TEXT)
