"""When a job counts as late: by its interval or its crontab line, and by whether it runs at start."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from reconciler.service.lateness import expected, last_time, late
from reconciler.settings.model.cron_file import CronFile
from reconciler.settings.model.jobs import DEFAULT_JOBS

NOW = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)
"""A Wednesday, 13:00 in London."""
LONDON = ZoneInfo("Europe/London")
OTHERS = {
    "calendar_missing": "off",
    "sms_delivery": "off",
    "unsettled_repairs": "off",
    "integrations": "off",
    "coverage": "off",
}


def file(**job: Any) -> CronFile:
    return CronFile.model_validate({"jobs": {**OTHERS, "sms_missing": job}})


def is_late(ago: timedelta | None, **job: Any) -> bool:
    return bool(late(file(**job), {} if ago is None else {"sms_missing": NOW - ago}, NOW))


@pytest.mark.parametrize(
    ("job", "allowed"),
    [
        # Five minutes of grace and four of pass_budget come on top of the interval.
        ({"every": "10m"}, timedelta(minutes=19)),
        ({"every": "1d"}, timedelta(days=1, minutes=9)),
        # A restart begins the interval anew.
        ({"every": "1d", "at_start": False}, timedelta(days=2, minutes=9)),
        # At 13:00 in London: the last time that must be over by now is 12:30 there, 11:30 in UTC.
        ({"cron": "30 * * * *"}, timedelta(minutes=30)),
        # 12:55 may still be under way: the one before counts.
        ({"cron": "55 * * * *"}, timedelta(minutes=65)),
        ({"cron": "0 10 * * mon"}, timedelta(days=2, hours=3)),
        ({"cron": "0 10 * * mon", "at_start": False}, timedelta(days=2, hours=3)),
    ],
)
def test_late_is_what_is_older_than_its_schedule_allows(job: dict[str, Any], allowed: timedelta) -> None:
    assert not is_late(allowed, **job)
    assert is_late(allowed + timedelta(seconds=1), **job)


def test_a_longer_budget_allows_more() -> None:
    patient = CronFile.model_validate({"jobs": OTHERS, "limits": {"pass_budget": "1h"}})
    assert not late(patient, {"sms_missing": NOW - timedelta(minutes=70)}, NOW)


@pytest.mark.parametrize("when", [{"every": "10m"}, {"cron": "0 10 * * mon"}])
def test_a_job_that_never_ran_is_late_if_it_runs_at_start(when: dict[str, str]) -> None:
    assert is_late(None, **when)
    assert not is_late(None, **when, at_start=False)


def test_a_late_job_names_its_schedule() -> None:
    found = late(file(cron="0 10 * * mon"), {}, NOW)
    assert [(one.job, one.finished_at, one.schedule) for one in found] == [("sms_missing", None, "cron 0 10 * * mon")]


@pytest.mark.parametrize(
    ("rules", "idle"),
    [
        ({}, set()),
        ({"sms.missing": {"policy": "report"}}, set()),
        ({"sms.missing": {"policy": "off"}}, {"sms_missing"}),
        ({"calendar.missing": {"policy": "off"}}, {"calendar_missing"}),
        (
            {"sms.missing": {"policy": "off"}, "calendar.missing": {"policy": "off"}},
            {"sms_missing", "calendar_missing", "unsettled_repairs"},
        ),
        ({"sms.stuck": {"policy": "off"}}, set()),
        ({"sms.stuck": {"policy": "off"}, "sms.unproven": {"policy": "off"}}, {"sms_delivery"}),
    ],
)
def test_a_job_whose_rules_are_all_off_is_never_late(rules: dict[str, Any], idle: set[str]) -> None:
    assert DEFAULT_JOBS.keys() - expected(CronFile.model_validate({"rules": rules})).keys() == idle


@pytest.mark.parametrize(
    ("line", "by", "last"),
    [
        ("30 1 * * *", "2026-06-10T00:30:00+00:00", "2026-06-10T00:30:00+00:00"),
        ("30 1 * * *", "2026-06-10T00:29:59.9+00:00", "2026-06-09T00:30:00+00:00"),
        # 29 March: 1:30 does not exist, the line means 2:00.
        ("30 1 * * *", "2026-03-29T00:59:00+00:00", "2026-03-28T01:30:00+00:00"),
        ("30 1 * * *", "2026-03-29T01:10:00+00:00", "2026-03-29T01:00:00+00:00"),
        # 25 October: 1:30 comes twice, the line means the first.
        ("30 1 * * *", "2026-10-25T00:45:00+00:00", "2026-10-25T00:30:00+00:00"),
        ("30 1 * * *", "2026-10-25T01:10:00+00:00", "2026-10-25T00:30:00+00:00"),
        ("30 1 * * *", "2026-10-25T01:45:00+00:00", "2026-10-25T00:30:00+00:00"),
    ],
)
def test_the_last_time_of_a_crontab_line(line: str, by: str, last: str) -> None:
    found = last_time(line, datetime.fromisoformat(by), LONDON)
    assert found is not None
    assert found.astimezone(UTC) == datetime.fromisoformat(last)
