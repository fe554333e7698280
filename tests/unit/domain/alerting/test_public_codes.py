"""Which codes of an application can stand for a booking, and where a text names one."""

import pytest

from reconciler.domain.alerting.public_codes import code_fault, identifies_alone, possible_codes
from reconciler.domain.decide.sms_settlement import contains_reference

USABLE = [
    "B-2026-0042",
    "AB12",
    "10042",
    "KXJQWP",
    "a.b+c*d(1)2",
    "APPT_00001",
    "2026/0042",
    "PB-2026-11-0042",
]
UNUSABLE = {
    None: "empty",
    "": "empty",
    " \t": "empty",
    "42": "too short",
    "B-1": "too short",
    "2026": "too short",
    "B 0042": "spaces",
    " B-0042": "spaces",
    "B-0042\n": "spaces",
    "B-0042-": "letters and digits",
    "#10042": "letters and digits",
    "B-00\u202e42": "letters and digits",
    "ÄB-0042": "letters and digits",
    "B" * 41: "longer",
    "ana@venue.example": "e-mail",
    "+447700900142": "telephone",
    "07700900142": "telephone",
    "venue.example/b/0042": "a link",
    "Ana": "name",
    "ana lima": "name",
}


@pytest.mark.parametrize("written", USABLE)
def test_a_code_that_stands_for_a_booking(written: str) -> None:
    assert code_fault(written, "Ana Lima", "Ana") == ""


@pytest.mark.parametrize(("written", "said"), UNUSABLE.items())
def test_one_that_does_not_says_why_without_its_value(written: str | None, said: str) -> None:
    fault = code_fault(written, "Ana Lima", "Ana")
    assert said in fault
    assert not written or not written.strip() or written.strip() not in fault


@pytest.mark.parametrize("written", USABLE)
def test_it_is_found_again_in_a_text(written: str) -> None:
    text = f"Hello Ana, see you at 19:30. Ref: {written}. Bye"
    assert contains_reference(text, written)
    assert written in possible_codes(text)


def test_plain_words_are_no_codes() -> None:
    text = "Hi Ana, your party at 19:30 is confirmed! Ref:B-12345."
    assert possible_codes(text) == {"19:30", "Ref:B-12345", "B-12345", "12345"}


def test_only_what_no_title_has_by_chance_identifies_without_a_name() -> None:
    assert [identifies_alone(code) for code in ("B-2026-0042", "KXJQWP", "20261204", "AB12")] == [
        True,
        False,
        False,
        False,
    ]
