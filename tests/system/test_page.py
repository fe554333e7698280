"""The page in a real browser: readable, reachable, and the same without scripts; small and large, light and dark."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.repo.images import FOLDER, LARGEST, TAKEN
from tests.support.application_db import Venue
from tests.support.status_page import site
from tests.support.status_page_scenarios import SCENES, SCHEMES, SIZES, browser, opened, stage

pytestmark = pytest.mark.system
TOKEN = "only-for-this-test-0001"
BOOKING = "/bookings/1a2b3c4d-5e6f-4a7b-8c9d-0e1f2a3b4c5d"
SMALLEST = 24
"""CSS pixels of a thing one taps (WCAG 2.5.8)."""


def barriers(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['target']}" for one in found if one["impact"] in ("serious", "critical")]


def scan_once(chromium: Browser, url: str, width: int, scheme: str) -> str:
    """What the page says first; it has no barrier, fits the screen, asks nobody else and complains of nothing."""
    asked: list[str] = []
    with opened(chromium, "about:blank", width, scheme) as page:
        page.on("request", lambda request: asked.append(request.url))
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(url)
        assert [one for one in asked if not one.startswith(url.partition("/bookings")[0].rstrip("/"))] == []
        assert barriers(page) == [], (url, width, scheme)
        # A browser says by itself that an answer was a 4xx or 5xx.
        assert [one for one in complaints if "Failed to load resource" not in one] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        tapped = page.locator("button, input, summary, .refs a").all()
        boxes = [one.bounding_box() for one in tapped]
        assert min((box["height"] for box in boxes if box), default=SMALLEST) >= SMALLEST
        return page.inner_text("h1")


def test_at_every_size_and_in_both_colours(tmp_path: Path) -> None:
    with stage(tmp_path) as page, browser() as chromium:
        for name, scene in SCENES.items():
            scene.play(page)
            paths = {"/": scene.title}
            if name == "one":
                paths |= {BOOKING: "1a2b3c4d", "/bookings?ref=ffff": "No booking begins with ffff",
                          "/bookings?ref=1": "a reference or an id: 4 to 200 characters of it"}  # fmt: skip
            for path, title in paths.items():
                for width in SIZES:
                    for scheme in SCHEMES:
                        assert scan_once(chromium, page.url + path, width, scheme) == title, (name, width, scheme)


@pytest.mark.parametrize("postgres", ["embedded"], indirect=True)
def test_a_person_finds_a_booking_without_scripts_with_a_password(venue: Venue, tmp_path: Path) -> None:
    with site(venue, tmp_path, RECONCILER_TOKEN=TOKEN) as page, browser() as chromium:
        booking = venue.booking(contact_phone="to follow")
        page.once()
        credentials = {"username": "anybody", "password": TOKEN}
        with opened(chromium, page.url, 390, "light", java_script_enabled=False, http_credentials=credentials) as seen:
            assert seen.inner_text("h1") == "1 gap needs a human"
            seen.get_by_label("Booking").fill(booking[:8])
            seen.get_by_role("button", name="Explain").click()
            assert seen.inner_text("h1") == booking[:8]
            seen.get_by_role("link", name="reconciler").click()
            seen.get_by_role("link", name=booking[:8]).click()
            assert "phone unusable" in seen.inner_text("main")


def test_the_pictures_are_there_and_small() -> None:
    wanted = {f"{picture}.png" for pictures in TAKEN.values() for picture, *_ in pictures}
    assert {file.name for file in FOLDER.iterdir()} == wanted
    assert [file.name for file in FOLDER.iterdir() if file.stat().st_size > LARGEST] == []
