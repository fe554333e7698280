"""docs/page.md says what the page has: its metrics, its routes, its pictures."""

import re
from pathlib import Path

from reconciler.web.app import ROUTES
from reconciler.web.booking_view import API_STANDINGS, API_UNKNOWN
from reconciler.web.metrics import METRICS
from tests.repo.images import TAKEN

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "page.md").read_text()


def test_every_metric_is_listed_as_it_is() -> None:
    listed = re.findall(r"(?m)^\| `(reconciler_\w+)` \| (.*?) ?\| (.*) \|$", PAGE)
    assert {name: (says, tuple(re.findall(r"`(\w+)`", labels))) for name, labels, says in listed} == METRICS


def test_every_route_and_every_standing_is_told() -> None:
    alerted = {re.sub(r"\{.*", "", path) for path in ROUTES} - {"/", "/page.css", "/bookings", "/bookings/"}
    assert [path for path in alerted if path not in PAGE] == []
    (standings,) = re.findall(r"(?m)^\| `standing` \|.*\n\|.*\n((?:\|.*\n)+)", PAGE)
    assert set(re.findall(r"(?m)^\| `(\w+)`", standings)) == {*API_STANDINGS.values(), API_UNKNOWN}


def test_every_picture_is_shown() -> None:
    assert [name for pictures in TAKEN.values() for name, *_ in pictures if f"images/{name}.png" not in PAGE] == []
