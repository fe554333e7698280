"""What scenarios are played on: one database server and one zygote per worker, a fresh world for each scenario."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from reconciler.sandbox.fakes.faults import Fault, Faults
from reconciler.sandbox.fakes.server import Request, Response, StandIn
from reconciler.sandbox.postgres import PostgresServer
from reconciler.sandbox.world import Sandbox
from tests.chaos import mutants, points
from tests.chaos.application import NUMBER, Application
from tests.chaos.scenarios import LEASE, ODD_CODE, TIMEOUT, Loss, Scenario, Weather
from tests.chaos.zygote import Command, Zygote
from tests.support.application_db import LONDON, WITHOUT_CAUTION, Venue
from tests.support.command import environment
from tests.support.database_clock import put_ahead, put_right

TEMPLATE = "chaos_template"
CRON_YAML = """\
bookings: {{since: 2020-01-01, grace: 1ms{columns}}}
rules:
  sms.missing: {{quiet_hours: off, queue_failed_resent: {resent}{queue}}}
record: {{in_flight: {in_flight}}}
{more}
limits:
  rate: {{sms: 1000/s, calendar: 1000/s}}
  per_recipient: 50/24h
  breaker: {{sms: {texts_a_day}}}
  timeouts: {{twilio: {timeout:.0f}ms, google: {timeout:.0f}ms, sql: {timeout:.0f}ms, lock: 200ms}}
  lease: {lease:.0f}ms
  settle: {settle:.0f}ms
  settle_tries: 2
  backoff: {{first: 100ms, longest: 300ms}}
"""
ALONE = """\
evidence:
  sms:
    - rows: {{table: private_booking_sms_queue, on: {{booking_id: id}}, trigger: trigger_type, sid: twilio_message_sid,
             where: {{status: {counts}}}, number: customer_phone, at: sent_at}}
  calendar: [{{rows: {{table: private_bookings, on: {{id: id}}, event_id: calendar_event_id}}}}]
"""
_READ_ONLY = """
REVOKE INSERT, UPDATE ON private_bookings, private_booking_sms_queue FROM reconciler_job;
GRANT SELECT ON private_bookings, private_booking_sms_queue TO reconciler_job
"""
COMMANDS = {
    "once": ["once", "--do"],
    "settling": ["once", "unsettled_repairs", "--do"],
    "backfill": ["backfill", "--since", "2020-01-01", "--do"],
}
_HISTORY = """
CREATE SCHEMA chaos;
CREATE TABLE chaos.move (
    at timestamptz NOT NULL, effect text NOT NULL, booking text NOT NULL, generation integer NOT NULL,
    was text NOT NULL, becomes text NOT NULL, code text NOT NULL
);
CREATE FUNCTION chaos.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF TG_OP = 'INSERT' OR (OLD.state, OLD.code) IS DISTINCT FROM (NEW.state, NEW.code) THEN
        INSERT INTO chaos.move VALUES (clock_timestamp(), NEW.effect, NEW.booking, NEW.generation,
            CASE WHEN TG_OP = 'UPDATE' THEN OLD.state ELSE '' END, NEW.state, NEW.code);
    END IF;
    RETURN NULL;
END
$$;
"""
_KEEPS_HISTORY = (
    "CREATE TRIGGER chaos_history AFTER INSERT OR UPDATE ON reconciler.intent "
    "FOR EACH ROW EXECUTE FUNCTION chaos.note()"
)
_NEW_SCHEMA = "DROP SCHEMA reconciler CASCADE; CREATE SCHEMA reconciler AUTHORIZATION reconciler_job"


def prepare(postgres: PostgresServer, migrated: str) -> None:
    """A template that also keeps the history of every intent, as the database saw it."""
    postgres.create_database(TEMPLATE, migrated)
    with postgres.connect(TEMPLATE) as connection:
        connection.execute(_HISTORY)
        connection.execute(_KEEPS_HISTORY)


@dataclass
class Stage:
    """For one scenario after the other."""

    postgres: PostgresServer
    zygote: Zygote
    played: int = 0

    @contextmanager
    def world(self, scenario: Scenario, mutant: str = "") -> Iterator["Scene"]:
        self.played += 1
        name = f"chaos_{self.played}"
        self.postgres.create_database(name, TEMPLATE)
        venue = Venue(self.postgres, name, now=datetime.now(LONDON))
        venue.settle_in()  # a copy of the template is an installation of its own
        with Sandbox(postgres=self.postgres, database=name, now=lambda: datetime.now(UTC), bookings=()) as sandbox:
            seconds = {"timeout": TIMEOUT, "lease": LEASE, "settle": scenario.settle}
            durations = {name: n * 1000 for name, n in seconds.items()}
            safe = {"resent": "yes", "in_flight": "cancelled"}
            safe = safe if scenario.failed_resent else {"resent": "no", "in_flight": "failed"}
            written = {**durations, **safe, **_evidence(scenario), "texts_a_day": scenario.texts_a_day}
            sandbox.cron_yaml.write_text(CRON_YAML.format(**written))
            if scenario.ledger_alone:
                venue.sql(_READ_ONLY)
            sandbox.twilio.list_lag = timedelta(seconds=scenario.lag)
            sandbox.twilio.redacts, sandbox.twilio.trial = scenario.redacted, scenario.trial
            sandbox.twilio.transit = timedelta(0)  # a scenario is over in seconds
            _order(sandbox.twilio.faults, scenario.seed, scenario.twilio, scenario.next_twilio)
            _order(sandbox.google.faults, scenario.seed + 1, scenario.google, scenario.next_google)
            _order(sandbox.sentry.faults, scenario.seed + 2, scenario.sentry, ())
            application = Application(venue, sandbox)
            application.begin(scenario)
            if scenario.odd_number:
                sandbox.twilio.refuse(NUMBER.format(0), 400, ODD_CODE)
            scene = Scene(self, venue, sandbox, application, mutant, scenario.failed_resent, scenario.ledger_alone)
            yield scene
        for left in (name, scene.copy):
            self.postgres.drop_database(left)
        for written in (scene.trace, scene.output):
            written.unlink(missing_ok=True)


def _evidence(scenario: Scenario) -> dict[str, str]:
    """What cron.yaml says of evidence."""
    if not scenario.ledger_alone:
        return {"queue": "", "columns": "", "more": ""}
    counts = "{not: cancelled}" if scenario.failed_resent else "[pending, approved, sent]"
    return {"queue": ", queue: off", "columns": ", columns: {event_id: null}", "more": ALONE.format(counts=counts)}


_REWRITES = """
    CREATE OR REPLACE FUNCTION rewrites() RETURNS trigger LANGUAGE plpgsql AS
        $f$ BEGIN {}; RETURN NEW; END $f$;
    CREATE OR REPLACE TRIGGER rewrites BEFORE INSERT ON private_booking_sms_queue
        FOR EACH ROW EXECUTE FUNCTION rewrites()
"""
_AS_PENDING = "NEW.status := 'pending'; NEW.error_message := NULL"


def _order(faults: Faults, seed: int, weather: Weather | None, one_by_one: Sequence[tuple[str, Fault]]) -> None:
    for operation, fault in one_by_one:
        faults.next_calls(operation, fault)
    if weather:
        faults.by_seed(seed, weather.rate, weather.faults, weather.operations)


@dataclass
class Scene:
    """The world of one scenario, and the commands run in it."""

    stage: Stage
    venue: Venue
    sandbox: Sandbox
    application: Application
    mutant: str
    failed_resent: bool
    ledger_alone: bool
    commands: int = 0
    codes: list[int] = field(default_factory=list)
    """How the commands ended, in order."""
    losses: set[Loss] = field(default_factory=set)

    @property
    def trace(self) -> Path:
        return self.stage.zygote.folder / f"trace_{self.venue.name}"

    @property
    def output(self) -> Path:
        return self.stage.zygote.folder / f"output_{self.venue.name}"

    @property
    def copy(self) -> str:
        return f"{self.venue.name}_copy"

    def back_up(self) -> None:
        self.venue.close()
        self.venue.postgres.create_database(self.copy, self.venue.name)

    def _restore(self) -> None:
        self.venue.close()
        self.venue.postgres.drop_database(self.venue.name)
        self.venue.postgres.create_database(self.venue.name, self.copy)

    def _lose_beacon(self) -> None:
        """The beacon is lost as well: the other safeguards are meant."""
        with self.sandbox.google.lock:
            for event in self.sandbox.google.beacons():
                del self.sandbox.google.calendar.events[event["id"]]

    def lose(self, loss: Loss) -> None:
        self.losses.add(loss)
        losses: dict[Loss, Callable[[], object]] = {
            Loss.RESTORED: self._restore_without_beacon,
            Loss.PROMOTED: self._promote,
            Loss.IN_PLACE: self._restore_in_place,
            Loss.SNAPSHOT: self._run_beside_snapshot,
            Loss.COPIED: self._run_on_copy,
            Loss.CLOCK: self._run_with_clock_ahead,
            Loss.LEDGER: self._lose_ledger,
            Loss.DELETED: self._delete_most,
            Loss.A_DAY: self._wait_a_day,
            Loss.REPLACED: self._replace_all,
            Loss.QUEUE: self._lose_queue,
            Loss.REWRITES: partial(self.venue.alter, _REWRITES.format(_AS_PENDING)),
            Loss.NEW_IDS: partial(self.venue.alter, _REWRITES.format("NEW.id := gen_random_uuid()")),
            Loss.NO_TRIGGER: partial(self.venue.alter, "DROP FUNCTION IF EXISTS rewrites() CASCADE"),
        }
        if loss in losses:
            losses[loss]()

    def _restore_without_beacon(self) -> None:
        self._restore()
        self._lose_beacon()
        self.venue.settle_in()  # as a snapshot of the disk, which keeps every id

    def _promote(self) -> None:
        self._restore_without_beacon()
        self.venue.sql("UPDATE reconciler.installation SET timeline = 0")

    def _restore_in_place(self) -> None:
        """A dump that is restored in place keeps the database's oid; here it is a new database."""
        self._restore()
        self.venue.settle_in()
        ((oid,),) = self.venue.sql("SELECT oid FROM pg_database WHERE datname = current_database()")
        with self.sandbox.google.lock:
            for event in self.sandbox.google.beacons():
                event["extendedProperties"]["private"]["database"] = str(oid)

    def _run_beside_snapshot(self) -> None:
        self.back_up()
        replace(self.venue, name=self.copy, _open={}).settle_in()
        beside = self.start(database=self.copy)
        self.run()
        self.finish(beside)
        self.run()
        self.venue.migrate("same")

    def _run_on_copy(self) -> None:
        self.back_up()
        self.finish(self.start(database=self.copy))

    def _run_with_clock_ahead(self) -> None:
        put_ahead(self.venue, "interval '-15 days'")
        self.run()
        put_right(self.venue)

    def _lose_ledger(self) -> None:
        self._lose_beacon()
        self.venue.sql(_NEW_SCHEMA)
        self.venue.migrate()
        self.venue.sql(f"UPDATE reconciler.installation SET {WITHOUT_CAUTION}")
        self.venue.sql(_KEEPS_HISTORY)

    def _delete_most(self) -> None:
        gone = self.application.bookings[:-1]
        # The application keeps a booking that was texted, but not if its texts are gone.
        self.venue.sql("DELETE FROM private_booking_sms_queue WHERE booking_id::text = ANY(%s)", gone)
        self.venue.sql("DELETE FROM private_bookings WHERE id::text = ANY(%s)", gone)

    def _wait_a_day(self) -> None:
        self.venue.sql("UPDATE reconciler.intent SET absent_since = absent_since - interval '25 hours'")
        there = {row["id"] for row in self.venue.rows("private_bookings")}
        self.application.long_gone.update(set(self.application.bookings) - there)

    def _replace_all(self) -> None:
        self.venue.sql("TRUNCATE private_bookings CASCADE")
        self.application.replace_all()

    def _lose_queue(self) -> None:
        for booking in self.application.bookings[::2]:
            self.application.most_texts[booking] = len(self.application.ours(booking))
            self.venue.sql("DELETE FROM private_booking_sms_queue WHERE booking_id = %s", booking)

    def start(self, order: str = "", command: str = "once", database: str = "") -> Command:
        """One of ``COMMANDS`` as a process of its own, on the scene's database or on this one."""
        self.commands += 1
        with self.trace.open("a") as trace:
            trace.write(f"-- {self.commands}: {command}, {order or 'undisturbed'}\n")
        chaos = {points.ORDERS: order, points.TRACE: str(self.trace), mutants.VARIABLE: self.mutant}
        if database:
            chaos["DATABASE_URL"] = self.stage.postgres.url("reconciler_job", database)
        variables = environment({**self.sandbox.environment(), **chaos})
        return self.stage.zygote.start(COMMANDS[command], variables, self.output)

    def finish(self, command: Command) -> int:
        code = command.finish()
        self.codes.append(code)
        return code

    def run(self) -> int:
        return self.finish(self.start())

    @contextmanager
    def when_taken(self, operation: str, number: int, strike: "list[Command]") -> Iterator[None]:
        """Kill the command in ``strike`` once the stand-in has taken this call, before it hears of it."""
        stand_in: StandIn = self.sandbox.twilio if operation.startswith("messages") else self.sandbox.google
        original, taken = stand_in.answer, Counter[str]()

        def answer(request: Request) -> Response:
            response = original(request)
            taken[stand_in.operation(request)] += 1
            if stand_in.operation(request) == operation and taken[operation] == number:
                strike[0].kill()
            return response

        stand_in.answer = answer  # type: ignore[method-assign]
        try:
            yield
        finally:
            stand_in.answer = original  # type: ignore[method-assign]
