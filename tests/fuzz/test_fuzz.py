"""A short run of the fuzzers: whatever comes in, something that can be used comes of it, or mistakes, and no 500."""

import gc
from pathlib import Path

import pytest

from reconciler.settings.env.environment import read
from tests.fuzz.drawing import ODD_VALUES
from tests.fuzz.judging import Judge
from tests.fuzz.page_judge import judged_page
from tests.support.application_db import Venue
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


# urllib3 leaves the socket of an answer with two Content-Lengths to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_sinks(tmp_path: Path) -> None:
    judge = Judge(tmp_path, COMPLETE)
    for seed in range(INPUTS // 2):
        judge.try_sink(seed)
    assert judge.shown.problems == []
    gc.collect()  # here, and not in a test that comes after
    assert judge.shown.outcomes["mistakes"] > INPUTS / 4  # it draws little that could be accepted


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_providers(tmp_path: Path) -> None:
    judge = Judge(tmp_path, COMPLETE)
    for seed in range(INPUTS // 2):
        judge.try_provider(seed)
    assert judge.shown.problems == []
    gc.collect()
    assert judge.shown.outcomes["mistakes"] > INPUTS / 4


def test_page_requests(venue: Venue, tmp_path: Path) -> None:
    with judged_page(tmp_path, venue.url()) as judge:
        judge.try_all(range(3 * INPUTS))
    assert judge.problems == []
    assert {"200", "303", "400", "401", "404", "405", "414", "no answer"} - {"303"} <= judge.outcomes.keys()


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
