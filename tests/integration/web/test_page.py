"""The status page over real HTTP: what it says, to whom, and what it never does."""

import base64
import json
import re
import socket
import time
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from reconciler.errors import ConfigurationError
from reconciler.settings import Need, load
from reconciler.web.metrics import METRICS
from reconciler.web.security import HEADERS, LONGEST_PATH, LONGEST_QUERY
from reconciler.web.server import Address, bind, serving
from tests.support.application_db import ANA, LEDGER, Venue
from tests.support.status_page import CRON_YAML, Site, site

pytestmark = pytest.mark.one_server

TOKEN = "only-for-this-test-0001"
SOON = 2.6
"""Seconds: two for the database, the rest for the machine."""
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def page(venue: Venue, tmp_path: Path) -> Iterator[Site]:
    with site(venue, tmp_path) as found:
        yield found


def words(html: str) -> str:
    """What a person reads."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html.partition("<main>")[2]))


def metric(text: str, name: str, **labels: str) -> float | None:
    for line in text.splitlines():
        found = re.fullmatch(rf"{name}(?:{{(.*)}})? (\S+)", line)
        if found and dict(re.findall(r'(\w+)="([^"]*)"', found[1] or "")) == labels:
            return float(found[2])
    return None


def test_from_nothing_to_all_is_well(page: Site) -> None:
    before = page.get("/")
    assert (before.status_code, "No job has run yet" in words(before.text)) == (200, True)
    assert words(before.text).count("not checked yet") == 5
    assert metric(page.get("/metrics").text, "reconciler_job_late", job="sms_missing") == 1

    booking = page.venue.booking(contact_phone="+447700900103")
    page.once()
    said = words(page.get("/").text)
    assert "All is well" in said
    assert "2 found" in said
    assert "2 repaired" in said
    assert said.count("every job ran on time") == 1
    status = page.get(f"/api/bookings/{booking}").json()
    assert (status["text"]["standing"], status["event"]["standing"]) == ("ok", "ok")
    assert (status["text"]["sent"], status["event"]["stored"]) == (True, True)
    scraped = page.get("/metrics").text
    assert metric(scraped, "reconciler_repairs_last_day", effect="sms", outcome="done") == 1
    assert metric(scraped, "reconciler_provider_calls_last_day", provider="google", status="accepted") == 1
    assert metric(scraped, "reconciler_job_late", job="sms_missing") == 0
    ended = metric(scraped, "reconciler_job_last_success_timestamp_seconds", job="sms_missing")
    assert ended is not None
    assert abs(ended - time.time()) < 60


def test_a_gap_for_a_person_is_told_with_what_to_do_and_without_whose_it_is(page: Site) -> None:
    booking = page.venue.booking(contact_phone="not a number", customer_name="Ana Lima", internal_notes="allergic")
    fine = page.venue.booking()
    page.once()
    shown = page.get("/").text
    assert "1 gap needs a human" in words(shown)
    assert "Phone unusable sms.missing, 1 gap" in words(shown)
    assert "Correct the phone number" in words(shown)
    assert "ago 1 repaired, 1 needs human next" in words(shown)
    assert f'href="/bookings/{booking}"' in shown

    explained = page.get(f"/bookings/{booking}")
    assert "sms.missing needs a human" in words(explained.text)
    assert "phone decides not usable" in words(explained.text)
    assert "selected by only yes" in words(explained.text)
    found = page.get(f"/bookings?ref={booking[:8].upper()}")
    assert (found.status_code, found.headers["location"]) == (303, f"/bookings/{booking}")
    status = page.get(f"/api/bookings/{booking}").json()
    assert status["text"] | {"open_since": None} == {
        "standing": "needs_human", "rule": "sms.missing", "cause": "unusable_data", "reason": "phone_unusable",
        "says": "phone unusable", "next": status["text"]["next"], "open_since": None, "sent": False,
    }  # fmt: skip
    assert status["event"]["standing"] == "ok"

    everything = [page.get(path).text for path in ("/", f"/bookings/{booking}", f"/bookings/{fine}", "/metrics")]
    everything += [json.dumps(page.get(f"/api/bookings/{one}").json()) for one in (booking, fine)]
    for private in ("Ana", "Lima", "not a number", ANA, ANA[-6:], "allergic", "sandbox-token"):
        assert not [text for text in everything if private in text], private


def test_ten_thousand_gaps_are_counted_and_five_are_named(page: Site) -> None:
    page.venue.sql(
        "INSERT INTO reconciler.gap (scope, kind, about, cause, key, reason, detail, opened_at, seen_at)"
        " SELECT '', 'sms.missing', gen_random_uuid()::text, 'unusable_data', '', 'phone_unusable', '{}',"
        " now() - i * interval '1 minute', now() FROM generate_series(1, 10000) i"
    )
    page.gap("calendar.missing", UNKNOWN_ID, scope="venue_id=7")
    page.venue.sql("INSERT INTO reconciler.run (job, scope, settings, started_at, finished_at, full_scan, counts)"
                   " SELECT job, '', '', now(), now(), true, '{}'"
                   " FROM unnest(ARRAY['sms_missing', 'calendar_missing']) job")  # fmt: skip
    shown = page.get("/")
    assert "10,000 gaps" in words(shown.text)
    assert "and 9,995 more" in words(shown.text)
    assert shown.text.count('href="/bookings/') == 5
    assert len(shown.text) < 40_000
    scraped = page.get("/metrics").text
    assert metric(scraped, "reconciler_gaps_open", kind="sms.missing") == 10_000
    assert metric(scraped, "reconciler_gaps_open", kind="calendar.missing") == 0, "another venue's"
    assert 590_000 < (metric(scraped, "reconciler_gap_oldest_age_seconds", kind="sms.missing") or 0) < 610_000


def test_a_broken_integration_comes_first_with_its_remedy(page: Site) -> None:
    page.once()
    detail = {"seen": "reader-only calendar", "remedy": "share it with x@y, make changes", "sql": "GRANT <ALL>;"}
    page.gap("integration.google", "calendar", cause="blocked", reason="not_writable", detail=json.dumps(detail))
    shown = page.get("/").text
    assert "Google Calendar: not writable" in words(shown)
    assert "reader-only calendar" in words(shown)
    assert "share it with x@y, make changes" in words(shown).lower()
    assert "GRANT &lt;ALL&gt;;" in shown
    assert "broken for" in words(shown)
    assert metric(page.get("/metrics").text, "reconciler_gaps_open", kind="integration.google") == 1


def test_a_service_that_no_longer_runs_is_late(page: Site) -> None:
    page.once()
    page.venue.sql("UPDATE reconciler.run SET started_at = started_at - interval '3 h', finished_at = finished_at"
                   " - interval '3 h'")  # fmt: skip
    said = words(page.get("/").text)
    assert "The service is late" in said
    assert "sms_missing (every 10m)" in said
    assert said.count("was well 3 h ago, not checked since") == 5


def test_what_is_hostile_is_text(page: Site) -> None:
    venue = page.venue
    for table in ("private_bookings", "private_booking_sms_queue"):
        for name, _ in venue.sql(
            "SELECT conname, 1 FROM pg_constraint WHERE contype = 'c' AND conrelid = %s::regclass", table
        ):
            venue.alter(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
    nasty = "<script>alert(1)</script>\"'\x07\x1b[31m‮‏ {{ 7*7 }} &amp; "
    huge = nasty + "x" * 200_000
    booking = venue.booking(status=huge, calendar_event_id=nasty, event_type=huge)
    for _ in range(3):
        venue.text(booking, trigger_type=huge, status=nasty, twilio_message_sid=nasty)
    page.gap(about=nasty, reason=huge)
    page.gap(
        "integration.schema", nasty, reason=nasty, detail=json.dumps(dict.fromkeys(("seen", "remedy", "sql"), huge))
    )
    page.gap(about=booking)
    for path in ("/", f"/bookings/{booking}", "/bookings?ref=%3Cscript%3E"):
        shown = page.answered(path)
        assert shown.status_code in (200, 404)
        assert len(shown.text) < 60_000
        assert "<script" not in shown.text
        odd = {one for one in shown.text if unicodedata.category(one) in ("Cc", "Cf") and one != "\n"}
        assert odd == set(), path
    assert page.get(f"/api/bookings/{booking}").json()["text"]["standing"] == "not_applicable"


def test_reading_writes_nothing(page: Site) -> None:
    booking = page.venue.booking(contact_phone="")
    page.once()

    def state() -> Any:
        return page.venue.checksum(), [page.venue.rows(f"reconciler.{table}") for table in LEDGER]

    before = state()
    for path in ("/", f"/bookings/{booking}", f"/bookings?ref={booking[:6]}", f"/api/bookings/{booking}", "/metrics",
                 "/healthz", "/readyz", "/page.css"):  # fmt: skip
        assert page.answered(path).status_code < 400
    assert state() == before


BAD = [
    ("GET", "/nothing", 404),
    ("GET", "/../../etc/passwd", 404),
    ("POST", "/", 405),
    ("PUT", f"/bookings/{UNKNOWN_ID}", 405),
    ("DELETE", f"/api/bookings/{UNKNOWN_ID}", 405),
    ("OPTIONS", "/metrics", 405),
    ("GET", f"/bookings/{UNKNOWN_ID}", 404),
    ("GET", f"/api/bookings/{UNKNOWN_ID}", 404),
    ("GET", "/bookings/zzzz", 404),
    ("GET", "/bookings/%00", 404),
    ("GET", "/bookings/1%27%3B%20DROP%20TABLE", 404),
    ("GET", "/api/bookings/%E2%80%AE%00", 404),
    ("GET", f"/bookings/{'a' * 400}", 404),
    ("GET", "/bookings", 400),
    ("GET", "/bookings?ref=1", 400),
    ("GET", "/bookings?ref=%00%00%00%00", 400),
    ("GET", "/bookings?ref=%25%25%25%25", 404),
    ("GET", "/bookings?ref=____", 404),
    ("GET", f"/?{'q' * (LONGEST_QUERY + 1)}", 414),
    ("GET", f"/{'p' * LONGEST_PATH}", 414),
]


def test_bad_questions_get_a_proper_no(page: Site) -> None:
    for method, path, wanted in BAD:
        with socket.create_connection(("127.0.0.1", int(page.url.rpartition(":")[2])), 10) as raw:
            raw.sendall(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            answer = b"".join(iter(lambda: raw.recv(65536), b"")).decode()
        head, _, body = answer.partition("\r\n\r\n")
        assert head.startswith(f"HTTP/1.1 {wanted} "), (method, path)
        assert not [name for name, value in HEADERS.items() if f"\r\n{name.lower()}: {value}" not in head], path
        assert ("\r\nallow: " in head) == (wanted == 405), path
        assert "Traceback" not in body
        if path.startswith("/api/"):
            assert json.loads(body)["error"]


def test_head_is_answered_without_a_body_and_every_answer_has_the_headers(page: Site) -> None:
    for path in ("/", "/page.css", "/healthz", "/metrics"):
        head, whole = requests.head(page.url + path, timeout=10), page.get(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(whole.content)) or path in ("/", "/metrics")
        assert {name: whole.headers.get(name) for name in HEADERS} == HEADERS
        assert "server" not in whole.headers


def test_the_page_needs_nothing_from_elsewhere(page: Site) -> None:
    shown = page.get("/").text + page.get("/page.css").text
    assert re.findall(r"(?:https?:)?//\w+|<script|style=|javascript:|@import|url\(", shown) == []


def test_without_a_token_only_names_of_loopback_are_answered(page: Site) -> None:
    port = page.url.rpartition(":")[2]
    for host, wanted in {
        "localhost": 200, f"localhost:{port}": 200, f"127.0.0.1:{port}": 200, "[::1]:1": 200, "LOCALHOST": 200,
        "evil.example": 421, f"evil.example:{port}": 421, "localhost.evil.example": 421, "0.0.0.0": 421,
        "127.0.0.1@evil.example": 421, "127.0.0.1.evil.example": 421, "": 421,
    }.items():  # fmt: skip
        assert page.get("/page.css", headers={"Host": host}).status_code == wanted, host


def test_with_a_token_it_is_asked_for_everything_but_the_probes(venue: Venue, tmp_path: Path) -> None:
    def basic(user: str, password: str) -> dict[str, str]:
        return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}

    with site(venue, tmp_path, RECONCILER_TOKEN=TOKEN) as page:
        for path in ("/", "/metrics", "/page.css", f"/api/bookings/{UNKNOWN_ID}", "/nothing"):
            no = page.get(path)
            assert (no.status_code, no.headers["www-authenticate"][:6]) == (401, "Basic ")
            assert TOKEN not in no.text
        for path in ("/healthz", "/readyz"):
            assert page.get(path).status_code == 200
        for right in (basic("anybody", TOKEN), basic("", TOKEN), {"Authorization": f"Bearer {TOKEN}"}):
            assert page.get("/", headers={**right, "Host": "status.example"}).status_code == 200
        for wrong in (
            basic(TOKEN, ""), basic("", TOKEN + "x"), basic("", TOKEN[:-1]), {"Authorization": "Basic %%%"},
            {"Authorization": TOKEN}, {"Authorization": "Basic //4="},
            {"Authorization": f"Bearer {TOKEN}é".encode("latin-1")},
        ):  # fmt: skip
            assert page.get("/", headers=wrong).status_code == 401, wrong


def test_open_to_others_it_wants_a_token(tmp_path: Path) -> None:
    url = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}
    (tmp_path / "cron.yaml").write_text(CRON_YAML)
    without = load(tmp_path / "cron.yaml", url, Need.DATABASE)
    within = load(tmp_path / "cron.yaml", url | {"RECONCILER_TOKEN": TOKEN}, Need.DATABASE)
    for address in ("0.0.0.0:0", "[::]:0", "10.1.2.3:80", "example.org:80"):
        with pytest.raises(ConfigurationError, match="RECONCILER_TOKEN is not set"):
            bind(address, without)
    bind("0.0.0.0:0", within).close()
    for address in ("8080", "localhost", ":8080", "localhost:99999", "http://localhost:80", "localhost:80/x", ""):
        with pytest.raises(ConfigurationError, match="is not HOST:PORT"):
            bind(address, within)
    with bind("localhost:0", without) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"cannot listen on localhost:{port}: Address already in use$"):
            bind(f"localhost:{port}", without)
    for short in ("secret", "changeme"):
        with pytest.raises(ConfigurationError, match="RECONCILER_TOKEN"):
            bind("127.0.0.1:0", load(tmp_path / "cron.yaml", url | {"RECONCILER_TOKEN": short}, Need.DATABASE))
    assert str(Address.parse("[::1]:80")) == "[::1]:80"
    assert TOKEN not in repr(within)


@pytest.mark.parametrize("how", ["refuses", "mute"])
def test_without_its_database_it_answers_soon_and_says_so(how: str, tmp_path: Path) -> None:
    (tmp_path / "cron.yaml").write_text(CRON_YAML)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        if how == "refuses":
            listening.close()
        url = {"DATABASE_URL": f"postgresql://somebody:hunter2@127.0.0.1:{port}/venue"}
        settings = load(tmp_path / "cron.yaml", url, Need.DATABASE)
        with serving(bind("127.0.0.1:0", settings), settings) as server:
            page = Site(server.url.rstrip("/"), None, settings, None)  # type: ignore[arg-type]  # neither is there
            asked = {
                "/": (503, "has not reached the database since it started"),
                "/healthz": (200, "ok"),
                # Behind questions that a mute database keeps waiting, this one may not have been put to it yet.
                "/readyz": (503, '"failing":["database"],"unknown":[]' if how == "refuses" else '{"ready":false,'),
                f"/api/bookings/{UNKNOWN_ID}": (503, '"remedy":"'),
                "/metrics": (200, "reconciler_database_up 0.0"),
            }
            with ThreadPoolExecutor(len(asked)) as people:
                began = time.monotonic()
                answers = dict(zip(asked, people.map(page.get, asked), strict=True))
                assert time.monotonic() - began < SOON
        for path, (wanted, says) in asked.items():
            assert (answers[path].status_code, says in answers[path].text) == (wanted, True), path
            assert not [secret for secret in ("hunter2", "somebody") if secret in answers[path].text]


def test_what_was_known_last_says_its_age(page: Site) -> None:
    page.once()
    page.gap(about=UNKNOWN_ID)
    assert "1 gap needs a human" in words(page.get("/").text)
    with page.venue.postgres.connect(page.venue.name) as other, other.transaction():
        other.execute("LOCK TABLE reconciler.gap IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        stale = page.get("/")
        assert time.monotonic() - began < SOON
        assert (stale.status_code, stale.headers["retry-after"]) == (503, "10")
        said = words(stale.text)
        assert "PostgreSQL took too long" in said
        assert re.search(r"Everything below is the last known state, \d s ago", said)
        assert "Phone unusable" in said
        assert "Database does not answer as it should" in said
    assert page.get("/").status_code == 200


def test_before_migrate_it_says_what_to_do(bare_venue: Venue, tmp_path: Path) -> None:
    with site(bare_venue, tmp_path) as page:
        booking = bare_venue.booking()
        assert page.get("/readyz").json() == {"ready": False, "failing": ["ledger"], "unknown": []}
        shown = page.get("/")
        assert (shown.status_code, "reconciler migrate" in shown.text) == (503, True)
        assert page.get(f"/api/bookings/{booking}").json()["text"]["standing"] == "repairable"


def test_every_metric_is_there(page: Site) -> None:
    page.gap(about=UNKNOWN_ID)
    page.once()
    scraped = page.get("/metrics")
    assert scraped.headers["content-type"].startswith("text/plain; version=")
    families = dict(re.findall(r"(?m)^# HELP (\S+) (.*)$", scraped.text))
    assert families == {name: says for name, (says, _) in METRICS.items()}
    with_samples = set(re.findall(r"(?m)^(reconciler_\w+)[{ ]", scraped.text))
    # A share is absent without new bookings, and without a past; it is no 0.
    shares = {"reconciler_coverage_ratio", "reconciler_coverage_usual_ratio"}
    assert set(METRICS) - with_samples <= {"reconciler_gaps_open_by_cause", *shares}
