"""The last look: phone numbers and credentials go, everything a person needs to act stays."""

import pytest

from reconciler.reporting.redact import clean, masked

NUMBERS = [
    "+447700900123",
    "07700900123",
    "07700 900 123",
    "07700-900-123",
    "(020) 7946 0123",
    "+1 (415) 555-0132",
    "00447700900123",
    "To=%2B447700900123",
]
HARMLESS = [
    "1a2b3c4d",
    "SM0123456789abcdef0123456789abcdef",
    "1a2b3c4d-0000-4000-8000-123456789012",
    "2026-06-10T11:00:00+00:00",
    "twilio:21610, sqlstate:23514",
    "12,304 of 50,000",
    "5a4d5a4d5a4d5a4d5a4d5a4d5a4d5a4d",
]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_goes(number: str) -> None:
    digits = "".join(character for character in number if character.isdigit())
    assert digits[-6:] not in "".join(
        character for character in masked(f"call {number}, please") if character.isdigit()
    )


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_number_stays(text: str) -> None:
    assert masked(text) == text


def test_credentials_of_a_url_go() -> None:
    assert masked("at postgresql://job:s3cret@db:5432/venue") == "at postgresql://db:5432/venue"


def test_every_string_of_a_structure_is_looked_at() -> None:
    assert clean({"a": ["+447700900123", {"b": ("07700 900123", 7)}], "c": None}) == {
        "a": ["[number]", {"b": ["[number]", 7]}],
        "c": None,
    }
