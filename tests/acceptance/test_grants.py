"""``reconciler grants`` as an owner uses it: printed without a database, run by psql; then the role works."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler.sandbox.postgres import PostgresServer
from reconciler.sandbox.world import Sandbox
from tests.conftest import TEMPLATE
from tests.support.command import reconciler
from tests.support.psql_runner import psql
from tests.support.restricted_database import OWNER, closed_venue


@pytest.mark.long
def test_a_role_that_has_what_is_printed_and_nothing_else(tmp_path: Path, postgres: PostgresServer) -> None:
    printed = reconciler("grants", "--role", "Job_venue_printed", folder=tmp_path)
    assert (printed.code, printed.err.count("\n"), "every key has its default" in printed.err) == (0, 1, True)
    with (
        closed_venue(postgres, TEMPLATE, "venue_printed") as (venue, role),
        Sandbox(postgres=postgres, database=venue.name, bookings=()) as sandbox,
    ):
        variables = sandbox.environment() | {"DATABASE_URL": venue.url(role)}
        venue.now = datetime.now(UTC)
        booking = venue.booking(event_date=(venue.now + timedelta(days=30)).date())
        for _ in range(2):
            ran = psql(printed.out, venue.url(OWNER))
            assert (ran.code, ran.out, ran.err) == (0, "", "")
        assert reconciler("migrate", "--defaults", folder=tmp_path, DATABASE_URL=venue.url(OWNER)).code == 0

        done = reconciler("once", "--do", folder=tmp_path, **variables)
        assert "texts repaired: 1 sent" in done.out
        assert (done.code, len(sandbox.twilio.messages), bool(venue.stored_event(booking))) == (0, 1, True)
