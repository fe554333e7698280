"""The backlog by the real commands: 328 old bookings, from `migrate` until a person has written the last one off."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from reconciler.errors import Exit
from tests.support.application_db import Venue
from tests.support.command import Ran, reconciler
from tests.support.status_page import command

pytestmark = pytest.mark.one_server

CRON_YAML = """\
bookings: {since: installed}
rules: {sms.missing: {quiet_hours: off, queue_failed_resent: no}}
"""
OLD = 328

Run = Callable[..., Ran]


@pytest.fixture
def run(bare_venue: Venue, tmp_path: Path) -> Run:
    bare_venue.altered = True
    bare_venue.now = datetime.now(UTC)
    (tmp_path / "cron.yaml").write_text(CRON_YAML)
    return lambda *arguments: reconciler(*arguments, folder=tmp_path, DATABASE_URL=bare_venue.url())


def old_bookings(venue: Venue, number: int) -> list[str]:
    return [venue.booking(created_at=venue.now - timedelta(days=2, minutes=one)) for one in range(number)]


def test_328_old_bookings_are_shown_by_every_command(run: Run, bare_venue: Venue, tmp_path: Path) -> None:
    old_bookings(bare_venue, OLD)
    assert re.search(rf"^sms.missing +{OLD} .* {OLD} ", run("once").out, re.MULTILINE), "before migrate they are gaps"
    said = re.compile(rf"before \d+ \w{{3}} \d{{4}}: {OLD} without text, {OLD} without event")
    migrated = run("migrate")
    assert (migrated.code, migrated.out.splitlines()[0].startswith("schema reconciler: created at")) == (0, True)
    assert said.search(migrated.out.splitlines()[1])
    assert "reconciler backfill" in migrated.out.splitlines()[2]

    status = run("status")
    seen = bool(said.search(status.out.splitlines()[0]))
    assert (status.code, seen) == (Exit.WORK_LEFT, True), "nothing was scanned yet"
    data = json.loads(run("status", "--json").out)["backlog"]
    assert (data["open"], data["counts"]["sms.missing"], data["written_off"]) == (True, OLD, 0)
    once = run("once", "sms_missing", "coverage")
    assert (once.code, bool(said.search(once.out))) == (Exit.NEEDS_A_HUMAN, True)
    assert said.search(run("backfill", "--since", "2026-01-01").out)
    with command(tmp_path, {"DATABASE_URL": bare_venue.url()}) as (url, _):
        shown = requests.get(url, timeout=20).text
        metrics = requests.get(f"{url}/metrics", timeout=20).text
    assert "All is well" not in shown
    headline = re.search(r"<h1[^>]*>(.*?)</h1>", shown, re.DOTALL)
    assert headline
    assert said.search(headline[1])
    assert f'reconciler_backlog_bookings{{kind="sms.missing"}} {OLD}.0' in metrics
    assert re.search(r"^reconciler_backlog_counted_timestamp_seconds 1\.\d+e\+09$", metrics, re.MULTILINE)


def write_offs(venue: Venue) -> list[tuple[object, ...]]:
    rows = venue.sql("SELECT kind, written_by, reason, undone_by FROM reconciler.write_off ORDER BY id")
    return [tuple(row) for row in rows]


def test_they_are_listed_written_off_and_taken_back(run: Run, bare_venue: Venue) -> None:
    first, *others = old_bookings(bare_venue, 12)
    run("migrate")
    listed = run("open")
    assert listed.code == Exit.NEEDS_A_HUMAN
    assert "12 without text, 12 without event" in listed.out.splitlines()[0]
    assert f"{others[-1][:8]}" in listed.out
    assert "and 2 more" in listed.out
    assert "reconciler open --write-off --reason TEXT --do" in listed.out

    looked = run("open", "--write-off", "--reason", "phoned them", "--by", "maria")
    assert (looked.code, write_offs(bare_venue)) == (Exit.WORK_LEFT, [])
    assert "Nothing was written" in looked.out

    one = run("open", first[:8], "--write-off", "--reason", "phoned them", "--by", "maria", "--do")
    assert (one.code, "11 without text, 11 without event" in one.out) == (Exit.NEEDS_A_HUMAN, True)
    assert write_offs(bare_venue) == [
        (kind, "maria", "phoned them", None) for kind in ("sms.missing", "calendar.missing")
    ]
    rest = run("open", "--write-off", "--reason", "too old", "--by", "maria", "--do")
    assert (rest.code, len(write_offs(bare_venue))) == (Exit.AS_DESIRED, 24)
    settled = run("open")
    assert "nothing needs a human" in settled.out
    assert "written off: 11 without text, by maria" in settled.out
    assert re.match(r"backlog +none; 24 written off", run("status").out)

    back = run("open", first, "--take-back", "--reason", "they called", "--by", "jo", "--do")
    assert back.out == "2 write-offs undone, by jo: they called\n"
    assert "1 without text, 1 without event" in run("open").out
    assert [undone for _, _, _, undone in write_offs(bare_venue)].count("jo") == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--write-off", "--do"), "--reason needs a text"),
        (("--write-off", "--reason", "x\x1b[31m", "--do"), "printable"),
        (("--write-off", "--take-back", "--reason", "x"), "do not go together"),
        (("--do",), "need --write-off or --take-back"),
        (("no-such-id", "--write-off", "--reason", "x", "--by", "maria"), "no booking's id begins with this"),
    ],
    ids=["no reason", "a reason with a control character", "both", "neither", "an unknown booking"],
)
def test_what_is_asked_wrongly_writes_nothing(
    run: Run, bare_venue: Venue, arguments: tuple[str, ...], said: str
) -> None:
    old_bookings(bare_venue, 1)
    run("migrate")
    asked = run("open", *arguments)
    assert (asked.code, said in asked.err, write_offs(bare_venue)) == (Exit.CONFIGURATION, True, [])


def test_what_cannot_be_counted_is_unknown(run: Run, bare_venue: Venue) -> None:
    old_bookings(bare_venue, 1)
    run("migrate")
    bare_venue.alter("ALTER TABLE private_bookings RENAME COLUMN event_date TO day")
    migrated, listed = run("migrate"), run("open")
    assert "backlog: unknown: " in migrated.out
    assert (listed.code, listed.out.startswith("backlog unknown: ")) == (Exit.NEEDS_A_HUMAN, True)
