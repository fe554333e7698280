"""A sandbox on the tests' PostgreSQL, and passes over it with a clock that stands still."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from reconciler.cli.once import run_jobs
from reconciler.domain.gaps import Effect, GapKind
from reconciler.engine.jobs import available, raise_crash
from reconciler.engine.reconcile.results import PassResult
from reconciler.ports import Mandate, Services
from reconciler.sandbox.world import Sandbox
from reconciler.settings import Settings, load
from reconciler.store.drill import shadow_tables
from reconciler.wiring import assembly
from tests.support.application_db import Venue
from tests.support.clock import StandingClock

CRON_YAML = """\
bookings: {{since: {since}{bookings}}}
rules:
  sms.missing: {{quiet_hours: {quiet}, queue_failed_resent: {resent}{texts}}}
  calendar.missing: {{policy: {calendar_policy}{events}}}
{rules}
limits: {{rate: {{sms: {rate}, calendar: {rate}}}{limits}}}
{more}
"""

OF_BOOKINGS = [job for job in available() if job not in ("integrations", "fire_drill")]
"""The jobs that look after bookings; the others examine the installation, and have tests of their own."""


@dataclass
class World:
    """A venue with stand-ins, at the venue's own ``now``, and the product's settings for it."""

    venue: Venue
    sandbox: Sandbox
    clock: StandingClock
    edits: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    file: str = ""
    """A whole cron.yaml, if the test has one of its own."""

    def configure(self, **edits: str) -> None:
        """Further keys for cron.yaml: since, bookings, texts, events, rules, limits, rate, quiet, calendar_policy,
        more.
        """
        self.edits |= edits

    def use_file(self, text: str) -> None:
        """A whole cron.yaml in place of the tests' usual one."""
        self.file = text

    def migrate(self) -> None:
        """As ``reconciler migrate`` does with this cron.yaml; the tables' owner runs what ``--sql`` prints."""
        wanted = assembly.application(self.settings())
        self.venue.migrate(wanted=wanted)
        self.venue.sql(shadow_tables.shadow_tables_script(wanted))
        self.venue.settle_in()

    def settings(self) -> Settings:
        self.write_settings()
        return load(self.sandbox.cron_yaml, self.sandbox.environment() | self.environment)

    def write_settings(self) -> None:
        empty = {
            "since": "2026-01-01",
            "bookings": "",
            "texts": "",
            "events": "",
            "limits": "",
            "more": "",
            "rules": "",
            "resent": "no",
            "quiet": "21:00-09:00",
            "rate": "500/s",
            "calendar_policy": "repair",
        }
        wanted = self.file or CRON_YAML.format(**(empty | self.edits))
        if self.sandbox.cron_yaml.read_text() != wanted:  # another pass may be reading it
            self.sandbox.cron_yaml.write_text(wanted)

    @contextmanager
    def services(self, *, act: bool = True, **approved: int | None) -> Iterator[Services]:
        """``approved``: the numbers of ``--max`` and ``--max-removals``, by their names in ``Mandate``."""
        with assembly.services(self.settings(), Mandate(act=act, **approved), self.clock) as services:
            yield services

    def once(self, *, jobs: Sequence[str] = (), act: bool = True, **approved: int | None) -> dict[GapKind, PassResult]:
        """What ``reconciler once [JOB..]`` does, in this process."""
        with self.services(act=act, **approved) as services:
            results = run_jobs(jobs or OF_BOOKINGS, services)
        raise_crash(results)
        # The job that settles answers for the same rules, after their own passes, which are meant here. One has none.
        firsts: dict[GapKind, PassResult] = {}
        for result in results:
            if result.kind:
                firsts.setdefault(result.kind, result)
        return firsts

    def both(self, **options: Any) -> dict[GapKind, PassResult]:
        """The two jobs that repair."""
        return self.once(jobs=("calendar_missing", "sms_missing"), **options)

    def texts(self, **options: Any) -> PassResult:
        return self.once(jobs=("sms_missing",), **options)[GapKind.SMS_MISSING]

    def events(self, **options: Any) -> PassResult:
        return self.once(jobs=("calendar_missing",), **options)[GapKind.CALENDAR_MISSING]

    def sent_to(self) -> list[str]:
        """Numbers Twilio accepted a text for, in order."""
        return [message.to for message in self.sandbox.twilio.messages]

    def gaps(self) -> dict[tuple[str, str], tuple[str, str]]:
        """Open gaps: (kind, about) -> (cause, reason)."""
        rows = self.venue.sql("SELECT kind, about, cause, reason FROM reconciler.gap WHERE closed_at IS NULL")
        return {(kind, about): (cause, reason) for kind, about, cause, reason in rows}

    def intents(self) -> list[tuple[str, str, int, str, str]]:
        """(booking, trigger, generation, state, code), oldest first."""
        query = (
            "SELECT booking, trigger, generation, state, code FROM reconciler.intent ORDER BY created_at, generation"
        )
        return [tuple(row) for row in self.venue.sql(query)]  # type: ignore[misc]  # five columns by the query

    def states(self, effect: Effect = Effect.SMS) -> dict[str, str]:
        """Booking -> the state of its newest intent."""
        rows = self.venue.sql(
            "SELECT booking, state FROM reconciler.intent WHERE effect = %s ORDER BY created_at, generation", effect
        )
        return dict(rows)

    def settle_time_is_over(self) -> None:
        """For the database's clock, by which unknown outcomes wait."""
        self.venue.sql("UPDATE reconciler.intent SET not_before = now() WHERE state = 'unknown'")

    def later(self, **duration: float) -> None:
        """Time passes, for the product and for the next bookings."""
        passed = timedelta(**duration)
        self.clock.moment += passed
        if passed > timedelta(0):  # rates go by the database's clock, which does not jump back with ours
            self.venue.sql("UPDATE reconciler.rate SET next_at = next_at - %s", passed)
        self.venue.now = self.clock.moment

    def time_passes(self, **duration: float) -> None:
        """For the database's clock too, by which leases run out and unknown outcomes wait."""
        self.later(**duration)
        aged = "UPDATE reconciler.intent SET {0} = {0} - %s WHERE {1}"
        self.venue.sql(aged.format("leased_until", "leased_until IS NOT NULL"), timedelta(**duration))
        self.venue.sql(aged.format("not_before", "state = 'unknown'"), timedelta(**duration))

    def wait_for_event(self, event_id: str) -> None:
        """Until Google has the event: our side has not seen its answer yet if that is slow."""
        self.wait_for(lambda: event_id in self.sandbox.google.calendar.events)

    def wait_for(self, happens: Callable[[], bool], seconds: float = 10) -> None:
        ends = time.monotonic() + seconds
        while not happens():
            if time.monotonic() > ends:
                raise AssertionError("it never happened")
            time.sleep(0.01)
