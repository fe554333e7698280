"""How long a server asks us to wait, as urllib3 reads it: never an exception, never longer than a day."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from reconciler.timing.retry_after import LONGEST, retry_after


@pytest.mark.parametrize(
    ("header", "seconds"), [("17", 17), (" 17 ", 17), ("0", 0), ("86401", 86400), ("950400", 86400)]
)
def test_seconds(header: str, seconds: int) -> None:
    assert retry_after(header) == timedelta(seconds=seconds)


def test_a_date() -> None:
    soon = retry_after(format_datetime(datetime.now(UTC) + timedelta(minutes=10), usegmt=True))
    assert soon is not None
    assert timedelta(minutes=9) < soon <= timedelta(minutes=10)
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == timedelta(0)
    next_week = format_datetime(datetime.now(UTC) + timedelta(days=7), usegmt=True)
    assert retry_after(next_week) == LONGEST


NEITHER = [
    None, "", "soon", "-5", "1e9", "17 s", "\xb2\xb3", ",", "\x00", "950402", "9" * 400, "9" * 5000,
    "Fri, 31 Dec 9999 23:59:59 GMT", "Fri, 99 Foo 99999 99:99:99 GMT",
    "Mon, 1 Jan 999999999999999999999 00:00:00 +9999",
]  # fmt: skip


@pytest.mark.parametrize("header", NEITHER)
def test_what_is_neither_or_nonsense(header: str | None) -> None:
    assert retry_after(header) is None
