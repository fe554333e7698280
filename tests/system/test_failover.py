"""A failover of two servers, direct and behind PgBouncer: the right words, over by itself, and nothing sent twice."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.parse import quote

import pytest

from reconciler.errors import DatabaseRefuses, DatabaseUnreachable, Exit
from reconciler.sandbox.world import Sandbox
from tests.support.application_db import Venue
from tests.support.clock import StandingClock
from tests.support.debian import PASSWORD, DebianPostgres
from tests.support.doctor_runner import DoctorRunner
from tests.support.pgbouncer import Pooler
from tests.support.sandbox_world import World
from tests.support.standby import Standby

pytestmark = pytest.mark.system


@dataclass(frozen=True, slots=True)
class Pair:
    primary: DebianPostgres
    standby: Standby
    ports: tuple[int, int]
    """Of the way to each of them."""
    world: World

    def url(self, *ports: int, more: str = "") -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
        return f"postgresql://reconciler_job:{quote(PASSWORD, safe='')}@{hosts}/venue{more}"


@pytest.fixture(params=["direct", "pooled"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    with ExitStack() as stack:
        primary = stack.enter_context(DebianPostgres())
        primary.create_application("venue")
        venue = Venue(primary, "venue")
        venue.migrate()
        venue.settle_in()
        standby = stack.enter_context(Standby(primary))
        ways = [Pooler(each.host, each.port, "transaction") for each in (primary, standby) if request.param == "pooled"]
        for way in ways:
            stack.callback(way.close)
        clock = StandingClock(venue.now)
        sandbox = stack.enter_context(Sandbox(postgres=primary, database="venue", now=clock.now, bookings=()))
        first, second = (way.port for way in ways or (primary, standby))
        yield Pair(primary, standby, (first, second), World(venue, sandbox, clock))


def test_d2_a_failover_of_two_hosts(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world, runner = pair.world, DoctorRunner(pair.world, monkeypatch, capsys)
    world.environment["DATABASE_URL"] = pair.url(*pair.ports, more="?target_session_attrs=read-write")
    world.venue.booking(contact_phone="+447700900101")
    assert world.texts().faults == ()
    assert world.sent_to() == ["+447700900101"]
    sql = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::int FROM pg_stat_replication"
    while world.venue.sql(sql) != [(0,)]:
        pass

    world.environment["DATABASE_URL"] = pair.url(pair.ports[1])  # whoever follows a name that leads to the standby
    seen = runner.command("doctor", "--json")
    (said,) = seen.messages("database", "FAIL")
    assert "read-only standby" in said
    with pytest.raises(DatabaseRefuses, match="read-only standby"):
        world.texts()

    world.environment["DATABASE_URL"] = pair.url(*pair.ports, more="?target_session_attrs=read-write")
    pair.primary.stop()
    for command in (("once", "--do", "sms_missing"), ("doctor", "--json")):
        seen = runner.command(*command)
        assert "read-only standby" in seen.out + seen.err
        assert "integration.schema" not in seen.out + seen.err
        assert (seen.code, "Traceback" in seen.out + seen.err) == (Exit.WORK_LEFT, False)
    with pytest.raises(DatabaseUnreachable):
        world.texts()

    pair.standby.promote()
    world.venue = Venue(pair.standby, "venue")
    world.venue.booking(contact_phone="+447700900102")
    result = world.texts()
    assert (result.faults, world.sent_to()) == ((), ["+447700900101"])
    assert [reason for _, reason in world.gaps().values()] == ["caution"], "a new timeline, and no control here"
    world.venue.settle_in()
    world.later(minutes=10)
    assert world.texts().faults == ()
    assert world.sent_to() == ["+447700900101", "+447700900102"]
    assert runner.command("doctor", "--json").statuses["database"] == "OK"
