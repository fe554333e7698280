"""The README's guarantee is what `make chaos SEEDS=200` has shown, and it is one."""

from tests.chaos import guarantee
from tests.chaos.mutants import MUTANTS
from tests.chaos.scenarios import LEASE, SETTLE

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
