"""The README's guarantee is what `make chaos SEEDS=200` and `make year` have shown, and it is one."""

from tests.chaos import guarantee
from tests.chaos.mutants import MUTANTS
from tests.chaos.scenarios import LEASE, SETTLE
from tests.year import shown as year
from tests.year.days import SIZES

README = guarantee.README.read_text(encoding="utf-8")


def test_the_readme_says_what_was_shown() -> None:
    assert guarantee.shown_in(README) == guarantee.paragraph(guarantee.read())


def test_what_was_shown_is_a_guarantee() -> None:
    shown = guarantee.read()
    assert shown["seeds"] >= guarantee.FULL
    assert (shown["duplicates"], shown["lost"], shown["wrong"]) == (0, 0, 0)
    assert shown["caught"] == shown["mutants"] == len(MUTANTS), "the mutants have changed: run make chaos SEEDS=200"
    assert min(shown[name] for name in ("kills", "found", "absent", "adopted", "refused", "need a human")) > 0


def test_the_bounds_are_those_of_the_scenarios() -> None:
    shown = guarantee.read()
    assert (shown["lease"], shown["settle"]) == (f"{LEASE * 1000:.0f}ms", f"{SETTLE * 1000:.0f}ms")


def test_the_readme_says_what_the_year_has_shown() -> None:
    """And claims nothing before a whole year was played."""
    assert year.shown_in(README) == (year.paragraph(year.read()) if year.RESULTS.exists() else "")


def test_the_year_is_whole_and_nothing_in_it_was_wrong() -> None:
    shown = year.read() if year.RESULTS.exists() else {}
    assert year.wrong(shown) == 0
    for name, venue in shown.items():
        played = [size for size in SIZES.values() if size.name.partition(",")[0] == name]
        assert venue["days"] == sum(size.days for size in played), "the year has changed: run make year"
        # One that was over before it was due to be reported needs no alert.
        unreported = venue["silences over before they were due"] + venue["silences not due yet"]
        assert venue["silences"] == venue["silences reported"] + unreported
        assert venue["silences reported"] > 0
        assert min(venue[what] for what in ("texts", "events", "alerts")) > 0
    assert set(shown) in (set(), set(year.VENUES))
