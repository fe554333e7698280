"""D7: quotes and invisible characters in variables. Around a value they are removed; within one they are named."""

from collections.abc import Sequence

import pytest

from reconciler.settings.env.environment import Environment, read
from tests.support.valid_environment import COMPLETE
from tests.unit.settings.env.test_environment import BY_CONSENT
from tests.unit.settings.env.test_environment import reading as read_all


def reading(**changes: str) -> tuple[Environment, Sequence[str]]:
    """The complete environment after these changes, and every mistake in it."""
    return read_all(COMPLETE | changes)


@pytest.mark.parametrize(
    "written",
    [
        '"production"',  # the field report's: an env file keeps its quotes
        "'production'",
        " \u201cproduction\u201d\n",
        '\u200b"production"\ufeff',
        "\u00a0production\u2060",
        "` production `",
        "\u3164production\ufe0f",
    ],
)
def test_what_surrounds_a_value_is_no_part_of_it(written: str) -> None:
    parsed, found = reading(SENTRY_ENVIRONMENT=written)

    assert found == []
    assert parsed.sentry is not None
    assert parsed.sentry.environment == "production"


@pytest.mark.parametrize("name", sorted({*COMPLETE} - {"GOOGLE_SERVICE_ACCOUNT_KEY"}))
def test_every_variable_may_have_quotes(name: str) -> None:
    plain, _ = reading()

    quoted, found = reading(**{name: f'"{COMPLETE[name]}"'})

    assert found == []
    assert (quoted.database_url, quoted.token) == (plain.database_url, plain.token)
    assert (quoted.providers, quoted.sentry) == (plain.providers, plain.sentry)


def test_only_one_pair_of_quotes_is_removed() -> None:
    """Two pairs are no habit of an env file: somebody meant something else, or made a mistake."""
    parsed, found = reading(SENTRY_ENVIRONMENT="\"'production'\"")

    assert found == []
    assert parsed.sentry is not None
    assert parsed.sentry.environment == "'production'"


@pytest.mark.parametrize("written", ['""', "''", "\u200b", '"\ufeff"'])
def test_quotes_with_nothing_in_them_are_no_value(written: str) -> None:
    assert reading(TWILIO_AUTH_TOKEN=written)[1] == [
        "TWILIO_AUTH_TOKEN: not set; the account's token; or TWILIO_API_KEY and TWILIO_API_SECRET instead"
    ]


@pytest.mark.parametrize(
    ("name", "character", "seen"),
    [
        ("TWILIO_AUTH_TOKEN", "\u200b", "U+200B ZERO WIDTH SPACE"),
        ("DATABASE_URL", "\u00ad", "U+00AD SOFT HYPHEN"),
        ("SENTRY_ENVIRONMENT", "\u3164", "U+3164 HANGUL FILLER"),
        ("RECONCILER_TOKEN", "\x1b", "U+001B"),
        ("GOOGLE_CALENDAR_ID", "\u202e", "U+202E RIGHT-TO-LEFT OVERRIDE"),
        ("SENTRY_DSN", "\n", "U+000A"),
    ],
)
def test_within_a_value_the_character_and_its_place_are_named(name: str, character: str, seen: str) -> None:
    value = COMPLETE[name]

    (mistake,) = reading(**{name: value[:6] + character + value[6:]})[1]

    assert mistake == f"{name}: its character 7 cannot be seen ({seen}); type the value anew, or copy it without that"


@pytest.mark.parametrize(
    ("name", "character", "seen"),
    [
        ("TWILIO_AUTH_TOKEN", "\u2013", "EN DASH"),  # what a word processor makes of a hyphen
        ("SENTRY_AUTH_TOKEN", "\u0430", "CYRILLIC SMALL LETTER A"),
        ("RECONCILER_TOKEN", "\u00fc", "LATIN SMALL LETTER U WITH DIAERESIS"),
        ("TWILIO_AUTH_TOKEN", " ", "SPACE"),
    ],
)
def test_a_token_has_visible_ascii_only(name: str, character: str, seen: str) -> None:
    value = COMPLETE[name]

    (mistake,) = reading(**{name: value[:6] + character + value[6:]})[1]

    assert mistake.startswith(f"{name}: its character 7 ({seen}) does not belong in a token")
    assert value not in mistake


def test_the_secrets_of_a_consent_too() -> None:
    secrets = {name: f"{BY_CONSENT[name]}\u0430" for name in ("GOOGLE_CLIENT_SECRET", "GOOGLE_REFRESH_TOKEN")}

    parsed, _ = read(BY_CONSENT | secrets, texts=True, events=True)

    (found,) = parsed.providers.mistakes.values()
    assert [mistake.partition(":")[0] for mistake in found] == list(secrets)
