"""The environment: every variable missing, left as a placeholder or damaged is named, and no value is ever quoted."""

import base64
import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from reconciler.domain.gaps import Effect
from reconciler.errors import ConfigurationError
from reconciler.settings import load
from reconciler.settings.environment import VARIABLES, Environment, read, read_sentry

KEY = {
    "type": "service_account",
    "project_id": "venue",
    "private_key": "-----BEGIN PRIVATE KEY-----\nc2VjcmV0a2V5\n-----END PRIVATE KEY-----\n",
    "client_email": "booker@venue.iam.gserviceaccount.com",
    "token_uri": "https://oauth2.googleapis.com/token",
}
COMPLETE = {
    "DATABASE_URL": "postgresql://job:hunter2@db.internal:5433/venue?sslmode=require",
    "TWILIO_ACCOUNT_SID": "AC" + "0a" * 16,
    "TWILIO_AUTH_TOKEN": "f00dfeed" * 4,
    "TWILIO_PHONE_NUMBER": "+447700900321",
    "TWILIO_MESSAGING_SERVICE_SID": "MG" + "0b" * 16,
    "TWILIO_API_URL": "https://proxy.internal/twilio",
    "GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(KEY),
    "GOOGLE_CALENDAR_ID": "parties@group.calendar.google.com",
    "GOOGLE_CALENDAR_DELEGATE_EMAIL": "manager@venue.example",
    "GOOGLE_API_URL": "https://proxy.internal/calendar",
    "GOOGLE_TOKEN_URL": "https://proxy.internal/token",
    "SENTRY_DSN": "https://0c0ffee0@sentry.internal/sub/42",
    "SENTRY_ENVIRONMENT": "staging-7",
}
OPTIONAL = {
    "TWILIO_PHONE_NUMBER",
    "TWILIO_MESSAGING_SERVICE_SID",
    "TWILIO_API_URL",
    "GOOGLE_CALENDAR_DELEGATE_EMAIL",
    "GOOGLE_API_URL",
    "GOOGLE_TOKEN_URL",
    "SENTRY_DSN",
    "SENTRY_ENVIRONMENT",
}
NEEDED = sorted(COMPLETE.keys() - OPTIONAL)
SWITCHES = {"SUSPEND_ALL_SMS": Effect.TEXT, "SUSPEND_ALL_EVENTS": Effect.EVENT}


def understood(environ: Mapping[str, str], *, texts: bool = True, events: bool = True) -> Environment:
    parsed, mistakes = read(environ, texts=texts, events=events)
    assert mistakes == []
    assert parsed is not None
    return parsed


def mistakes(**changes: str) -> list[str]:
    """What is wrong with the complete environment after these changes."""
    parsed, found = read(COMPLETE | changes, texts=True, events=True)
    assert (parsed is None) == bool(found)
    return found


# All is well


def test_the_complete_environment() -> None:
    parsed = understood(COMPLETE)

    assert parsed.database_url == "postgresql+psycopg://job:hunter2@db.internal:5433/venue?sslmode=require"
    assert parsed.twilio is not None
    assert parsed.twilio.account_sid == COMPLETE["TWILIO_ACCOUNT_SID"]
    assert parsed.twilio.auth_token == COMPLETE["TWILIO_AUTH_TOKEN"]
    assert parsed.twilio.phone_number == "+447700900321"
    assert parsed.twilio.messaging_service_sid == COMPLETE["TWILIO_MESSAGING_SERVICE_SID"]
    assert parsed.twilio.api_url == "https://proxy.internal/twilio"
    assert parsed.google is not None
    assert parsed.google.service_account == KEY
    assert parsed.google.calendar_id == "parties@group.calendar.google.com"
    assert parsed.google.delegate == "manager@venue.example"
    assert parsed.google.api_url == "https://proxy.internal/calendar"
    assert parsed.google.token_url == "https://proxy.internal/token"
    assert parsed.sentry is not None
    assert (parsed.sentry.dsn, parsed.sentry.environment) == (COMPLETE["SENTRY_DSN"], "staging-7")


def test_the_complete_environment_is_every_variable_there_is() -> None:
    assert {*COMPLETE, *SWITCHES, "RECONCILER_CONFIG"} == VARIABLES.keys()


def test_what_is_optional_may_be_missing() -> None:
    environ = {name: COMPLETE[name] for name in NEEDED} | {"TWILIO_PHONE_NUMBER": "+447700900321"}

    parsed = understood(environ)

    assert parsed.twilio is not None
    assert (parsed.twilio.messaging_service_sid, parsed.twilio.api_url) == (None, None)
    assert parsed.google is not None
    assert (parsed.google.delegate, parsed.google.api_url, parsed.google.token_url) == (None, None, None)
    assert parsed.sentry is None


@pytest.mark.parametrize("sender", ["TWILIO_PHONE_NUMBER", "TWILIO_MESSAGING_SERVICE_SID"])
def test_one_sender_is_enough(sender: str) -> None:
    other = ({"TWILIO_PHONE_NUMBER", "TWILIO_MESSAGING_SERVICE_SID"} - {sender}).pop()

    assert mistakes(**{other: ""}) == []


def test_without_a_sender() -> None:
    assert mistakes(TWILIO_PHONE_NUMBER="", TWILIO_MESSAGING_SERVICE_SID=" ") == [
        "TWILIO_PHONE_NUMBER or TWILIO_MESSAGING_SERVICE_SID: neither is set; one is needed"
    ]


def test_a_sender_that_is_wrong_is_not_also_missing() -> None:
    assert [
        found.partition(":")[0] for found in mistakes(TWILIO_PHONE_NUMBER="12", TWILIO_MESSAGING_SERVICE_SID="")
    ] == ["TWILIO_PHONE_NUMBER"]


def test_blanks_around_a_value_are_not_part_of_it() -> None:
    """``echo`` leaves a line break, and an editor more."""
    parsed = understood({name: f" {value}\r\n" for name, value in COMPLETE.items()})

    assert parsed.twilio is not None
    assert parsed.twilio.auth_token == COMPLETE["TWILIO_AUTH_TOKEN"]


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_the_usual_names_of_the_database_all_get_our_driver(scheme: str) -> None:
    assert understood(COMPLETE | {"DATABASE_URL": f"{scheme}://u@h/d"}).database_url == "postgresql+psycopg://u@h/d"


# Each variable: missing, a placeholder, wrong


@pytest.mark.parametrize("name", NEEDED)
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
    assert understood(COMPLETE | {name: word}).suspended == ({SWITCHES[name]} if thrown else set())


@pytest.mark.parametrize("name", SWITCHES)
@pytest.mark.parametrize("word", ["tru", "2", "y", "enabled", "suspend"])
def test_a_switch_in_no_position(name: str, word: str) -> None:
    """Whoever threw it wants it to hold, also where its provider is not needed now."""
    assert read(COMPLETE | {name: word}, texts=False, events=False)[1] == [f"{name}: must be true or false"]


# The key of a service account, as it arrives

GOOD = json.dumps(KEY, indent=2)
AS_IT_IS = "set the key file's text as it is"


def changed(**changes: object) -> str:
    return json.dumps(KEY | changes)


@pytest.mark.parametrize(
    ("key", "damage"),
    [
        (f"'{GOOD}'", f"not JSON: it is wrapped in quotes; {AS_IT_IS}"),
        (f'"{GOOD}"', f"not JSON: it is wrapped in quotes; {AS_IT_IS}"),
        (json.dumps(GOOD), f"not JSON: it is wrapped in quotes; {AS_IT_IS}"),
        (
            base64.b64encode(GOOD.encode()).decode(),
            f"not JSON: it does not begin with {{; {AS_IT_IS}, not encoded and not the file's name",
        ),
        ("/run/key.json", f"not JSON: it does not begin with {{; {AS_IT_IS}, not encoded and not the file's name"),
        (GOOD.replace("\\n", "\n"), f"not JSON: real line breaks inside private_key; {AS_IT_IS}"),
        (
            GOOD.replace("\\n", "\\\\n"),
            f"its line breaks were escaped twice, private_key holds \\n as two characters; {AS_IT_IS}",
        ),
        (GOOD.replace("\n", "\\n"), f"not JSON: cut off or altered on its way; {AS_IT_IS}"),
        (GOOD[:-20], f"not JSON: cut off or altered on its way; {AS_IT_IS}"),
        (GOOD.replace('"', "'"), f"not JSON: cut off or altered on its way; {AS_IT_IS}"),
        (GOOD.replace('"', '\\"'), f"not JSON: cut off or altered on its way; {AS_IT_IS}"),
        ('{"a":' * 100_000, f"not JSON: cut off or altered on its way; {AS_IT_IS}"),
        ('{"a":' + "9" * 5000 + "}", f"not JSON: cut off or altered on its way; {AS_IT_IS}"),
        ("[]", "not a key file: it must be a JSON object"),
        ("{}", "not the key of a service account: its `type` must say service_account"),
        ('{"installed": {}}', "not the key of a service account: its `type` must say service_account"),
        (changed(type="authorized_user"), "not the key of a service account: its `type` must say service_account"),
        (changed(private_key=""), "the key lacks private_key"),
        (changed(client_email=None, token_uri=" "), "the key lacks client_email, token_uri"),
        (changed(private_key=["-----BEGIN"]), "the key lacks private_key"),
    ],
    ids=range(20),
)
def test_a_damaged_key_is_told_by_its_damage(key: str, damage: str) -> None:
    assert mistakes(GOOGLE_SERVICE_ACCOUNT_KEY=key) == [f"GOOGLE_SERVICE_ACCOUNT_KEY: {damage}"]


def test_the_key_file_as_it_is_downloaded() -> None:
    parsed = understood(COMPLETE | {"GOOGLE_SERVICE_ACCOUNT_KEY": GOOD + "\n"})

    assert parsed.google is not None
    assert parsed.google.service_account["private_key"] == KEY["private_key"]


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
    assert [found.partition(":")[0] for found in read({}, texts=True, events=True)[1]] == [
        "DATABASE_URL",
        "TWILIO_ACCOUNT_SID",
        "TWILIO_AUTH_TOKEN",
        "TWILIO_PHONE_NUMBER or TWILIO_MESSAGING_SERVICE_SID",
        "GOOGLE_SERVICE_ACCOUNT_KEY",
        "GOOGLE_CALENDAR_ID",
    ]


@pytest.mark.parametrize(
    ("texts", "events", "asked"),
    [
        (True, True, ("DATABASE_", "TWILIO_", "GOOGLE_", "SENTRY_")),
        (True, False, ("DATABASE_", "TWILIO_", "SENTRY_")),
        (False, True, ("DATABASE_", "GOOGLE_", "SENTRY_")),
        (False, False, ("DATABASE_", "SENTRY_")),
    ],
)
def test_every_mistake_at_once_in_what_is_wanted(texts: bool, events: bool, asked: tuple[str, ...]) -> None:
    found = read(dict.fromkeys(COMPLETE, "changeme"), texts=texts, events=events)[1]

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

    assert (settings.environment.twilio is not None, settings.environment.google is not None) == (twilio, google)
    # What is not needed is not missed either, and a mistake elsewhere in the file does not change that.
    for broken in (content, f"{content}\nlimits: {{pas: 5}}"):
        path.write_text(broken)
        with pytest.raises(ConfigurationError) as caught:
            load(path, {})
        told = str(caught.value)
        assert ("TWILIO_AUTH_TOKEN" in told, "GOOGLE_CALENDAR_ID" in told) == (twilio, google)


def test_a_text_that_is_handed_over_needs_no_twilio(tmp_path: Path) -> None:
    path = tmp_path / "cron.yaml"
    path.write_text("rules: {sms.missing: {deliver: application}}")

    assert load(path, COMPLETE).environment.twilio is None


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
    settings = load(Path(os.devnull), {"DATABASE_URL": COMPLETE["DATABASE_URL"]}, database_only=True)

    assert (settings.environment.twilio, settings.environment.google) == (None, None)


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
    parsed, found = read(COMPLETE | {name: value}, texts=True, events=True)

    assert SECRET not in "".join(found) + repr(parsed)


def test_a_file_is_not_quoted_either(tmp_path: Path) -> None:
    """Its name may be the secret, where somebody took one variable for the other."""
    assert SECRET not in str(mistakes(TWILIO_AUTH_TOKEN="", TWILIO_AUTH_TOKEN_FILE=SECRET))


def test_settings_do_not_show_what_they_hold(tmp_path: Path) -> None:
    settings = load(Path(os.devnull), COMPLETE)
    held = [*COMPLETE.values(), *KEY.values(), "hunter2", "db.internal"]
    shown = "".join(
        f"{part!r}{part}"
        for part in (
            settings,
            settings.environment,
            settings.environment.sentry,
            settings.environment.twilio,
            settings.environment.google,
        )
    )

    assert [value for value in held if value in shown] == []
