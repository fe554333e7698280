"""Plays a venue's days: the application and its people act, and a pass runs at each slot where it can matter."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from reconciler.domain.decide.verdicts import BY_APPROVAL, Hold
from reconciler.domain.gaps import GapKind
from reconciler.domain.rules.registry import rule_of
from reconciler.engine.jobs import raise_crash, run_job
from reconciler.engine.reconcile.results import PassResult
from reconciler.ports import Mandate, Services
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.postgres import PostgresServer
from reconciler.sandbox.world import Sandbox
from reconciler.settings import load
from reconciler.wiring import assembly
from tests.support.application_db import LONDON, WITHOUT_CAUTION, Venue
from tests.year.clocks import SimulatedClock, simulated
from tests.year.days import Breakage, Size, midnight
from tests.year.history import had_before
from tests.year.judge import CLOSES, OPENS, SLOT, STALE_AFTER, Judge, Problem
from tests.year.life import Agenda, Life

SHIPPED = Path(__file__).parents[2] / "cron.yaml"
RATE = "rate: {sms: 1/s, calendar: 5/s}"
"""The one key that is not as shipped: nobody waits for real seconds."""
REPAIRING = ("calendar_missing", "sms_missing")
DAILY = {2: ("integrations", "ledger_retention"), 9: ("coverage", "sms_delivery"), 20: ("coverage",)}
"""Hours of the passes that are played every day, ten minutes past, and the jobs that run then besides."""
HOURS = {"middle": (2, 9)}
"""The middle venue has passes all day long for what happens in it: its year would not fit half an hour."""
DEADLINE, PAGE_AFTER = timedelta(hours=1), timedelta(hours=4)
APPROVED_AFTER = timedelta(minutes=30)
"""Until a person has read the alert about a breaker, and gives ``--max``."""
_EVENT_CALLS = ("get", "list", "insert", "update", "patch", "delete")
AWAY = {
    Breakage.TWILIO_AWAY: ("twilio", [""]),
    # Google's tokens come from another service. With that one away too, its library would wait real seconds per call.
    Breakage.GOOGLE_AWAY: (
        "google",
        ["calendars.get", *(f"{what}.{call}" for what in ("events", "beacon") for call in _EVENT_CALLS)],
    ),
}
"""The stand-in that an outage is at, and the calls that fail."""


@dataclass
class Year:
    """One venue's year, or its weeks."""

    size: Size
    sandbox: Sandbox
    venue: Venue
    clock: SimulatedClock
    services: Services
    """Kept for all passes, with the connection and what SQLAlchemy has compiled: a start takes longer than a pass."""
    agenda: Agenda
    passes: int = 0
    repairs: int = 0
    approved: int = 0
    life: Life = field(init=False)
    judge: Judge = field(init=False)
    _wanted: dict[datetime, set[str]] = field(default_factory=dict)
    """Slots that are in the agenda -> further jobs that run in them."""

    def want_pass(self, moment: datetime, after: timedelta = timedelta(0), jobs: Sequence[str] = ()) -> None:
        """Want a pass at the first slot of the schedule (``every: 10m``) after that."""
        seconds = (moment + after).timestamp()
        slot = datetime.fromtimestamp(seconds - seconds % SLOT.total_seconds(), UTC) + SLOT
        if slot not in self._wanted:
            self._wanted[slot] = set()
            self.agenda.add(slot, self._pass)
        self._wanted[slot] |= set(jobs)

    def play(self) -> None:
        self.agenda.add(self.size.begins, self.life.begin_day)
        self.agenda.add(self.size.begins, self._plan_day)
        for stretch in self.size.stretches:
            if stretch.breakage in AWAY:
                self.agenda.add(stretch.begins, lambda now, one=stretch: self._breaks(one.breakage, now, one.ends))
        while self.agenda:
            at, action = self.agenda.pop()
            if at > self.size.ends:
                break
            self.clock.go_to(at)
            action(at)
        self.judge.conclude(self.size.ends)

    def _plan_day(self, now: datetime) -> None:
        today = midnight(now.astimezone(LONDON).date())
        for hour in HOURS.get(self.size.name, tuple(DAILY)):
            self.want_pass(today.replace(hour=hour), jobs=DAILY[hour])
        following = midnight(today.date() + timedelta(days=1))
        if following < self.size.ends:
            self.agenda.add(following, self._plan_day)

    def _breaks(self, breakage: Breakage, now: datetime, ends: datetime) -> None:
        stand_in, operations = AWAY[breakage]
        faults = getattr(self.sandbox, stand_in).faults
        for operation in operations:
            faults.always(operation, Fault(kind=Misbehaviour.STATUS, status=503))
        self.agenda.add(ends, lambda _: faults.clear())
        moment = now
        while moment <= ends + SLOT:
            self.want_pass(moment, jobs=("integrations", "sms_delivery"))
            moment += timedelta(minutes=30)

    def _pass(self, at: datetime) -> None:
        jobs = self._wanted.pop(at)
        self.life.flush()
        self.clock.set_the_database()
        unsettled = ("unsettled_repairs",) if self._open_intents("unknown") else ()
        self._run([*unsettled, *REPAIRING, *sorted(jobs)])
        now = self.clock.now()
        self.judge.check(now)
        self._want_next_passes(now)

    def _run(self, jobs: Sequence[str], **approved: int) -> Sequence[PassResult]:
        services = replace(self.services, mandate=Mandate(act=True, **approved))
        results = [result for job in jobs for result in run_job(job, services)]
        raise_crash(results)
        self.passes += 1
        self.repairs += sum(result.repaired for result in results)
        return results

    def _want_next_passes(self, now: datetime) -> None:
        """When what is open can change next: a repair that waits, a deadline, a page, an approval."""
        local = now.astimezone(LONDON)
        is_quiet = not OPENS <= local.time() < CLOSES
        for effect, code, not_before in self._open_intents("planned", "unknown", "sending"):
            if code == Hold.ANOTHER_TEXT:
                continue  # until its deadline; each pass asks again, and hears the same
            if not_before and not_before > now:
                self.want_pass(not_before)
            elif effect == "sms" and is_quiet:
                continue  # until the first pass of the day
            else:
                self.want_pass(now, SLOT if self._is_away(now) else timedelta(0))
        open_gaps = (
            "SELECT kind, reason, min(opened_at), count(*) FROM reconciler.gap WHERE closed_at IS NULL GROUP BY 1,2"
        )
        for kind, reason, opened_at, number in self.venue.sql(open_gaps):
            for after in (DEADLINE, PAGE_AFTER):
                if opened_at + after > now:
                    self.want_pass(opened_at, after)
            if reason == Hold.ANOTHER_TEXT:
                self.want_pass(opened_at, STALE_AFTER)
            if reason in BY_APPROVAL:
                self._approve(GapKind(kind), opened_at, number, now)

    def _approve(self, kind: GapKind, opened_at: datetime, number: int, now: datetime) -> None:
        if now < opened_at + APPROVED_AFTER:
            self.want_pass(opened_at, APPROVED_AFTER)
            return
        self.approved += 1
        self._run([rule_of(kind).job], **{"max_removals" if kind == GapKind.CALENDAR_ORPHAN else "max_repairs": number})
        self.judge.check(self.clock.now())
        self.want_pass(now)

    def _is_away(self, now: datetime) -> bool:
        return self.size.is_broken(now, Breakage.TWILIO_AWAY, Breakage.GOOGLE_AWAY)

    def _open_intents(self, *states: str) -> list[tuple[Any, ...]]:
        query = "SELECT DISTINCT effect, code, not_before FROM reconciler.intent WHERE state = ANY(%s)"
        return self.venue.sql(query, list(states))


@contextmanager
def installed(postgres: PostgresServer, template: str, size: Size, seed: int) -> Iterator[Year]:
    """A venue that has been there for a while, at the moment when reconciler has just been installed."""
    name = f"year_{size.name.replace(', ', '_').replace(' ', '_').lower()}_{seed}"
    postgres.create_database(name, template)
    venue = Venue(postgres, name, keeps_connections=True)
    with (
        simulated(venue, size.begins) as clock,
        Sandbox(postgres=postgres, database=name, now=clock.now, bookings=()) as sandbox,
        postgres.connect(name, "venue_app") as connection,
    ):
        # Foreign keys are checked by plans of when the tables were empty, which would read all of them each time.
        connection.execute("SET enable_seqscan = off")
        shipped = SHIPPED.read_text(encoding="utf-8")
        assert RATE in shipped
        sandbox.cron_yaml.write_text(shipped.replace(RATE, "rate: {sms: 1000/s, calendar: 1000/s}"))
        venue.settle_in()
        venue.sql(f"UPDATE reconciler.installation SET since = %s, {WITHOUT_CAUTION}", size.begins)
        settings = load(sandbox.cron_yaml, sandbox.environment())
        with assembly.services(settings, Mandate(act=True)) as services:
            year = Year(size, sandbox, venue, clock, services, Agenda())
            year.life = Life(connection, sandbox, size, seed, year.agenda, year.want_pass)
            year.judge = Judge(year.life, venue)
            had_before(year.life)
            venue.sql("ANALYZE")
            yield year
    venue.close()
    postgres.drop_database(name)


@dataclass(frozen=True)
class Played:
    size: Size
    counts: dict[str, int]
    problems: list[Problem]
    seconds: float


def play(postgres: PostgresServer, template: str, size: Size, seed: int) -> Played:
    began = time.monotonic()
    with installed(postgres, template, size, seed) as year:
        year.play()
        judge = year.judge
        counts = {
            "days": size.days,
            "bookings": len(year.life.bookings),
            "passes": year.passes,
            "repairs": year.repairs,
            "approved": year.approved,
            **judge.counts,
            "longest_reported_s": round(judge.longest_reported.total_seconds()),
            "longest_repaired_s": round(judge.longest_repaired.total_seconds()),
        }
        return Played(size, counts, judge.problems, time.monotonic() - began)
