"""Variables that cron.yaml names: on-call routes and heartbeats; a secret in the wrong place is not quoted."""

from pathlib import Path

import pytest

from reconciler.errors import ConfigurationError
from reconciler.settings import Need, load

SECRET = "s3cretkey"
BASE = {"DATABASE_URL": "postgresql://job:hunter2@db.internal/venue"}
REPORT_ONLY = "repairs: report\n"
ONCALL = REPORT_ONLY + "reporting: {oncall: [PAGER_URL]}"
HEARTBEAT = REPORT_ONLY + "jobs: {sms_missing: {every: 10m, alive: WATCHMAN}}"


def mistakes(folder: Path, content: str, **variables: str) -> list[str]:
    (folder / "cron.yaml").write_text(content)
    with pytest.raises(ConfigurationError) as caught:
        load(folder / "cron.yaml", BASE | variables)
    assert SECRET not in f"{caught.value} {caught.value.advice}"
    return list(caught.value.mistakes)


def test_what_they_hold(tmp_path: Path) -> None:
    (tmp_path / "cron.yaml").write_text(
        REPORT_ONLY + "reporting: {oncall: [PAGER_URL, CHAT]}\njobs: {sms_missing: {every: 10m, alive: WATCHMAN}}"
    )
    (tmp_path / "pager").write_text(f"pagerduty://{SECRET}@{SECRET}\n")
    variables = {"PAGER_URL_FILE": str(tmp_path / "pager"), "CHAT": "json://127.0.0.1:1/", "WATCHMAN": "https://hc/x"}
    settings = load(tmp_path / "cron.yaml", BASE | variables)
    listeners = settings.environment.listeners

    assert [(route.name, route.url) for route in listeners.oncall] == [
        ("PAGER_URL", f"pagerduty://{SECRET}@{SECRET}"),
        ("CHAT", "json://127.0.0.1:1/"),
    ]
    assert listeners.switches == {"WATCHMAN": "https://hc/x"}
    assert SECRET not in repr(settings)


@pytest.mark.parametrize("content", [ONCALL, HEARTBEAT])
def test_what_meets_no_provider_asks_for_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "cron.yaml").write_text(content)

    assert load(tmp_path / "cron.yaml", BASE, Need.DATABASE).environment.listeners.oncall == ()


def test_one_that_is_not_set(tmp_path: Path) -> None:
    (oncall,) = mistakes(tmp_path, ONCALL)
    (alive,) = mistakes(tmp_path, HEARTBEAT)

    assert oncall.startswith("PAGER_URL: not set; an on-call route as an apprise URL")
    assert alive.startswith("WATCHMAN: not set; the ping URL of a dead man's switch")


@pytest.mark.parametrize(
    "url",
    [SECRET, f"https://{SECRET}.example/hook", f"slack://{SECRET}", f"pagerduty://{SECRET}", f"nosuch://{SECRET}"],
)
def test_one_that_apprise_does_not_know(tmp_path: Path, url: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        (mistake,) = mistakes(tmp_path, ONCALL, PAGER_URL=url)

    assert mistake.startswith("PAGER_URL: is no URL that apprise knows; ")
    assert SECRET not in caplog.text


@pytest.mark.parametrize("url", [SECRET, f"ftp://hc/{SECRET}", f"http://hc.internal/{SECRET}", f"https://[{SECRET}"])
def test_a_switch_that_is_no_url(tmp_path: Path, url: str) -> None:
    (mistake,) = mistakes(tmp_path, HEARTBEAT, WATCHMAN=url)

    assert mistake.startswith("WATCHMAN: ")


@pytest.mark.parametrize("name", [f"pagerduty://{SECRET}@key", f"https://hc-ping.com/{SECRET}", SECRET, ""])
def test_the_secret_itself_where_its_name_belongs(tmp_path: Path, name: str) -> None:
    oncall = mistakes(tmp_path, REPORT_ONLY + f'reporting:\n  oncall: ["{name}"]')
    alive = mistakes(tmp_path, REPORT_ONLY + f'jobs:\n  sms_missing: {{every: 10m, alive: "{name}"}}')

    what = "the name of a variable belongs here, such as PAGER_URL, and not the URL itself"
    assert oncall == [f"cron.yaml:3: reporting.oncall.0: {what}"]
    assert alive == [f"cron.yaml:3: jobs.sms_missing.alive: {what}"]


def test_a_token_without_its_organization(tmp_path: Path) -> None:
    (mistake,) = mistakes(
        tmp_path, REPORT_ONLY, SENTRY_DSN="https://k@o1.ingest.sentry.io/42", SENTRY_AUTH_TOKEN=SECRET
    )

    assert mistake.startswith("SENTRY_ORG: not set; ")
