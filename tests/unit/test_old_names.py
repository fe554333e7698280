"""Names of 0.1.0 in cron.yaml and on the command line: accepted with a warning; both names at once are a mistake."""

from pathlib import Path

import click
import pytest

from reconciler.cli.configuration import settings
from reconciler.cli.main import run
from reconciler.cli.once import run as once
from reconciler.errors import ConfigurationError, Exit
from reconciler.ports import Mandate
from reconciler.settings import Need
from reconciler.settings.model.cron_file import CronFile
from reconciler.settings.model.jobs import DEFAULT_JOBS

OLD = (Path(__file__).parent / "cron_0_1_0.yaml").read_text()
"""The whole file as 0.1.0 came with it."""
NOW = "the old name still works, but use the new one"
WARNINGS = [
    f"warning: cron.yaml:16: bookings.lookback is called scan_window now; {NOW}",
    f"warning: cron.yaml:52: limits.breaker.texts is called sms now; {NOW}",
    f"warning: cron.yaml:53: limits.breaker.events is called calendar now; {NOW}",
    f"warning: cron.yaml:56: limits.rate.texts is called sms now; {NOW}",
    f"warning: cron.yaml:56: limits.rate.events is called calendar now; {NOW}",
    f"warning: cron.yaml:76: jobs.missing_sms is called sms_missing now; {NOW}",
    f"warning: cron.yaml:77: jobs.missing_events is called calendar_missing now; {NOW}",
    (
        "warning: cron.yaml:23: rules.sms.missing.satisfied_by: each message has its own now, "
        "rules.sms.missing.messages.<status>.satisfied_by; this one still works for messages that have none"
    ),
]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DATABASE_URL", "postgresql://job:secret@127.0.0.1:1/venue")
    return tmp_path / "cron.yaml"


def test_an_old_file_means_what_it_meant(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(OLD)

    read = settings(str(file), Need.DATABASE).file

    assert read.model_copy(update={"jobs": {}, "rules": CronFile().rules}) == CronFile()
    sms = read.rules.sms_missing
    assert [sms.satisfying(message) for message in sms.messages.values()] == [None, None]
    assert read.running() == DEFAULT_JOBS
    assert capsys.readouterr().err.splitlines() == WARNINGS


def test_old_names_carry_their_values(file: Path) -> None:
    file.write_text(
        "bookings: {lookback: 21d}\n"
        "limits: {breaker: {texts: 7, events: 70}, rate: {texts: 2/s, events: 3/s}}\n"
        "jobs: {missing_sms: {every: 11m}, missing_events: off}\n"
    )

    read = settings(str(file), Need.DATABASE).file

    assert read.bookings.scan_window.days == 21
    assert (read.limits.breaker.sms, read.limits.breaker.calendar) == (7, 70)
    assert (str(read.limits.rate.sms), str(read.limits.rate.calendar)) == ("2/s", "3/s")
    assert read.running()["sms_missing"].when == "every 11m"
    assert set(DEFAULT_JOBS) - set(read.running()) == {"calendar_missing"}


def test_both_names_at_once_are_mistakes_among_the_others(file: Path) -> None:
    file.write_text(
        "bookings:\n  lookback: 21d\n  scan_window: 14d\n"
        "limits:\n  pass: none\n"
        "jobs:\n  missing_sms: {every: 11m}\n  sms_missing: {every: 10m}\n"
    )

    with pytest.raises(ConfigurationError) as caught:
        settings(str(file), Need.DATABASE)

    assert sorted(caught.value.mistakes) == [
        "cron.yaml:2: bookings.lookback: is called scan_window now, and scan_window is here too: remove one",
        'cron.yaml:5: limits.pass: "none": a whole number belongs here',
        "cron.yaml:7: jobs.missing_sms: is called sms_missing now, and sms_missing is here too: remove one",
    ]


@pytest.mark.parametrize("command", [["grants"], ["migrate", "--sql"], ["status"], ["status", "--healthy"]])
def test_every_command_warns_once(file: Path, command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(OLD)

    run([*command, "--config", str(file)])

    assert [line for line in capsys.readouterr().err.splitlines() if "warning" in line] == WARNINGS


def test_once_takes_the_old_name_of_a_job(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("repairs: report\n")

    code = run(["once", "missing_sms", "--config", str(file)])

    assert capsys.readouterr().err.startswith(f"warning: missing_sms is called sms_missing now; {NOW}\n")
    assert code != Exit.CONFIGURATION


def test_once_still_rejects_what_never_was_a_job() -> None:
    with pytest.raises(click.UsageError, match="no such job: missing_mail"):
        once(["missing_mail"], Mandate(act=False), scheduled=False, config=None, defaults=False)
