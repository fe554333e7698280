"""Phone numbers as venues hold them. In doubt a number is refused: a text to a stranger cannot be taken back."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.text.phones import REGIONS, Phones

ANA = "+447911123456"
AS_WRITTEN = [
    ANA,
    "07911 123456",
    "07911123456",
    "(07911) 123-456",
    "07911.123.456",
    "+44 7911 123 456",
    "+44 (0)7911 123456",
    "0044 7911 123456",
    "447911123456",
    "7911 123456",
]
"""One number, as it is found in bookings and in customers' rows."""


@pytest.fixture
def british() -> Phones:
    return Phones("GB")


@pytest.mark.parametrize(
    "written",
    [
        *AS_WRITTEN,
        " 07911 123456\n",
        "07911\u200b123456",
        "０７９１１ １２３４５６",
        "tel: 07911 123456",
        "07911 123456" + " " * 28,
    ],
)
def test_a_mobile_number_in_any_spelling(british: Phones, written: str) -> None:
    assert british.e164(written) == ANA


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("+1 212 555 2368", "+12125552368"),
        ("+39 320 123 4567", "+393201234567"),
        ("07624 123456", "+447624123456"),  # Isle of Man
        ("+4915112345678", "+4915112345678"),
    ],
)
def test_mobile_numbers_from_elsewhere(british: Phones, written: str, number: str) -> None:
    assert british.e164(written) == number


@pytest.mark.parametrize(
    ("region", "written", "number"),
    [
        ("IE", "085 123 4567", "+353851234567"),
        ("FR", "06 12 34 56 78", "+33612345678"),
        ("US", "(212) 555-2368", "+12125552368"),
        ("IT", "320 123 4567", "+393201234567"),
        ("IE", "07911 123456", None),
    ],
)
def test_a_national_number_is_the_regions(region: str, written: str, number: str | None) -> None:
    assert Phones(region).e164(written) == number


@pytest.mark.parametrize(
    "written",
    [
        "", " ", "+", "+44", "999", "n/a", "none", "ask at the bar", "ana@example.org", "\x00",
        "07911 12345",  # a digit short
        "07911 1234567",  # one too many
        "020 7946 0123", "+44 20 7946 0123",  # a landline
        "0800 1111", "118 118", "0909 879 0123",  # services
        "076 1234 5678",  # a pager
        "+1 (07911) 123456",
        "07911 123456 ext 5", "07911 123456;ext=7", "07911123456x5", "07911 123456 #5",
        "07911 123456 (home)", "07911 123456 ask for Ana",
        "07911 CALLME", "07911 ABCDEF",  # letters that telephone keys would turn into digits
        "07911123456/07911123457", "07911123456 07911123457", "07911123456\n07911123457", f"{ANA} or {ANA}",
        "07911 123456" + " " * 29,  # longer than any number is written
    ],
)  # fmt: skip
def test_not_one_number_that_takes_texts(british: Phones, written: str) -> None:
    assert british.e164(written) is None


@pytest.mark.parametrize(
    ("written", "number"), [("07700 900123", "+447700900123"), ("+33 6 39 98 01 23", "+33639980123")]
)
def test_numbers_kept_for_fiction_are_taken(british: Phones, written: str, number: str) -> None:
    """Every trial of this product should use them: they belong to nobody."""
    assert british.e164(written) == number


@pytest.mark.parametrize("written", ["+447700901123", "+44770090012", "+33639990123"])
def test_their_neighbours_are_judged_as_any_other(british: Phones, written: str) -> None:
    assert british.e164(written) is None


@given(st.one_of(st.text(), st.from_regex(r"[+0-9 ()./x#;,-]{0,45}", fullmatch=True)), st.sampled_from(sorted(REGIONS)))
def test_whatever_is_written_ends_in_a_number_or_none(written: str, region: str) -> None:
    number = Phones(region).e164(written)

    if number is not None:
        assert re.fullmatch(r"\+[1-9][0-9]{6,14}", number)
        assert Phones("GB").e164(number) == number
