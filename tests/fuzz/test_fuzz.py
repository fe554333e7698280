"""A short run of the fuzzers: whatever stands there, something comes of it that can be used, or mistakes."""

from pathlib import Path

import pytest

from reconciler.settings.env.environment import read
from tests.fuzz.drawing import ODD_VALUES
from tests.fuzz.judging import Judge
from tests.support.valid_environment import COMPLETE

INPUTS = 100


def test_files(tmp_path: Path) -> None:
    judge = Judge(tmp_path, COMPLETE)
    for seed in range(INPUTS):
        judge.try_file(seed)
    assert judge.shown.problems == []
    assert judge.shown.outcomes.keys() == {"read", "mistakes"}  # it draws both


@pytest.mark.parametrize("line", ["timezone", "repairs", "bookings", "x"])
def test_long_values(tmp_path: Path, line: str) -> None:
    """200,000 characters took four minutes, because each could begin an address."""
    judge = Judge(tmp_path, COMPLETE)
    for number, value in enumerate(value for value in ODD_VALUES if len(value) > 10_000):
        judge.try_content(f"{line} {number}", f"{line}: {value}\n".encode())
    assert judge.shown.tried >= 5
    assert judge.shown.problems == []


def test_variables(tmp_path: Path) -> None:
    judge = Judge(tmp_path, COMPLETE)
    for seed in range(INPUTS):
        judge.try_variables(seed)
    assert judge.shown.problems == []
    assert judge.shown.outcomes.keys() == {"read", "mistakes"}


def test_servers(tmp_path: Path) -> None:
    judge = Judge(tmp_path, COMPLETE)
    for seed in range(INPUTS):
        judge.try_server(seed)
    assert judge.shown.problems == []


def test_numbers(tmp_path: Path) -> None:
    judge = Judge(tmp_path, COMPLETE)
    for seed in range(10 * INPUTS):
        judge.try_number(seed)
    assert judge.shown.problems == []
    assert judge.shown.outcomes.keys() == {"read", "mistakes"}


def test_templates(tmp_path: Path) -> None:
    judge = Judge(tmp_path, COMPLETE)
    for seed in range(3 * INPUTS):
        judge.try_template(seed)
    assert judge.shown.problems == []
    assert judge.shown.outcomes.keys() == {"read", "mistakes"}


def test_the_environment_that_is_changed_has_no_mistake() -> None:
    parsed, mistakes = read(COMPLETE, texts=True, events=True)
    assert (mistakes, parsed.mistakes, parsed.providers.mistakes) == ([], (), {})
