"""A year in short: days of a small venue with silences of each kind, an outage, and a change of the clocks."""

import pytest

from reconciler.sandbox.postgres import PostgresServer
from tests.year.days import SHORT, WEEKS, Size
from tests.year.playing import play

EMBEDDED = pytest.mark.parametrize("postgres", ["embedded"], indirect=True, scope="session")


@EMBEDDED
@pytest.mark.parametrize(
    ("size", "seed"), [(SHORT, 1), *(pytest.param(WEEKS, seed, marks=pytest.mark.long) for seed in (1, 2))]
)
def test_days_of_a_small_venue(postgres: PostgresServer, migrated: str, size: Size, seed: int) -> None:
    played = play(postgres, migrated, size, seed)
    assert not played.problems, "\n".join(map(str, played.problems))
    counted = {
        name: played.counts.get(name, 0) for name in ("texts", "events", "silences reported", "silences repaired")
    }
    assert all(counted.values()), f"there must be something to see: {counted}"
    assert played.counts["silences reported"] == played.counts["silences"]
