"""What a full run has shown: docs/guarantee.json, and the README's paragraph that is written from it."""

import json
import re
import textwrap
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.disasters import DISASTERS
from tests.chaos.mutants import MUTANTS
from tests.chaos.playing import Verdict
from tests.chaos.running import ALONE, FROZEN, LAGGING, MUTANT, WITHIN, Job
from tests.chaos.scenarios import LEASE, SETTLE

ROOT = Path(__file__).parents[2]
RESULTS, README = ROOT / "docs" / "guarantee.json", ROOT / "README.md"
BEGINS, ENDS = "<!-- written by `make chaos SEEDS=200` -->", "<!-- until here -->"
WIDTH = 118
FULL = 200
"""Seeds from which on a run is worth writing down."""
KINDS = {"duplicates": "duplicate", "lost": "lost", "wrong": "wrong"}


@dataclass
class Shown:
    """Adds up verdicts."""

    played: int = 0
    seeds: int = 0
    kills: int = 0
    problems: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    caught: set[str] = field(default_factory=set)
    missed: set[str] = field(default_factory=set)
    disasters: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in DISASTERS})
    beyond: dict[str, Counter[str]] = field(default_factory=lambda: {LAGGING: Counter(), FROZEN: Counter()})

    def add(self, job: Job, verdict: Verdict) -> bool:
        """Whether it is as it should be."""
        self.played += 1
        run, which = job
        kinds = Counter(problem.kind for problem in verdict.problems)
        if run in (WITHIN, ALONE):
            self.seeds += 1
            self.kills += verdict.kills
            self.problems += kinds
            self.counts += verdict.counts
            return not kinds
        if run == MUTANT:
            is_caught = MUTANTS[which].leads_to in kinds
            (self.caught if is_caught else self.missed).add(which)
            return is_caught
        if run in DISASTERS:
            self.disasters[run].update(seeds=1, beside=verdict.counts["beside"], **kinds)
            self.problems += kinds
            return not kinds
        self.beyond[run]["seeds"] += 1
        self.beyond[run]["doubles"] += kinds["duplicate"]
        return True

    def results(self) -> dict[str, Any]:
        return {
            "seeds": self.seeds,
            "kills": self.kills,
            **{name: self.problems[kind] for name, kind in KINDS.items()},
            **{name: self.counts[name] for name in ("texts", "events", "unknown", "found", "absent")},
            **{name: self.counts[name] for name in ("adopted", "refused", "need a human")},
            "mutants": len(self.caught) + len(self.missed),
            "caught": len(self.caught),
            "disasters": {
                name: {
                    "seeds": n["seeds"],
                    **{column: n[kind] for column, kind in KINDS.items()},
                    "texted_by_both": n["beside"],
                }
                for name, n in self.disasters.items()
            },
            "lease": f"{LEASE * 1000:.0f}ms",
            "settle": f"{SETTLE * 1000:.0f}ms",
            **{f"{run}_{what}": n[what] for run, n in self.beyond.items() for what in ("seeds", "doubles")},
        }

    @property
    def is_good(self) -> bool:
        return not self.problems and not self.missed

    def __str__(self) -> str:
        return summary(self.results())


def summary(results: Mapping[str, Any]) -> str:
    """For the terminal."""
    return """\
seeds {seeds}, kills {kills}, duplicates {duplicates}, lost {lost}, wrong {wrong}
  texts {texts}, events {events}; outcomes unknown {unknown}: settled {found} found, {absent} absent
  adopted {adopted}, refused {refused}, need a human {need a human}
  mutants {mutants}, caught {caught}
  {listed}
  beyond the bounds, a list that lags longer than limits.settle: {lagging_seeds} seeds, {lagging_doubles} doubles
  beyond the bounds, a process that stands still before its call: {frozen_seeds} seeds, {frozen_doubles} doubles\
""".format(**results, listed=_listed(results["disasters"]))


def paragraph(results: Mapping[str, Any]) -> str:
    """For the README, between its markers."""
    text = """\
**Tested by breaking it.** `make chaos SEEDS={seeds}` runs the real command on a real database. It killed the command
{kills} times: at named points before and after a commit or a call, and at random. Answers were lost, the providers'
lists lagged, PostgreSQL went away, processes raced, and the application wrote at the same time.
**{seeds} seeds, {duplicates} duplicates, {lost} lost.** {unknown} calls had an unclear outcome: {found} of them had
arrived and {absent} had not, and {need a human} wait for a person. {listed}
The promise has two conditions. Twilio's list lags less than `limits.settle`. No process stands still for longer than
`limits.lease` between its last check and its call. With a list that lagged longer, there were {lagging_doubles}
duplicates in {lagging_seeds} seeds. With a process that stood still for longer, there were {frozen_doubles} in
{frozen_seeds} seeds. The test itself is tested: {mutants} mutants of the
product lack a safeguard (some also the question to Twilio that would hide it), and {caught} were noticed.
""".format(**results, listed=_listed(results["disasters"]))
    return textwrap.fill(text, WIDTH, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False) + "\n"


def _listed(disasters: Mapping[str, Mapping[str, int]]) -> str:
    """Each disaster by name, and what became of all of them."""
    seeds, duplicates, lost = (sum(n[what] for n in disasters.values()) for what in ("seeds", "duplicates", "lost"))
    names, both = ", ".join(disasters), sum(n["texted_by_both"] for n in disasters.values())
    often = "In 1 case" if both == 1 else f"In {both} cases"
    return (
        f"Disasters were played too, {seeds} seeds with {duplicates} duplicates and {lost} lost: {names}. "
        f"{often} the application sent its own text while ours was on its way, or later. "
        "No question before the call can show that; each was found and reported."
    )


def read() -> dict[str, Any]:
    results: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return results


def write(results: Mapping[str, Any]) -> None:
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    README.write_text(_with(README.read_text(encoding="utf-8"), paragraph(results)), encoding="utf-8")


def _with(page: str, text: str) -> str:
    """The page with ``text`` between the markers.

    Raises:
        LookupError: it has no markers.
    """
    between = re.compile(f"{re.escape(BEGINS)}\n.*?{re.escape(ENDS)}", re.DOTALL)
    if not between.search(page):
        raise LookupError("the README has no place for what was shown")
    return between.sub(lambda _: f"{BEGINS}\n{text}{ENDS}", page)


def shown_in(page: str) -> str:
    """What stands between the markers."""
    return page.partition(f"{BEGINS}\n")[2].partition(ENDS)[0]
