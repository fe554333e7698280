"""The stage of a fire drill (``ports.DrillStage``).

It has cron.yaml's jobs on a schedule of their own, the real ledger and copies of the application's tables in a
transaction that is rolled back, providers in memory, and the real notifier.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from reconciler.domain.alerting.alerts import Alert
from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.policies import QuietHours, Record
from reconciler.domain.drill import DrillFixture
from reconciler.domain.gaps import Effect, GapKind, IntegrationFault
from reconciler.domain.intents import EVENT_TRIGGER
from reconciler.engine.drill.scenario import NUMBER
from reconciler.engine.jobs import unknown
from reconciler.engine.repair.repairer import LONG_AGO
from reconciler.ports import Clock, HeartbeatTrials, NewIntent, Notifier, Route, Runner, Services, Transaction
from reconciler.providers.memory import MemoryCalendar, MemoryGateway
from reconciler.reporting.memory import MemoryNotifier
from reconciler.settings import Settings
from reconciler.store.app.conditions import AppTables
from reconciler.store.app.mapping import AppMapping
from reconciler.store.database import Database
from reconciler.store.drill import shadow_tables
from reconciler.store.drill.fixtures import FixtureWriter
from reconciler.store.drill.rollback_store import RollbackStore, rolled_back
from reconciler.store.ledger.check import require_ledger
from reconciler.store.ledger.sources import SourceKey
from reconciler.timing.clock import FrozenClock
from reconciler.timing.schedule import never_started

PATIENCE = timedelta(seconds=10)
"""A job that has not started by then, on a schedule that does nothing else, will never start."""
MOST = 1000
"""The cap of a pass in a drill: more repairs than are ever planted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowDrillStage:
    """``ports.DrillStage`` for one installation."""

    settings: Settings
    database: Database
    application: AppMapping
    services: Services
    """The real services. The drill replaces those that it must not touch."""
    notifier: Notifier | None
    oncall: Sequence[Route]
    late: Callable[[], str]
    """Names the jobs that are late; '' if none is, and in the service, which alerts late jobs itself."""

    @property
    def clock(self) -> Clock:
        return self.services.clock

    @property
    def heartbeats(self) -> HeartbeatTrials:
        return self.services.heartbeats

    def try_schedule(self) -> IntegrationFault | None:
        jobs, zone = self.settings.file.running(), self.settings.file.timezone
        unknown_jobs = [self.settings.mistake(("jobs",), what) for what in unknown({**self.settings.file.jobs, **jobs})]
        if unknown_jobs:
            return _unscheduled(
                "no_such_job", "; ".join(unknown_jobs), "correct the name; `reconciler run` does not start"
            )
        waiting = never_started(jobs, zone, PATIENCE)
        if waiting:
            seen = f"the schedule did not start {', '.join(waiting)}"
            return _unscheduled("not_started", seen, "see the log; is this machine out of threads?")
        late = self.late()
        if late:
            remedy = "start `reconciler run`, or see its log; `reconciler status --healthy` checks again"
            return _unscheduled("late", late, remedy)
        return None

    @contextmanager
    def environment(self) -> Iterator["ShadowEnvironment"]:
        with rolled_back(self.database) as connection:
            require_ledger(connection)
            problems = shadow_tables.differences(connection, self.application)
            if problems:
                raise shadow_tables.copies_error(problems)
            own = f"drill {uuid.uuid4().hex}"
            clock = FrozenClock(_daytime(self.services.sms_policy.quiet_hours, self.services.clock.now()))
            notifier, application = MemoryNotifier(), shadow_tables.on_shadow_tables(self.application)
            sms_policy = self.services.sms_policy
            fiction = self.services.phones.country(NUMBER)  # the drill's number, wherever the venue is
            services = replace(
                self.services,
                sms_policy=replace(sms_policy, countries=sms_policy.countries | {fiction}),
                store=RollbackStore(connection, own, SourceKey(application.bookings.quoted), AppTables.of(application)),
                clock=clock,
                sms=MemoryGateway(clock),
                calendar=MemoryCalendar(),
                beacons=None,  # the real one is not touched
                sms_limits=replace(self.services.sms_limits, repairs=MOST),
                calendar_limits=replace(self.services.calendar_limits, repairs=MOST),
                window=replace(self.services.window, since=LONG_AGO, at_start=True),
                suspended=frozenset(),
                access_faults={},
                runner=Runner(scope=own),
                notifier=notifier,
                oncall=(),
                stopping=lambda: False,
            )
            fixture_writer = FixtureWriter(connection, application, clock.moment)
            yield ShadowEnvironment(
                services=services,
                fixture_writer=fixture_writer,
                sent_alerts=notifier.alerts,
                names=shadow_tables.table_names(self.application),
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowEnvironment:
    """``ports.DrillEnvironment`` on copies of the tables."""

    services: Services
    fixture_writer: FixtureWriter
    sent_alerts: list[Alert]
    names: Mapping[str, str]
    """The name of each copy -> the name of its table."""

    def plant(self, fixture: DrillFixture) -> BookingId:
        with self.services.store.writing() as tx:
            booking = self.fixture_writer.plant(fixture)
            for effect, trigger, provider_id in self._in_ledger(fixture):
                self._record(tx, booking, effect, trigger, provider_id)
        return booking

    def _in_ledger(self, fixture: DrillFixture) -> Iterator[tuple[Effect, str, str]]:
        """What the booking has, and no table of the application's can say: effect, trigger, and the provider's id."""
        application = self.fixture_writer.application
        records, occasion = application.records, application.occasions.get(application.statuses[0])
        if fixture.gap.text and occasion and application.queue is None and records[Effect.SMS] is Record.LEDGER:
            yield Effect.SMS, occasion.trigger, f"SM{uuid.uuid4().hex}"
        if fixture.event_id and "event_id" not in application.bookings.columns:
            yield Effect.CALENDAR, EVENT_TRIGGER, fixture.event_id

    def _record(self, tx: Transaction, booking: BookingId, effect: Effect, trigger: str, provider_id: str) -> None:
        """As after a repair."""
        now, lease = self.services.clock.now(), self.services.sms_limits.lease
        tx.intents.plan([NewIntent(booking=booking, effect=effect, trigger=trigger, subject="")], now)
        claimed = tx.intents.claim(effect, [booking], now, lease, now)
        sending = claimed and tx.intents.begin_sending(claimed, lease, now)
        assert sending, "nobody else knows the booking"
        tx.intents.mark_done(sending, provider_id, "planted", now)

    def with_table_names(self, message: str) -> str:
        for copy, table in self.names.items():
            message = message.replace(copy, table)
        return message


def _daytime(quiet: QuietHours | None, now: datetime) -> datetime:
    """The last end of quiet hours until now, so that a drill at night finds what a drill at noon finds."""
    ended = quiet.next_end(now - timedelta(days=1)) if quiet else None
    return ended or now


def _unscheduled(code: str, seen: str, remedy: str) -> IntegrationFault:
    return IntegrationFault(kind=GapKind.INTEGRATION_SCHEDULER, code=code, seen=seen, remedy=remedy)
