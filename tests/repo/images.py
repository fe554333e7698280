"""Pictures of the page for the documentation: ``python -m tests.repo.images`` takes them (Debian's chromium)."""

import tempfile
from pathlib import Path

from tests.support.status_page_scenarios import SCENES, browser, opened, stage

FOLDER = Path(__file__).parents[2] / "docs" / "images"
LARGEST = 150_000
"""Bytes of one picture."""
TAKEN = {
    "well": [("page-well-phone", "/", 390, "light")],
    "one": [
        ("page-one-gap", "/", 1280, "light"),
        ("page-booking-phone", "/bookings/1a2b3c4d-5e6f-4a7b-8c9d-0e1f2a3b4c5d", 390, "dark"),
    ],
    "many": [("page-many-gaps", "/", 1280, "dark"), ("page-many-gaps-phone", "/", 390, "light")],
    "down": [("page-database-down", "/", 1280, "light")],
}
"""Scene -> name, path, width and colours of its pictures."""


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, stage(Path(folder)) as site, browser() as chromium:
        for name, scene in SCENES.items():
            scene.play(site)
            for picture, path, width, scheme in TAKEN[name]:
                with opened(chromium, site.url + path, width, scheme) as page:
                    page.screenshot(path=FOLDER / f"{picture}.png")


if __name__ == "__main__":
    main()
