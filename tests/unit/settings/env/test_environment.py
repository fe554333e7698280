"""The environment: every variable missing, left as a placeholder or damaged is named, and no value is ever quoted."""

import base64
import itertools
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from reconciler.domain.gaps import Effect
from reconciler.errors import ConfigurationError
from reconciler.settings import Need, load
from reconciler.settings.env.environment import Environment, read, read_sentry
from reconciler.settings.env.google import OAuthClient, ServiceAccount
from reconciler.settings.env.reader import VARIABLES
from tests.support.valid_environment import COMPLETE, KEY

KEY_NAME, DELEGATE = "GOOGLE_SERVICE_ACCOUNT_KEY", "GOOGLE_CALENDAR_DELEGATE_EMAIL"
CONSENT = {
    "GOOGLE_CLIENT_ID": "123456789012-venue.apps.googleusercontent.com",
    "GOOGLE_CLIENT_SECRET": "GOCSPX-0range",
    "GOOGLE_REFRESH_TOKEN": "1//0g-mandarin_e",
}
"""The other way to authenticate at Google."""
BY_CONSENT = {name: value for name, value in COMPLETE.items() if name not in (KEY_NAME, DELEGATE)} | CONSENT
OPTIONAL = {
    "TWILIO_PHONE_NUMBER",
    "TWILIO_MESSAGING_SERVICE_SID",
    "TWILIO_API_URL",
    "GOOGLE_CALENDAR_DELEGATE_EMAIL",
    "GOOGLE_API_URL",
    "GOOGLE_TOKEN_URL",
    "SENTRY_DSN",
    "SENTRY_ENVIRONMENT",
    "SENTRY_AUTH_TOKEN",
    "SENTRY_ORG",
    "SENTRY_URL",
    "RECONCILER_TOKEN",
}
NEEDED = sorted(COMPLETE.keys() - OPTIONAL)
SWITCHES = {"SUSPEND_ALL_SMS": Effect.SMS, "SUSPEND_ALL_EVENTS": Effect.CALENDAR}


def reading(
    environ: Mapping[str, str], *, texts: bool = True, events: bool = True
) -> tuple[Environment, Sequence[str]]:
    """The environment, and every mistake in it."""
    parsed, of_database = read(environ, texts=texts, events=events)
    of_providers = [mistake for found in parsed.providers.mistakes.values() for mistake in found]
    return parsed, [*of_database, *of_providers, *parsed.mistakes]


def understood(environ: Mapping[str, str], *, texts: bool = True, events: bool = True) -> Environment:
    parsed, found = reading(environ, texts=texts, events=events)
    assert found == []
    return parsed


def mistakes(**changes: str) -> Sequence[str]:
    """What is wrong with the complete environment after these changes."""
    return reading(COMPLETE | changes)[1]


# All is well


def test_the_complete_environment() -> None:
    parsed = understood(COMPLETE)

    assert parsed.database_url == "postgresql://job:hunter2@db.internal:5433/venue?sslmode=require"
    assert parsed.providers.twilio is not None
    assert parsed.providers.twilio.account_sid == COMPLETE["TWILIO_ACCOUNT_SID"]
    assert parsed.providers.twilio.secret == COMPLETE["TWILIO_AUTH_TOKEN"]
    assert parsed.providers.twilio.sender == "+447700900321"
    assert parsed.providers.twilio.messaging_service_sid == COMPLETE["TWILIO_MESSAGING_SERVICE_SID"]
    assert parsed.providers.twilio.api_url == "https://proxy.internal/twilio"
    assert parsed.providers.google is not None
    assert parsed.providers.google.access == ServiceAccount(key=KEY, delegate="manager@venue.example")
    assert parsed.providers.google.calendar_id == "parties@group.calendar.google.com"
    assert parsed.providers.google.api_url == "https://proxy.internal/calendar"
    assert parsed.providers.google.token_url == "https://proxy.internal/token"
    assert parsed.sentry is not None
    assert (parsed.sentry.dsn, parsed.sentry.environment) == (COMPLETE["SENTRY_DSN"], "staging-7")
    resolving = parsed.sentry.resolving
    assert resolving is not None
    assert (resolving.token, resolving.organization) == (COMPLETE["SENTRY_AUTH_TOKEN"], "the-venue")
    assert resolving.url == "https://sentry.internal"
    assert parsed.token == COMPLETE["RECONCILER_TOKEN"]


def test_the_complete_environment_is_every_variable_there_is() -> None:
    assert {
        *COMPLETE,
        *CONSENT,
        *SWITCHES,
        *BY_KEY,
        "TWILIO_SENDER_ID",
        "RECONCILER_CONFIG",
        "OWNER_URL",
    } == VARIABLES.keys()


def test_what_is_optional_may_be_missing() -> None:
    environ = {name: COMPLETE[name] for name in NEEDED} | {"TWILIO_PHONE_NUMBER": "+447700900321"}

    parsed = understood(environ)

    assert parsed.providers.twilio is not None
    assert (parsed.providers.twilio.messaging_service_sid, parsed.providers.twilio.api_url) == (None, None)
    assert parsed.providers.google is not None
    assert parsed.providers.google.access == ServiceAccount(key=KEY, delegate=None)
    assert (parsed.providers.google.api_url, parsed.providers.google.token_url) == (None, None)
    assert (parsed.sentry, parsed.token) == (None, None)


@pytest.mark.parametrize("sender", ["TWILIO_PHONE_NUMBER", "TWILIO_MESSAGING_SERVICE_SID"])
def test_one_sender_is_enough(sender: str) -> None:
    other = ({"TWILIO_PHONE_NUMBER", "TWILIO_MESSAGING_SERVICE_SID"} - {sender}).pop()

    assert mistakes(**{other: ""}) == []


def test_without_a_sender() -> None:
    assert mistakes(TWILIO_PHONE_NUMBER="", TWILIO_MESSAGING_SERVICE_SID=" ") == [
        "TWILIO_PHONE_NUMBER, TWILIO_SENDER_ID or TWILIO_MESSAGING_SERVICE_SID: none is set; one is needed"
    ]


def test_c12_nobody_sees_the_primary_calendar_of_a_service_account() -> None:
    (mistake,) = mistakes(GOOGLE_CALENDAR_ID="primary", GOOGLE_CALENDAR_DELEGATE_EMAIL="")
    assert mistake.startswith("GOOGLE_CALENDAR_ID: primary is the service account's own calendar here")
    assert mistakes(GOOGLE_CALENDAR_ID="primary") == [], "that of the user it acts for"
    by_consent = {**CONSENT, "GOOGLE_SERVICE_ACCOUNT_KEY": "", "GOOGLE_CALENDAR_DELEGATE_EMAIL": ""}
    assert mistakes(GOOGLE_CALENDAR_ID="primary", **by_consent) == [], "that of whoever consented"


BY_KEY = {"TWILIO_API_KEY": "SK" + "0a" * 16, "TWILIO_API_SECRET": "s" * 32}


def test_an_api_key_instead_of_the_token() -> None:
    parsed = understood({**COMPLETE, "TWILIO_AUTH_TOKEN": "", **BY_KEY})
    assert parsed.providers.twilio is not None
    assert (parsed.providers.twilio.api_key, parsed.providers.twilio.secret) == tuple(BY_KEY.values())


def test_with_both_the_api_key_is_used() -> None:
    parsed = understood({**COMPLETE, **BY_KEY})
    assert parsed.providers.twilio is not None
    assert parsed.providers.twilio.secret == BY_KEY["TWILIO_API_SECRET"]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"TWILIO_API_KEY": BY_KEY["TWILIO_API_KEY"]}, ["TWILIO_API_SECRET"]),
        ({"TWILIO_API_SECRET": BY_KEY["TWILIO_API_SECRET"]}, ["TWILIO_API_KEY"]),
        ({**BY_KEY, "TWILIO_API_KEY": "AC" + "0a" * 16}, ["TWILIO_API_KEY"]),
        ({**BY_KEY, "TWILIO_API_SECRET": "secret\u200b1"}, ["TWILIO_API_SECRET"]),
    ],
)
def test_half_an_api_key(changes: dict[str, str], named: list[str]) -> None:
    found = mistakes(TWILIO_AUTH_TOKEN="", **changes)
    assert [mistake.partition(":")[0] for mistake in found] == named
    assert not [mistake for mistake in found if any(value in mistake for value in changes.values())]


@pytest.mark.parametrize("sender", ["The Venue", "VENUE", "Venue-1", "a&b_c+d", "12345678a"])
def test_an_alphanumeric_sender(sender: str) -> None:
    parsed = understood({**COMPLETE, "TWILIO_PHONE_NUMBER": "", "TWILIO_SENDER_ID": sender})
    assert parsed.providers.twilio is not None
    assert parsed.providers.twilio.sender == sender


@pytest.mark.parametrize("sender", ["123456", "Twelve chars", "Café", "Venue!", "\N{CYRILLIC CAPITAL LETTER VE}enue"])
def test_what_is_no_alphanumeric_sender(sender: str) -> None:
    found = mistakes(TWILIO_PHONE_NUMBER="", TWILIO_MESSAGING_SERVICE_SID="", TWILIO_SENDER_ID=sender)
    assert [mistake.partition(":")[0] for mistake in found] == ["TWILIO_SENDER_ID"]


def test_a_text_has_one_sender() -> None:
    (mistake,) = mistakes(TWILIO_SENDER_ID="The Venue")
    assert mistake == "TWILIO_SENDER_ID: TWILIO_PHONE_NUMBER is set too; a text has one sender"


def test_a_sender_that_is_wrong_is_not_also_missing() -> None:
    assert [
        found.partition(":")[0] for found in mistakes(TWILIO_PHONE_NUMBER="12", TWILIO_MESSAGING_SERVICE_SID="")
    ] == ["TWILIO_PHONE_NUMBER"]


def test_blanks_around_a_value_are_not_part_of_it() -> None:
    """``echo`` leaves a line break, and an editor more."""
    parsed = understood({name: f" {value}\r\n" for name, value in COMPLETE.items()})

    assert parsed.providers.twilio is not None
    assert parsed.providers.twilio.secret == COMPLETE["TWILIO_AUTH_TOKEN"]


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+asyncpg"])
def test_the_usual_names_of_the_database_all_get_our_driver(scheme: str) -> None:
    assert understood(COMPLETE | {"DATABASE_URL": f"{scheme}://u@h/d"}).database_url == "postgresql://u@h/d"


# Each variable: missing, a placeholder, wrong


@pytest.mark.parametrize("name", sorted({*NEEDED} - {KEY_NAME}))
@pytest.mark.parametrize("value", ["", "  "])
def test_a_variable_that_is_missing(name: str, value: str) -> None:
    assert mistakes(**{name: value}) == [f"{name}: not set; {VARIABLES[name]}"]


PLACEHOLDERS = ["<token>", "xxx", "XXXXXXXX", "...", "changeme", "CHANGE-ME", "todo", "None", "null", "your-token"]
PLACEHOLDERS += ["your_token_here", "Your token", "auth-token-here"]


@pytest.mark.parametrize("name", sorted(COMPLETE))
def test_a_variable_that_was_never_filled_in(name: str) -> None:
    """Optional ones too: somebody meant to set them."""
    for placeholder in PLACEHOLDERS:
        assert mistakes(**{name: placeholder}) == [f"{name}: still holds a placeholder; {VARIABLES[name]}"], placeholder


NOT_A_URL = "not a URL; postgresql://user:password@host/database, with special characters percent-encoded"
LOOKS_WRONG = "does not look right"


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("DATABASE_URL", "mysql://job:hunter2@db/venue", "must begin with postgresql://"),
        ("DATABASE_URL", "job:hunter2@db/venue", "must begin with postgresql://"),
        ("DATABASE_URL", "postgresql:venue", "must begin with postgresql://"),
        ("DATABASE_URL", "postgresql://job:hunter2@db", "names no database"),
        ("DATABASE_URL", "postgresql://job:hunter2@db/", "names no database"),
        ("DATABASE_URL", "postgresql://job:hun/ter2@db/venue", NOT_A_URL),
        ("DATABASE_URL", "postgresql://job:hun#ter2@db/venue", NOT_A_URL),
        ("DATABASE_URL", "postgresql://job:hun?ter2@db/venue", NOT_A_URL),
        ("DATABASE_URL", "postgresql://job:hun[ter2@db/venue", NOT_A_URL),
        ("DATABASE_URL", "postgresql://job:hunter2@db:99999/venue", NOT_A_URL),
        ("RECONCILER_TOKEN", "fifteen-letters", "shorter than 16 characters"),
        ("RECONCILER_TOKEN", "g00seberry-fool-für-alle", "its character 18 (LATIN SMALL LETTER U WITH DIAERESIS)"),
        ("TWILIO_ACCOUNT_SID", "AC123", LOOKS_WRONG),
        ("TWILIO_ACCOUNT_SID", "SK" + "0a" * 16, LOOKS_WRONG),
        ("TWILIO_ACCOUNT_SID", "AC" + "0a" * 16 + "0", LOOKS_WRONG),
        ("TWILIO_PHONE_NUMBER", "07700 900321", LOOKS_WRONG),
        ("TWILIO_PHONE_NUMBER", "+44 7700 900321", LOOKS_WRONG),
        ("TWILIO_PHONE_NUMBER", "+٤٤٧٧٠٠٩٠٠٣٢١", LOOKS_WRONG),
        ("TWILIO_PHONE_NUMBER", "VENUE", LOOKS_WRONG),
        ("TWILIO_MESSAGING_SERVICE_SID", "AC" + "0a" * 16, LOOKS_WRONG),
        ("TWILIO_API_URL", "proxy.internal", "must be an http(s) URL"),
        ("GOOGLE_API_URL", "ftp://proxy.internal", "must be an http(s) URL"),
        ("GOOGLE_TOKEN_URL", "https://", "must be an http(s) URL"),
        ("TWILIO_API_URL", "https://[proxy", "not a URL"),
        ("TWILIO_API_URL", "http://127.0.0.1:port", "not a URL"),
        ("SENTRY_DSN", "https://sentry.internal/42", "is no DSN"),
        ("SENTRY_DSN", "https://0c0ffee0@sentry.internal", "is no DSN"),
        ("SENTRY_DSN", "https://0c0ffee0@sentry.internal/venue", "is no DSN"),
        ("SENTRY_DSN", "0c0ffee0@sentry.internal/42", "is no DSN"),
        ("SENTRY_DSN", "https://0c0ffee0@[sentry/42", "not a URL"),
        ("SENTRY_DSN", "http://0c0ffee0@sentry.internal/42", "plain http is accepted for loopback only"),
        ("SENTRY_ENVIRONMENT", "venue/one", LOOKS_WRONG),
        ("SENTRY_ENVIRONMENT", "the venue", LOOKS_WRONG),
        ("SENTRY_ENVIRONMENT", "v" * 65, LOOKS_WRONG),
    ],
)
def test_a_variable_that_is_wrong(name: str, value: str, problem: str) -> None:
    (found,) = mistakes(**{name: value})

    assert found.startswith(f"{name}: {problem}")


@pytest.mark.parametrize("name", ["TWILIO_API_URL", "GOOGLE_API_URL", "GOOGLE_TOKEN_URL"])
@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("http://127.0.0.1:8080/v3", True),
        ("http://127.9.8.7", True),
        ("http://[::1]:8080", True),
        ("http://localhost:8080", True),
        ("HTTP://LOCALHOST", True),
        ("https://203.0.113.7", True),
        ("http://203.0.113.7", False),
        ("http://10.0.0.1", False),
        ("http://0.0.0.0", False),
        ("http://api.twilio.com", False),
        ("http://localhost.example.org", False),
        ("http://127.0.0.1.example.org", False),
        ("http://127.0.0.1@example.org", False),
    ],
)
def test_plain_http_never_leaves_this_machine(name: str, url: str, taken: bool) -> None:
    """Tokens and customers' numbers would travel readable by everyone on the way."""
    refusal = f"{name}: plain http is accepted for loopback only; use https"

    assert mistakes(**{name: url}) == ([] if taken else [refusal])


# The switches that stop everything


@pytest.mark.parametrize("name", SWITCHES)
@pytest.mark.parametrize(
    ("word", "thrown"),
    [
        *[(word, True) for word in ("true", "True", " TRUE ", "1", "yes", "on")],
        *[(word, False) for word in ("", " ", "false", "FALSE", "0", "no", "off")],
    ],
)
def test_a_switch(name: str, word: str, thrown: bool) -> None:
    assert understood(COMPLETE | {name: word}).providers.suspended == ({SWITCHES[name]} if thrown else set())


@pytest.mark.parametrize("name", SWITCHES)
@pytest.mark.parametrize("word", ["tru", "2", "y", "enabled", "suspend"])
def test_a_switch_in_no_position(name: str, word: str) -> None:
    """Whoever threw it wants it to hold, also where its provider is not needed now."""
    assert reading(COMPLETE | {name: word}, texts=False, events=False)[1] == [
        f"{name}: must be true or false; until then it counts as true"
    ]


# Two ways to authenticate at Google

NEITHER = (
    "GOOGLE_SERVICE_ACCOUNT_KEY or GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET, GOOGLE_REFRESH_TOKEN: neither a service "
    "account's key nor an OAuth client with its refresh token is set; one of the two ways is needed"
)
BOTH = (
    "GOOGLE_SERVICE_ACCOUNT_KEY or GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET, GOOGLE_REFRESH_TOKEN: both ways to "
    "authenticate are set; remove {key}, or remove {consent}"
)
GOOD = json.dumps(KEY, indent=2)


def mistakes_by_consent(**changes: str) -> Sequence[str]:
    """What is wrong with the environment with a refresh token after these changes."""
    return reading(BY_CONSENT | changes)[1]


def test_a_refresh_token_instead_of_a_key() -> None:
    parsed = understood(BY_CONSENT)

    assert parsed.providers.google is not None
    assert parsed.providers.google.access == OAuthClient(
        client_id=CONSENT["GOOGLE_CLIENT_ID"],
        client_secret=CONSENT["GOOGLE_CLIENT_SECRET"],
        refresh_token=CONSENT["GOOGLE_REFRESH_TOKEN"],
    )
    assert parsed.providers.google.token_url == COMPLETE["GOOGLE_TOKEN_URL"]


@pytest.mark.parametrize("blank", ["", "  "])
def test_neither_way_is_one_mistake(blank: str) -> None:
    assert mistakes(GOOGLE_SERVICE_ACCOUNT_KEY=blank) == [NEITHER]
    assert mistakes_by_consent(**dict.fromkeys(CONSENT, blank)) == [NEITHER]


@pytest.mark.parametrize("names", [[*CONSENT], ["GOOGLE_CLIENT_ID"], ["GOOGLE_CLIENT_SECRET", "GOOGLE_REFRESH_TOKEN"]])
def test_both_ways_are_one_mistake_that_says_what_to_remove(names: list[str]) -> None:
    """Also where one is left from an example, or not whole: what matters is that one must go."""
    expected = BOTH.format(key=KEY_NAME, consent=" and ".join(names))

    assert mistakes(**{name: CONSENT[name] for name in names}) == [expected]
    assert mistakes(**dict.fromkeys(names, "changeme")) == [expected]


def test_both_ways_are_named_as_they_are_set(tmp_path: Path) -> None:
    files = in_files(tmp_path, {KEY_NAME: GOOD, "GOOGLE_CLIENT_ID": CONSENT["GOOGLE_CLIENT_ID"]})

    assert mistakes(GOOGLE_SERVICE_ACCOUNT_KEY="", **files) == [
        BOTH.format(key=f"{KEY_NAME}_FILE", consent="GOOGLE_CLIENT_ID_FILE")
    ]


@pytest.mark.parametrize("missing", [*itertools.combinations(CONSENT, 1), *itertools.combinations(CONSENT, 2)])
def test_each_part_that_is_missing_is_named(missing: tuple[str, ...]) -> None:
    assert mistakes_by_consent(**dict.fromkeys(missing, "")) == [
        f"{name}: not set; {VARIABLES[name]}" for name in missing
    ]


@pytest.mark.parametrize("name", CONSENT)
def test_a_part_that_was_never_filled_in(name: str) -> None:
    assert mistakes_by_consent(**{name: "changeme"}) == [f"{name}: still holds a placeholder; {VARIABLES[name]}"]


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("GOOGLE_CLIENT_ID", CONSENT["GOOGLE_CLIENT_SECRET"], LOOKS_WRONG),
        ("GOOGLE_CLIENT_ID", "112233445566778899001", LOOKS_WRONG),
        ("GOOGLE_CLIENT_ID", "x.apps.googleusercontent.com.example", LOOKS_WRONG),
        ("GOOGLE_CLIENT_SECRET", "two words", "its character 4 (SPACE) does not belong in a token"),
        ("GOOGLE_REFRESH_TOKEN", "two words", "its character 4 (SPACE) does not belong in a token"),
        ("GOOGLE_REFRESH_TOKEN", "ya29.a0Af", "an access token, which lasts an hour; what this client got"),
        ("GOOGLE_REFRESH_TOKEN", "4/0Adeu5B", "a code to exchange once, not what it is exchanged for; what this"),
    ],
)
def test_a_part_that_is_wrong(name: str, value: str, problem: str) -> None:
    (found,) = mistakes_by_consent(**{name: value})

    assert found.startswith(f"{name}: {problem}")


@pytest.mark.parametrize("value", ["manager@venue.example", "changeme"])
def test_a_refresh_token_acts_for_nobody_else(value: str) -> None:
    (found,) = mistakes_by_consent(GOOGLE_CALENDAR_DELEGATE_EMAIL=value)

    assert found == (
        "GOOGLE_CALENDAR_DELEGATE_EMAIL: only a service account acts for somebody else, a refresh token for whoever "
        "consented; remove it, or set GOOGLE_SERVICE_ACCOUNT_KEY instead of GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET, "
        "GOOGLE_REFRESH_TOKEN"
    )


def test_a_delegate_in_a_file_is_named_so(tmp_path: Path) -> None:
    (found,) = mistakes_by_consent(**in_files(tmp_path, {DELEGATE: "manager@venue.example"}))

    assert found.startswith("GOOGLE_CALENDAR_DELEGATE_EMAIL_FILE: only a service account")


@pytest.mark.parametrize("value", ["  {}\r\n", "{}"])
def test_every_part_may_stand_in_a_file(tmp_path: Path, value: str) -> None:
    written = {name: value.format(part) for name, part in BY_CONSENT.items()}

    assert understood(in_files(tmp_path, written)) == understood(BY_CONSENT)


# The key of a service account, as it arrives: test_service_account_key.py has every damage


def test_the_key_file_as_it_is_downloaded() -> None:
    parsed = understood(COMPLETE | {KEY_NAME: GOOD + "\n"})

    assert parsed == understood(COMPLETE)


def test_a_damaged_key_is_repaired() -> None:
    damaged = base64.b64encode(f"'{GOOD}'".replace("\\n", "\\\\n").encode()).decode()

    assert understood(COMPLETE | {KEY_NAME: damaged}) == understood(COMPLETE)


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        (GOOD[:-20], "not JSON: cut off"),
        (json.dumps({"installed": {"client_id": "1"}}), "it is the file of an OAuth client"),
        (json.dumps(KEY | {"private_key": KEY["private_key"][:300]}), "its private_key was cut off"),
        (json.dumps(KEY | {"token_uri": "http://example.org/token"}), "its token_uri: plain http is accepted for"),
        (json.dumps(KEY | {"token_uri": "example.org/token"}), "its token_uri: must be an http(s) URL"),
    ],
)
def test_a_key_beyond_repair_is_named(key: str, problem: str) -> None:
    (found,) = mistakes(GOOGLE_SERVICE_ACCOUNT_KEY=key)

    assert found.startswith(f"GOOGLE_SERVICE_ACCOUNT_KEY: {problem}")


# Files instead of values


def in_files(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The same values, each in a file as a container's secrets are."""
    named = {}
    for name, value in environ.items():
        file = folder / name.lower()
        file.write_text(f"{value}\n", encoding="utf-8")
        named[f"{name}_FILE"] = str(file)
    return named


def test_every_variable_may_stand_in_a_file(tmp_path: Path) -> None:
    assert understood(in_files(tmp_path, COMPLETE)) == understood(COMPLETE)


def test_blanks_around_a_files_name_are_not_part_of_it(tmp_path: Path) -> None:
    named = in_files(tmp_path, COMPLETE)

    assert understood({name: f" {path}\n" for name, path in named.items()}) == understood(COMPLETE)


def test_a_file_written_on_windows(tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    file.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    environ = {name: value for name, value in COMPLETE.items() if name != "GOOGLE_SERVICE_ACCOUNT_KEY"}

    assert understood(environ | {"GOOGLE_SERVICE_ACCOUNT_KEY_FILE": str(file)}) == understood(COMPLETE)


@pytest.mark.parametrize("name", sorted(COMPLETE))
def test_a_variable_and_its_file(tmp_path: Path, name: str) -> None:
    """Which of them counts would be a guess."""
    both = in_files(tmp_path, {name: COMPLETE[name]})

    assert mistakes(**both) == [f"{name}: set, and {name}_FILE too; keep one"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "the file it names cannot be read"),
        (b"\xff\xfe", "the file it names cannot be read"),
        (b"", "the file it names is empty"),
        (b" \n", "the file it names is empty"),
    ],
)
@pytest.mark.parametrize("name", ["TWILIO_AUTH_TOKEN", "TWILIO_API_URL"])
def test_a_file_that_holds_no_value(tmp_path: Path, name: str, content: bytes | None, problem: str) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)

    assert mistakes(**{name: "", f"{name}_FILE": str(file)}) == [f"{name}_FILE: {problem}"]


def test_a_folder_holds_no_value(tmp_path: Path) -> None:
    assert mistakes(TWILIO_AUTH_TOKEN="", TWILIO_AUTH_TOKEN_FILE=str(tmp_path)) == [
        "TWILIO_AUTH_TOKEN_FILE: the file it names cannot be read"
    ]


# All at once, and what is not wanted


def test_nothing_is_set() -> None:
    assert [found.partition(":")[0] for found in reading({})[1]] == [
        "DATABASE_URL",
        "TWILIO_ACCOUNT_SID",
        "TWILIO_AUTH_TOKEN",
        "TWILIO_PHONE_NUMBER, TWILIO_SENDER_ID or TWILIO_MESSAGING_SERVICE_SID",
        "GOOGLE_SERVICE_ACCOUNT_KEY or GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET, GOOGLE_REFRESH_TOKEN",
        "GOOGLE_CALENDAR_ID",
    ]


@pytest.mark.parametrize(
    ("texts", "events", "asked"),
    [
        (True, True, ("DATABASE_", "TWILIO_", "GOOGLE_", "SENTRY_", "RECONCILER_")),
        (True, False, ("DATABASE_", "TWILIO_", "SENTRY_", "RECONCILER_")),
        (False, True, ("DATABASE_", "GOOGLE_", "SENTRY_", "RECONCILER_")),
        (False, False, ("DATABASE_", "SENTRY_", "RECONCILER_")),
    ],
)
def test_every_mistake_at_once_in_what_is_wanted(texts: bool, events: bool, asked: tuple[str, ...]) -> None:
    found = reading(dict.fromkeys(COMPLETE, "changeme"), texts=texts, events=events)[1]

    assert [line.partition(":")[0] for line in found] == [name for name in COMPLETE if name.startswith(asked)]


@pytest.mark.parametrize(
    ("content", "twilio", "google"),
    [
        ("", True, True),
        ("repairs: report", False, False),
        ("rules: {sms.missing: {policy: report}}", False, True),
        ("rules: {sms.missing: {policy: off}}", False, True),
        ("rules: {sms.missing: {policy: false}}", False, True),
        ("rules: {calendar.missing: {policy: report}}", True, False),
        ("rules: {calendar.missing: {policy: off}, sms.missing: {policy: off}}", False, False),
    ],
)
def test_which_providers_a_policy_needs(tmp_path: Path, content: str, twilio: bool, google: bool) -> None:
    path = tmp_path / "cron.yaml"
    path.write_text(content)
    settings = load(path, COMPLETE)

    assert (settings.environment.providers.twilio is not None, settings.environment.providers.google is not None) == (
        twilio,
        google,
    )
    # What is not needed is not missed either, and a mistake elsewhere in the file does not change that.
    for broken in (content, f"{content}\nlimits: {{pas: 5}}"):
        path.write_text(broken)
        with pytest.raises(ConfigurationError) as caught:
            load(path, {})  # without DATABASE_URL everything that is wrong is told at once
        alerted = str(caught.value)
        assert ("TWILIO_AUTH_TOKEN" in alerted, "GOOGLE_CALENDAR_ID" in alerted) == (twilio, google)


def test_a_text_that_is_handed_over_needs_no_twilio(tmp_path: Path) -> None:
    path = tmp_path / "cron.yaml"
    path.write_text("rules: {sms.missing: {deliver: application}}")

    without = {name: value for name, value in COMPLETE.items() if not name.startswith("TWILIO_")}
    assert load(path, without).environment.providers.twilio is None


def test_twilio_is_asked_about_a_text_that_is_handed_over_if_it_can_be(tmp_path: Path) -> None:
    path = tmp_path / "cron.yaml"
    path.write_text("rules: {sms.missing: {deliver: application}}")
    assert load(path, COMPLETE).environment.providers.twilio is not None
    mistakes = load(path, COMPLETE | {"TWILIO_AUTH_TOKEN": ""}).environment.providers.mistakes
    assert [mistake for mistake in mistakes[Effect.SMS] if "TWILIO_AUTH_TOKEN: not set" in mistake]


def test_sentry_without_a_name_for_the_place_is_production() -> None:
    parsed = understood(COMPLETE | {"SENTRY_ENVIRONMENT": ""})

    assert parsed.sentry is not None
    assert parsed.sentry.environment == "production"


def test_where_to_tell_can_be_read_though_the_rest_is_wrong() -> None:
    sentry = read_sentry(
        dict.fromkeys(COMPLETE, "changeme") | {name: COMPLETE[name] for name in COMPLETE if "SENTRY" in name}
    )

    assert sentry is not None
    assert sentry.dsn == COMPLETE["SENTRY_DSN"]
    assert read_sentry({"SENTRY_DSN": "changeme"}) is None
    assert read_sentry({}) is None


def test_a_command_that_meets_no_provider_asks_for_the_database_only() -> None:
    settings = load(Path(os.devnull), {"DATABASE_URL": COMPLETE["DATABASE_URL"]}, Need.DATABASE)

    assert (settings.environment.providers.twilio, settings.environment.providers.google) == (None, None)


# Nothing comes out

SECRET = "Tr0ub4dor"
LEAKY = [
    SECRET,
    f"postgresql://job:{SECRET}@[db/venue",
    f"mysql://job:{SECRET}@db/venue",
    f"http://{SECRET}@example.org",
    f"https://[{SECRET}",
    f'{{"private_key": "{SECRET}\n"}}',
    f'{{"type": "service_account", "private_key": "{SECRET}"}}',
    f'{{"type": "{SECRET}"}}',
    f"'{SECRET}'",
    f"<{SECRET}>",
    "\udcff" + SECRET,
]


@pytest.mark.parametrize("name", sorted(COMPLETE))
@pytest.mark.parametrize("value", LEAKY, ids=range(len(LEAKY)))
def test_no_mistake_quotes_a_value(name: str, value: str) -> None:
    parsed, found = reading(COMPLETE | {name: value})

    assert SECRET not in "".join(found) + repr(parsed)


@pytest.mark.parametrize("name", [*CONSENT, DELEGATE, KEY_NAME])
@pytest.mark.parametrize("value", LEAKY, ids=range(len(LEAKY)))
def test_no_mistake_about_a_refresh_token_quotes_it(name: str, value: str) -> None:
    parsed, found = reading(BY_CONSENT | {name: value})

    assert SECRET not in "".join(found) + repr(parsed)


def test_a_file_is_not_quoted_either(tmp_path: Path) -> None:
    """Its name may be the secret, where somebody took one variable for the other."""
    assert SECRET not in str(mistakes(TWILIO_AUTH_TOKEN="", TWILIO_AUTH_TOKEN_FILE=SECRET))


@pytest.mark.parametrize("way", [KEY_NAME, "GOOGLE_REFRESH_TOKEN"])
def test_settings_do_not_show_what_they_hold(way: str) -> None:
    environ = COMPLETE if way == KEY_NAME else BY_CONSENT
    settings = load(Path(os.devnull), environ)
    google = settings.environment.providers.google
    assert google is not None
    held = [*environ.values(), *KEY.values(), "hunter2", "db.internal"]
    shown = "".join(
        f"{part!r}{part}"
        for part in (
            settings,
            settings.environment,
            settings.environment.sentry,
            settings.environment.providers.twilio,
            google,
            google.access,
        )
    )

    assert [value for value in held if value in shown] == []


@pytest.mark.parametrize(
    ("value", "owner_url"),
    [
        ("postgresql://venue_owner@db/venue", "postgresql://venue_owner@db/venue"),
        ("", ""),
        ("service=venue", ""),
        ("host=db dbname=venue user=venue_owner", ""),
        ("<the owner's URL>", ""),
    ],
)
def test_what_only_psql_understands_of_owner_url_is_no_mistake(value: str, owner_url: str) -> None:
    parsed, mistakes = reading(COMPLETE | {"OWNER_URL": value})
    assert (parsed.owner_url, parsed.mistakes, mistakes) == (owner_url, (), [])
