"""Bookings that fail in every pass delay no other: a small version of the benchmark of the same name."""

from datetime import timedelta

import pytest

from tests.support import poison
from tests.support.world import World

HOUR = timedelta(hours=1, minutes=1)
CAP, ALL, POISONED = 5, 30, 5
COSTS_A_TRY = (poison.a_country_switched_off,)
COSTS_NOTHING = (poison.a_row_the_database_refuses, poison.a_lock_of_the_application)


def passes(world: World, kind: poison.Poison) -> int | None:
    world.configure(limits=f", pass: {CAP}")
    poisoned, healthy = poison.book(world, ALL, POISONED)
    with kind(world, poisoned):
        return poison.passes_until_mended(world, healthy, every=HOUR, at_most=12)


@pytest.mark.parametrize("kind", COSTS_NOTHING)
def test_what_never_reaches_the_provider_costs_the_others_no_pass(world: World, kind: poison.Poison) -> None:
    assert passes(world, kind) == (ALL - POISONED) / CAP


@pytest.mark.parametrize("kind", COSTS_A_TRY)
def test_what_the_provider_puts_off_costs_the_others_one_try_each(world: World, kind: poison.Poison) -> None:
    assert (ALL - POISONED) / CAP <= (passes(world, kind) or 99) <= ALL / CAP


def test_oldest_first_would_never_come_to_the_others(world: World) -> None:
    with poison.oldest_first():
        assert passes(world, poison.a_country_switched_off) is None
