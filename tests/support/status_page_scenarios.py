"""The status page in four situations, one after the other, and a browser to view it."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from reconciler.sandbox.postgres import EmbeddedPostgres
from tests.support.application_db import Venue
from tests.support.status_page import Site, site

CHROMIUM = "/usr/bin/chromium"
"""Debian's package."""
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
SIZES = {390: 844, 1280: 900}
SCHEMES = ("light", "dark")
MANY = 10_000
MISSING = "private_booking_sms_queue lacks 3 columns: trigger_type, template_key, customer_phone"
FIX = """\
ALTER TABLE public.private_booking_sms_queue
  ADD COLUMN trigger_type text NOT NULL,
  ADD COLUMN template_key text NOT NULL,
  ADD COLUMN customer_phone text NOT NULL;"""


@dataclass(frozen=True)
class Scene:
    title: str
    """What the page says first."""
    play: Callable[[Site], None]


def _all_is_well(page: Site) -> None:
    for number in range(1, 8):
        page.venue.booking(contact_phone=f"+44770090010{number}")
    page.once()
    page.venue.sql("UPDATE reconciler.gap SET opened_at = opened_at - interval '1 day', closed_at = closed_at"
                   " - interval '1 day'")  # fmt: skip
    for days, number in enumerate((2, 1, 0, 3, 1, 0, 0, 41, 2, 1, 0, 1, 0, 2)):
        when = datetime.now(UTC) - timedelta(days=days)
        for one in range(number):
            page.gap(
                about=f"{days}-{one}", opened_at=when, closed_at=when, closed_by="gone" if one % 9 == 8 else "repaired"
            )


def _one_gap(page: Site) -> None:
    # A draft is due since it was made. A confirmation that the second scan sees first has its grace from then.
    page.venue.booking(id="1a2b3c4d-5e6f-4a7b-8c9d-0e1f2a3b4c5d", contact_phone="to follow", status="draft")
    page.once()


def _many_gaps(page: Site) -> None:
    page.venue.sql(
        "INSERT INTO reconciler.gap (scope, kind, about, cause, key, reason, detail, opened_at, seen_at)"
        " SELECT '', CASE WHEN mod(i, 5) = 0 THEN 'calendar.missing' ELSE 'sms.missing' END, md5(i::text)::uuid::text,"
        "        CASE mod(i, 5) WHEN 0 THEN 'never_created' WHEN 1 THEN 'unusable_data' ELSE 'blocked' END, '',"
        "        CASE mod(i, 5) WHEN 0 THEN '' WHEN 1 THEN 'no_date' ELSE 'integration' END, '{}',"
        "        now() - i * interval '1 second', now() FROM generate_series(2, %s) i",
        MANY,
    )
    said = {"seen": MISSING, "remedy": "hand this SQL to the owner of the table", "sql": FIX}
    since = datetime.now(UTC) - timedelta(hours=3)
    page.gap("integration.schema", "sms", cause="blocked", reason="missing_column", detail=json.dumps(said),
             opened_at=since)  # fmt: skip


def _database_down(page: Site) -> None:
    assert page.get("/").status_code == 200
    page.venue.postgres.stop()


SCENES = {
    "well": Scene("All is well", _all_is_well),
    "one": Scene("1 gap needs a human", _one_gap),
    "many": Scene("The application's tables: missing column", _many_gaps),
    "down": Scene("The database does not answer as it should", _database_down),
}


@contextmanager
def stage(folder: Path) -> Iterator[Site]:
    """A venue with a server of its own: it is stopped."""
    with EmbeddedPostgres() as postgres:
        postgres.create_application("venue")
        venue = Venue(postgres, "venue")
        venue.migrate()
        with site(venue, folder) as page:
            yield page


@contextmanager
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield chromium
        chromium.close()


@contextmanager
def opened(chromium: Browser, url: str, width: int, scheme: str, **options: object) -> Iterator[Page]:
    context = chromium.new_context(
        viewport={"width": width, "height": SIZES[width]},
        color_scheme=scheme,  # type: ignore[arg-type]  # one of SCHEMES
        **options,  # type: ignore[arg-type]
    )
    page = context.new_page()
    page.goto(url)
    yield page
    context.close()
