"""Each preset over random databases: the scan finds the gaps that a plain loop finds, and no others.

``make contract`` plays 2,000 databases for each preset. ``DATABASES=9 make contract`` plays so many.
"""

import os
import random
from collections.abc import Mapping
from datetime import timedelta

import pytest

from reconciler.domain.gaps import GapKind
from tests.support.preset_venues import PRESETS, PresetVenue
from tests.support.sandbox_world import World

pytestmark = pytest.mark.one_server

DATABASES = int(os.environ.get("DATABASES", "12"))
MOST = 8
"""Bookings in a database."""
SINCE, GRACE = timedelta(days=160), timedelta(minutes=10)


@pytest.mark.parametrize("app", PRESETS.values(), ids=PRESETS)
def test_each_preset_finds_what_a_plain_loop_finds(world: World, app: PresetVenue) -> None:
    app.set_up(world)
    tables = [name for (name,) in world.venue.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    emptied = ", ".join(f'"{name}"' for name in tables if name != "res_partner")
    for seed in range(DATABASES):
        world.venue.sql(f"TRUNCATE {emptied} RESTART IDENTITY CASCADE")
        wanted = draw(random.Random(seed), app, world)
        assert found(world) == wanted, f"seed {seed}"


def draw(chance: random.Random, app: PresetVenue, world: World) -> dict[GapKind, set[str]]:
    """Fill the database, and return the gaps that there are."""
    wanted: dict[GapKind, set[str]] = {GapKind.SMS_MISSING: set(), GapKind.CALENDAR_MISSING: set()}
    for one in range(chance.randint(0, MOST)):
        # A log knows numbers only: what it says about one booking, it says about all bookings of that number.
        number = chance.choice([f"+4477009001{one:02}", f"07700 9001{one:02}", None, "", "  "])
        days = chance.choice([-30, -1, 1, 2, 9, 300])
        status = chance.choice([app.confirmed] * 3 + [app.cancelled])
        hours_old = chance.choice([0.1, 0.2, 1, 30, 400, 9000])
        booking = app.book(world.venue, number, days=days, status=status, hours_old=hours_old)
        texted, entered = (_say(chance, world, booking, what) for what in (app.texts, app.events))
        age = timedelta(hours=hours_old)
        if status != app.confirmed or days < 0 or not GRACE < age < SINCE:
            continue
        if not entered:
            wanted[GapKind.CALENDAR_MISSING].add(booking)
        if not texted and number and number.strip():
            wanted[GapKind.SMS_MISSING].add(booking)
    return wanted


def _say(chance: random.Random, world: World, booking: str, ways: Mapping[str, bool]) -> bool:
    """Say some of it about the booking; whether one of them shows the effect."""
    # What a column holds is the last that was said. Rows add up.
    most = 1 if any(statement.startswith("UPDATE") for statement in ways) else 2
    said = chance.sample(sorted(ways), chance.choice([0, 0, min(1, len(ways)), min(most, len(ways))]))
    for statement in said:
        world.venue.sql(statement, booking)
    return any(ways[statement] for statement in said)


def found(world: World) -> dict[GapKind, set[str]]:
    with world.services(act=False) as services, services.store.reading() as tx:
        now = services.clock.now()
        return {
            kind: set(tx.bookings.scan(kind, now, now - SINCE).broken)
            for kind in (GapKind.SMS_MISSING, GapKind.CALENDAR_MISSING)
        }
