"""A failover of two servers, direct and behind PgBouncer: the right words, over by itself, and nothing sent twice."""

import json
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from reconciler.errors import DatabaseRefuses, DatabaseUnreachable, Exit
from reconciler.sandbox.world import Sandbox
from tests.support.application_db import Venue
from tests.support.clock import StandingClock
from tests.support.command import reconciler
from tests.support.debian import PASSWORD, DebianPostgres
from tests.support.doctor_runner import DoctorRunner
from tests.support.pgbouncer import Pooler
from tests.support.sandbox_world import World
from tests.support.service_process import CRON_YAML, eventually, plant, present_day, running
from tests.support.standby import Standby
from tests.support.webhook import Webhook

pytestmark = pytest.mark.system
SOON = timedelta(seconds=20)
READ_WRITE = "?target_session_attrs=read-write"


@dataclass(frozen=True, slots=True)
class Pair:
    primary: DebianPostgres
    standby: Standby
    ports: tuple[int, int]
    """Of the way to each of them."""
    venue: Venue
    """The primary's."""

    def url(self, *ports: int, more: str = "") -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
        return f"postgresql://reconciler_job:{quote(PASSWORD, safe='')}@{hosts}/venue{more}"

    def in_step(self) -> bool:
        """Whether the standby has replayed everything."""
        behind = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::int FROM pg_stat_replication"
        return self.venue.sql(behind) == [(0,)]


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
        first, second = (way.port for way in ways or (primary, standby))
        yield Pair(primary, standby, (first, second), venue)


@contextmanager
def world_of(pair: Pair) -> Iterator[World]:
    clock = StandingClock(pair.venue.now)
    with Sandbox(postgres=pair.primary, database="venue", now=clock.now, bookings=()) as sandbox:
        yield World(pair.venue, sandbox, clock)


def test_d2_a_failover_of_two_hosts(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with world_of(pair) as world:
        fail_over(pair, world, DoctorRunner(world, monkeypatch, capsys))


def fail_over(pair: Pair, world: World, runner: DoctorRunner) -> None:
    world.environment["DATABASE_URL"] = pair.url(*pair.ports, more=READ_WRITE)
    world.venue.booking(contact_phone="+447700900101")
    assert world.texts().faults == ()
    assert world.sent_to() == ["+447700900101"]
    eventually(pair.in_step, SOON)

    world.environment["DATABASE_URL"] = pair.url(pair.ports[1])  # whoever follows a name that leads to the standby
    seen = runner.command("doctor", "--json")
    (said,) = seen.messages("database", "FAIL")
    assert "read-only standby" in said
    with pytest.raises(DatabaseRefuses, match="read-only standby"):
        world.texts()

    world.environment["DATABASE_URL"] = pair.url(*pair.ports, more=READ_WRITE)
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


PAGED = CRON_YAML.replace("settled_after: 2s", "settled_after: 2s, fallback_after: 1s, page_after: 4s, oncall: [PAGER]")


def test_d2_the_service_lives_through_a_failover_of_two_hosts(pair: Pair, tmp_path: Path) -> None:
    """The new primary never heard of the second text: it was sent while the standby was behind."""
    with present_day(pair.venue, tmp_path) as (sandbox, variables), Webhook() as pager:
        (tmp_path / "cron.yaml").write_text(PAGED)
        variables |= {"DATABASE_URL": pair.url(*pair.ports, more=READ_WRITE), "PAGER": pager.route}
        plant(pair.venue, 1)
        with running(tmp_path, variables) as service:
            eventually(lambda: finished(pair.venue) == 2, SOON)
            service.child.send_signal(signal.SIGSTOP)
            plant(pair.venue, 1, first=2)
            eventually(pair.in_step, SOON)
            pair.standby.stop()
            service.child.send_signal(signal.SIGCONT)
            eventually(lambda: finished(pair.venue) == 4, SOON)
            pair.primary.stop()
            pair.standby.start()

            eventually(lambda: "read-only standby" in service.log.read_text(), SOON)
            said = reconciler("status", folder=tmp_path, seconds=60, **variables)
            assert (said.code, "read-only standby" in said.err) == (Exit.WORK_LEFT, True), said
            eventually(lambda: any("integration.database" in page for page in pager.raw), SOON)
            assert len(sandbox.twilio.messages) == 2

            pair.standby.promote()
            venue = Venue(pair.standby, "venue")
            assert finished(venue) == 2
            plant(venue, 1, first=3)
            eventually(lambda: finished(venue) == 6, 2 * SOON)
            eventually(lambda: venue.sql("SELECT about FROM reconciler.gap WHERE closed_at IS NULL") == [], SOON)
            eventually(lambda: any("Resolved" in page for page in pager.raw), SOON)
            assert service.stop() == 0
            log, alerts = service.log.read_text(), [*sandbox.sentry.raw, *pager.raw]
        assert Counter(message.to for message in sandbox.twilio.messages) == {
            f"+44770090000{number}": 1 for number in (1, 2, 3)
        }
        assert len(sandbox.google.live()) == 3
        assert "integration.schema" not in log + "".join(alerts)
        assert [json.loads(line) for line in log.splitlines() if '"places"' in line] == [], (
            "no error that nobody expects"
        )


def finished(venue: Venue) -> int:
    """How many texts and events the ledger knows to be there."""
    ((count,),) = venue.sql("SELECT count(*)::int FROM reconciler.intent WHERE state = 'done'")
    return int(count)
