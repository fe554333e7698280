"""What a full run has shown: docs/year.json, and the README's sentence that is written from it."""

import json
import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.year.judge import KINDS_OF_PROBLEMS
from tests.year.playing import Played

ROOT = Path(__file__).parents[2]
RESULTS, README = ROOT / "docs" / "year.json", ROOT / "README.md"
BEGINS, ENDS = "<!-- written by `make year` -->", "<!-- the year until here -->"
WIDTH = 118
VENUES = {"small": 3, "middle": 30, "large": 3000}
"""Each venue, and its bookings a day. ``large, in spring`` is a sample of the large one."""
COUNTS = (
    "days", "bookings", "passes", "texts", "events", "removals", "silences", "silences reported",
    "silences over before they were due", "silences not due yet", "silences repaired", "alerts", "pages", "approved",
)  # fmt: skip
LONGEST = ("longest_reported_s", "longest_repaired_s")


def results(played: Iterable[Played]) -> dict[str, Any]:
    venues: dict[str, Counter[str]] = {name: Counter() for name in VENUES}
    longest: dict[str, dict[str, int]] = {name: dict.fromkeys(LONGEST, 0) for name in VENUES}
    for one in played:
        name = one.size.name.partition(",")[0]
        venues[name].update({what: one.counts.get(what, 0) for what in COUNTS})
        venues[name].update(Counter(problem.kind for problem in one.problems))
        longest[name] = {what: max(longest[name][what], one.counts[what]) for what in LONGEST}
    return {
        name: {
            "bookings a day": VENUES[name],
            **{what: venues[name][what] for what in COUNTS},
            **{what.replace("_s", " (minutes)").replace("_", " "): -(-longest[name][what] // 60) for what in LONGEST},
            **{f"wrong: {kind}": venues[name][kind] for kind in KINDS_OF_PROBLEMS},
        }
        for name in VENUES
    }


def wrong(shown: Mapping[str, Mapping[str, int]]) -> int:
    return sum(number for venue in shown.values() for what, number in venue.items() if what.startswith("wrong: "))


def paragraph(shown: Mapping[str, Mapping[str, int]]) -> str:
    """For the README, between its markers."""
    total: Counter[str] = Counter()
    for venue in shown.values():
        total.update(venue)
    within = max(venue["longest reported (minutes)"] for venue in shown.values())
    false = ", ".join(f"{total[f'wrong: {kind}']} {name}" for kind, name in KINDS_OF_PROBLEMS.items())
    text = f"""\
**Tested by a year of normal life.** `make year` plays venues with 3 and 30 bookings a day for a year, and one with
3,000 for {shown["large"]["days"]} days of it: closures, both changes of the clocks, outages, and {total["silences"]:,}
times the application silently did not do its work. **{false}.** Each silence was alerted within {within} minutes.
"""
    return textwrap.fill(text, WIDTH, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False) + "\n"


def read() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return found


def write(shown: Mapping[str, Any]) -> None:
    RESULTS.write_text(json.dumps(shown, indent=2) + "\n", encoding="utf-8")
    page = README.read_text(encoding="utf-8")
    between = re.compile(f"{re.escape(BEGINS)}\n.*?{re.escape(ENDS)}", re.DOTALL)
    if not between.search(page):
        raise LookupError("the README has no place for what was shown")
    README.write_text(between.sub(lambda _: f"{BEGINS}\n{paragraph(shown)}{ENDS}", page), encoding="utf-8")


def shown_in(page: str) -> str:
    """What stands between the markers."""
    return page.partition(f"{BEGINS}\n")[2].partition(ENDS)[0]
