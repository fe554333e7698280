"""One definition of "the same number": for consent, for the limit per recipient, and for the search at the provider."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.store.app.evidence import number_key
from reconciler.text import phones
from reconciler.text.phones import Phones

SAME = [
    # C10: Argentina writes 15 behind the area code at home, and 9 before it from abroad
    ("AR", "011 15-2345-6789", "+5491123456789"),
    ("GB", "011 15-2345-6789", "+5491123456789"),
    ("AR", "15-2345-6789", "+5491123456789"),
    ("AR", "+54 11 2345-6789", "+5491123456789"),
    ("AR", "0351 15 234-5678", "+5493512345678"),
    ("AR", "+54 351 15 234-5678", "+5493512345678"),
    # Mexico's 1 after +52, and the 044 and 045 of its mobile numbers, all given up
    ("MX", "+52 1 55 1234 5678", "+525512345678"),
    ("MX", "044 55 1234 5678", "+525512345678"),
    ("GB", "5215512345678", "+525512345678"),
    ("MX", "55 1234 5678", "+525512345678"),
    # Brazil's ninth digit
    ("BR", "+55 11 8765-4321", "+5511987654321"),
    ("BR", "(011) 98765-4321", "+5511987654321"),
    ("BR", "0 15 11 8765-4321", "+5511987654321"),
    # Italy's leading zero
    ("IT", "+39 0320 123 4567", "+393201234567"),
    ("IT", "0320 1234567", "+393201234567"),
    # Prefixes, brackets, extensions, notes, other scripts
    ("GB", "+44 (0)7911 123456", "+447911123456"),
    ("GB", "0044 (0) 7911 123456", "+447911123456"),
    ("US", "011 44 7911 123456", "+447911123456"),
    ("GB", "07911 123456 ext 5", "+447911123456"),
    ("GB", "07911 123456 (mum)", "+447911123456"),
    ("GB", "07911 123456 / 07911 123457", "+447911123456"),
    ("GB", "07911 123457; 07911 123456", "+447911123456"),
    ("GB", "٠٧٩١١ ١٢٣٤٥٦", "+447911123456"),
    ("GB", "۰۷۹۱۱ ۱۲۳۴۵۶", "+447911123456"),
    ("GB", "０７９１１１２３４５６", "+447911123456"),
    ("GB", "०७९११ १२३४५६", "+447911123456"),
    ("GB", "\u202a+44\u00a07911\u00a0123456\u202c", "+447911123456"),
    ("GB", "2125552368", "+12125552368"),
    ("FR", "06.12.34.56.78", "+33612345678"),
    ("GB", "whatsapp:+447911123456", "+447911123456"),
    ("HU", "06 20 123 4567", "+36201234567"),
    ("SH", "51234", "+29051234"),
    ("GB", "+290 51234", "+29051234"),
    ("GB", "0029051234", "+29051234"),
    ("SH", "51234 / 51235", "+29051234"),
    ("WF", "82-43-18 / 020 7946 0123", "+681824318"),
    ("WF", "824318 ext 5", "+681824318"),
]  # fmt: skip
OTHERS = [
    ("GB", "07911 123457", "+447911123456"),
    ("GB", "", "+447911123456"),
    ("GB", "123456", "+447911123456"),  # a landline of a town
    ("AR", "011 15-2345-6780", "+5491123456789"),
    ("BR", "+55 21 98765-4321", "+5511987654321"),
    ("MX", "+52 1 33 1234 5678", "+525512345678"),
    ("GB", "07911 951234", "+29051234"),
    ("US", "555-2368", "+12125552368"),  # without its area code it may be anybody's
]


def means(region: str, written: str, number: str) -> bool:
    return number in Phones(region).meant([written], [number])[written]


@pytest.mark.parametrize(("region", "written", "number"), SAME)
def test_c10_a_field_that_may_mean_the_number(region: str, written: str, number: str) -> None:
    assert means(region, written, number)


@pytest.mark.parametrize(("region", "written", "number"), OTHERS)
def test_c10_a_field_that_means_another(region: str, written: str, number: str) -> None:
    assert not means(region, written, number)


@pytest.mark.parametrize(("region", "written", "number"), SAME)
def test_c10_what_the_number_is_sent_to_is_the_number_itself(region: str, written: str, number: str) -> None:
    """A field that can be read as one number is read as this one, or as none: never as a stranger's."""
    assert Phones(region).e164(written) in (number, None)


@pytest.mark.parametrize(
    ("number", "forms"),
    [
        ("+447911123456", ["+447911123456"]),
        ("+5491123456789", ["+5491123456789", "+541123456789"]),
        ("+525512345678", ["+525512345678", "+5215512345678"]),
        ("+5511987654321", ["+5511987654321", "+551187654321"]),
    ],
)
def test_c10_the_forms_in_which_the_provider_may_list_it(number: str, forms: list[str]) -> None:
    assert list(Phones("GB").forms(number)) == forms


@given(st.text(alphabet="0123456789+() -./x٠١٢\u00a0", max_size=20), st.sampled_from(["GB", "AR", "SH", "US"]))
def test_every_field_that_may_mean_a_number_holds_one_of_its_tails(written: str, region: str) -> None:
    """SQL selects by the tails: what it leaves out is never decided."""
    for number in ("+447911123456", "+5491123456789", "+29051234", "+5511987654321"):
        held = f"{written}{number[-8:]}"
        if means(region, held, number):
            digits = phones.ascii_digits(held)
            assert any(tail in digits for tail in Phones(region).tails([number]))


def test_sql_and_python_cut_the_same_tail() -> None:
    assert number_key.TAIL == phones.TAIL
