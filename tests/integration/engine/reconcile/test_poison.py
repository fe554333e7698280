"""Bookings that fail in every pass delay no other: a small version of the benchmark of the same name."""

from datetime import timedelta

import pytest

from tests.support import failing_bookings
from tests.support.sandbox_world import World

CAP, POISONED, HEALTHY = 5, 5, 25
WITHOUT = HEALTHY / CAP


def passes(world: World, kind: failing_bookings.FailureKind) -> int | None:
    world.configure(limits=f", pass: {CAP}")
    return failing_bookings.passes_needed(
        world, kind, POISONED, HEALTHY, every=timedelta(hours=1, minutes=1), at_most=12
    )


@pytest.mark.parametrize(
    "kind", [failing_bookings.a_row_the_database_refuses, failing_bookings.a_lock_of_the_application]
)
def test_what_never_reaches_the_provider_costs_the_others_no_pass(
    world: World, kind: failing_bookings.FailureKind
) -> None:
    assert passes(world, kind) == WITHOUT


def test_what_the_provider_puts_off_costs_the_others_one_try_each(world: World) -> None:
    assert passes(world, failing_bookings.a_country_switched_off) == WITHOUT + POISONED / CAP


@pytest.mark.long
def test_oldest_first_would_never_come_to_the_others(world: World) -> None:
    with failing_bookings.oldest_first():
        assert passes(world, failing_bookings.a_country_switched_off) is None
