"""A secret that was typed into cron.yaml is not repeated by the message about it."""

from pathlib import Path

import pytest

from reconciler.errors import ConfigurationError
from reconciler.settings import Need, load
from reconciler.settings.file.secrets import WITHHELD, without_secrets

SECRETS = [
    "postgresql://job:hunter2@db.internal/venue",
    "f00dfeedf00dfeedf00dfeedf00dfeed",
    "sntrys_eyJpYXQiOjE3MDAwMDAwMDB9c0ffee",
    "pagerduty://c0ffee0c0ffee0@c0ffee1",
    "-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBg",
    "manager@venue.example",
    "+44 7700 900142",
    "eyJhbGciOiJSUzI1NiJ9xx.eyJzdWIiOiJ2ZW51ZSJ9xxxx.c2lnbmF0dXJlX29mX2l0MTIz",
    "some words before f00dfeedf00dfeedf00dfeedf00dfeed that make it long",
]
PLACES = [
    "timezone: {}",
    "repairs: {}",
    "bookings: {{since: {}}}",
    "bookings: {{statuses: {}}}",
    "limits: {{pass: {}}}",
    "limits: {{rate: {{sms: {}}}}}",
    "jobs: {{sms_missing: {{cron: {}}}}}",
    "rules: {{sms.missing: {{quiet_hours: {}}}}}",
    "rules: {{sms.missing: {{ignore: [{}, '']}}}}",
    "reporting: {{oncall: [{}]}}",
    "{}: 1",
    "database_url: {}",
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("place", PLACES)
def test_a_secret_at_any_place(tmp_path: Path, place: str, secret: str) -> None:
    path = tmp_path / "cron.yaml"
    path.write_text("version: 1\n" + place.format(f'"{secret}"') + "\n")

    with pytest.raises(ConfigurationError) as caught:
        load(path, {}, Need.FILE)

    said = "\n".join(caught.value.mistakes)
    assert "cron.yaml:2: " in said
    assert not any(word in said for word in ("hunter2", "f00dfeed", "c0ffee", "MIIE", "manager@", "900142", "eyJ"))


@pytest.mark.parametrize(
    "message",
    [
        'cron.yaml:14: rules.sms.missing.quiet_hours: "21-9": quiet hours are written as 21:00-09:00, or off',
        "cron.yaml:3: bookings.columns.first_name: first_name and name (line 3) both name the column full_name",
        'cron.yaml:9: rules.sms.missing.ignore.0: "/(/": not a regular expression: missing )',
        'cron.yaml:2: timezone: "Europe/Londn": not a time zone; write an IANA name such as Europe/London',
    ],
)
def test_an_ordinary_message_stays_as_it_is(message: str) -> None:
    assert without_secrets(message) == message


def test_the_rest_of_the_message_stays() -> None:
    said = without_secrets("cron.yaml:1: repairs: https://hc-ping.com/c0ffee: not one of the words for this")
    assert said == f"cron.yaml:1: repairs: {WITHHELD}: not one of the words for this"
