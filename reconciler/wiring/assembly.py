"""From settings to services: the only place that chooses the concrete parts.

Sentry's SDK and APScheduler are imported where they are used: most commands need neither, and start the sooner.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from importlib.metadata import version

from reconciler.domain.decide.policies import Policy
from reconciler.domain.drill import DrillResult
from reconciler.domain.gaps import Effect
from reconciler.engine.drill import fire_drill
from reconciler.engine.repair.place import enter_place
from reconciler.errors import DatabaseDisagrees, DatabaseUnreachable
from reconciler.ports import Beacons, Clock, Mandate, Notifier, Route, Services, SmsGateway
from reconciler.providers.google import credentials
from reconciler.providers.google.beacon import GoogleBeacons
from reconciler.providers.google.calendar import GoogleCalendar
from reconciler.providers.twilio.gateway import TwilioGateway
from reconciler.reporting import logs
from reconciler.reporting.heartbeats import Heartbeats
from reconciler.reporting.monitoring_services import MonitoringService
from reconciler.reporting.oncall import OncallRoute
from reconciler.settings import Settings
from reconciler.settings.env.alerting import Sentry
from reconciler.settings.env.google import Google, ServiceAccount
from reconciler.store.app.conditions import AppTables
from reconciler.store.app.mapping import AppMapping
from reconciler.store.database import Database, PostgresStore
from reconciler.store.ledger.check import require_ledger
from reconciler.store.ledger.sources import SourceKey, register
from reconciler.store.printed.grants import grants_script
from reconciler.text.localized import localized
from reconciler.text.phones import Phones
from reconciler.text.templates import Templates
from reconciler.timing.clock import SystemClock
from reconciler.wiring.database import database as database
from reconciler.wiring.mapping import mapped_facts, mapped_fields, mapped_joins, mapped_table

PAGE_PATIENCE = timedelta(seconds=2)
"""The longest that the status page waits for the database."""


def page_database(chosen: Settings) -> Database:
    """For the page, which has to answer soon: a slower database is shown as busy."""
    return Database(
        chosen.environment.database_url,
        statement_timeout=PAGE_PATIENCE * 0.75,
        lock_timeout=PAGE_PATIENCE * 0.5,
        connect_timeout=round(PAGE_PATIENCE.total_seconds()),
        # Whoever asked has an answer by then, and the next reader needs the thread.
        slack=PAGE_PATIENCE.total_seconds() * 0.25,
    )


def notifier(sentry: Sentry | None) -> Notifier | None:
    """The notifier; ``None`` without ``SENTRY_DSN``."""
    if sentry is None:
        return None
    from reconciler.reporting.sentry.issues import IssueResolver
    from reconciler.reporting.sentry.notifier import SentryNotifier

    resolving = sentry.resolving
    return SentryNotifier(
        dsn=sentry.dsn,
        environment=sentry.environment,
        release=f"reconciler@{version('reconciler')}",
        issues=IssueResolver(url=resolving.url, organization=resolving.organization, token=resolving.token)
        if resolving
        else None,
    )


def switches(chosen: Settings) -> Heartbeats:
    """The dead man's switches of the jobs that have one (the ``alive`` of cron.yaml)."""
    urls = chosen.environment.listeners.switches
    jobs = chosen.file.running()
    chosen_service = chosen.file.reporting.heartbeats
    return Heartbeats(
        {name: urls[job.alive] for name, job in jobs.items() if job.alive and job.alive in urls},
        None if chosen_service == "auto" else MonitoringService(chosen_service),
    )


def oncall(chosen: Settings) -> tuple[Route, ...]:
    """The routes to the humans on call."""
    return tuple(OncallRoute(name=route.name, url=route.url) for route in chosen.environment.listeners.oncall)


@contextmanager
def services(
    chosen: Settings,
    mandate: Mandate,
    clock: Clock | None = None,
    *,
    stop: threading.Event | None = None,
    at_start: bool = False,
    needs_ledger: bool = False,
    over: Database | None = None,
) -> Iterator[Services]:
    """Everything that one run needs; connections are closed afterwards.

    ``stop`` is set when the call in hand is to be the last; ``at_start`` marks the first pass of a process; ``over`` is
    a database that the caller keeps open; ``needs_ledger``: without our schema there is nothing to show.

    Raises:
        DatabaseUnreachable: no connection.
        DatabaseDisagrees: the run may act, and our schema is missing, old, or not ours to write.
        UnsafePlace: the run may act, and the installation is bound to another database.
    """
    stop = stop or threading.Event()
    with ExitStack() as stack:
        connected = over or stack.enter_context(database(chosen))
        store = postgres_store(chosen, connected)
        if mandate.act or needs_ledger:
            _require_ledger(connected, writing=mandate.act)
        used_clock = clock or _clock(store, stop, act=mandate.act)
        if mandate.act:
            _enter(connected, store, application(chosen), used_clock)
        yield Services(
            store=store,
            clock=used_clock,
            phones=Phones(chosen.file.rules.sms_missing.region),
            message_writer=Templates(chosen.wordings(), chosen.text_style()),
            sms=_gateway(chosen),
            calendar=(calendar := _calendar(chosen, stack)),
            beacons=_beacons(chosen, calendar),
            sms_policy=chosen.sms_policy(),
            calendar_policy=chosen.calendar_policy(),
            sms_limits=chosen.sms_limits(),
            calendar_limits=chosen.calendar_limits(),
            window=replace(chosen.window(), at_start=at_start),
            mandate=mandate,
            repairs=chosen.file.repairs,
            report_only=frozenset(chosen.report_only_rules()),
            aggregates=chosen.file.rules.aggregates(),
            suspended=chosen.environment.providers.suspended,
            access_faults=chosen.access_faults(),
            runner=chosen.runner(),
            notifier=notifier(chosen.environment.sentry) if mandate.act else None,
            oncall=oncall(chosen) if mandate.act else (),
            heartbeats=switches(chosen),
            announce=logs.announce,
            deadlines=chosen.deadlines(),
            retention_period=chosen.file.keep(),
            stopping=stop.is_set,
            booking_range=None,
            progress=lambda *_: None,
            run_fire_drill=partial(run_fire_drill, chosen),
        )


def postgres_store(chosen: Settings, connected: Database) -> PostgresStore:
    wanted = application(chosen)
    return PostgresStore(connected, chosen.runner(), SourceKey(wanted.bookings.quoted), AppTables.of(wanted))


def _require_ledger(connected: Database, *, writing: bool) -> None:
    with connected.transaction() as connection:
        require_ledger(connection, writing=writing)


def _enter(connected: Database, store: PostgresStore, wanted: AppMapping, clock: Clock) -> None:
    with connected.transaction() as connection:
        register(connection, wanted.bookings.quoted)
    enter_place(store, clock)


def _clock(store: PostgresStore, stop: threading.Event, *, act: bool) -> Clock:
    """The database's clock. Whoever only looks while the database is away has this machine's."""
    try:
        return SystemClock(stop, store.clock_skew())
    except (DatabaseUnreachable, DatabaseDisagrees):
        if act:
            raise
        return SystemClock(stop)


def run_fire_drill(chosen: Settings, late: Callable[[], str] = str) -> DrillResult:
    """A fire drill. ``late`` names the jobs that should have run and did not, for callers other than the service."""
    from reconciler.wiring.drill_stage import ShadowDrillStage

    with services(chosen, Mandate(act=False)) as parts, database(chosen) as connected:
        stage = ShadowDrillStage(
            settings=chosen,
            database=connected,
            application=application(chosen),
            services=parts,
            notifier=notifier(chosen.environment.sentry),
            oncall=oncall(chosen),
            late=late,
        )
        return fire_drill.try_links(stage)


def application(chosen: Settings) -> AppMapping:
    """The mapping onto the application's tables, as the store needs it."""
    bookings, rule = chosen.file.bookings, chosen.file.rules.sms_missing
    customers = bookings.customers
    return AppMapping(
        bookings=mapped_table(bookings.table, bookings.named_columns()),
        customers=mapped_table(customers.table, customers.columns.model_dump()) if customers else None,
        queue=mapped_table(rule.queue.table, rule.queue.columns.model_dump()) if _needs_queue(chosen) else None,
        joins=mapped_joins(bookings),
        name=mapped_fields(bookings, "name"),
        first_name=mapped_fields(bookings, "first_name"),
        phone=mapped_fields(bookings, "phone"),
        facts=mapped_facts(bookings),
        zone=chosen.file.timezone,
        wording=_letters(chosen),
        statuses=bookings.statuses,
        made_as=bookings.made_as,
        cancelled=bookings.cancelled,
        only=bookings.only,
        where=bookings.where,
        rule_filters=chosen.rule_filters(),
        grace=bookings.grace,
        date_tbd_note=bookings.date_tbd_note,
        active_customer=customers.active if customers else "",
        occasions=chosen.occasions(),
        triggers=tuple(
            sorted({rule.messages[status].trigger for status in bookings.statuses if status in rule.messages})
        ),
        deliver=rule.deliver,
        in_flight=chosen.file.record.in_flight,
        failed_resent=bool(rule.queue_failed_resent),
        report_after={kind: rule.after for kind, rule in chosen.report_only_rules().items()},
    )


def grants(chosen: Settings, role: str, *, read_only: bool = False) -> str:
    """The SQL that gives ``role`` what this mapping needs."""
    policies = {Effect.SMS: chosen.sms_policy().policy, Effect.CALENDAR: chosen.calendar_policy().policy}
    scans = [effect for effect, policy in policies.items() if policy is not Policy.OFF]
    repairs = [effect for effect, policy in policies.items() if policy is chosen.file.repairs is Policy.REPAIR]
    return grants_script(application(chosen), role, scanned=scans, repairs=repairs, read_only=read_only)


def _letters(chosen: Settings) -> frozenset[str]:
    """The characters of our texts that are not ASCII: of the templates, and of what is put into them."""
    texts = [text.template for text in chosen.wordings().values()]
    every = {*"".join(texts), *chosen.file.rules.sms_missing.nameless, *localized(chosen.file.locale).letters()}
    return frozenset(letter for letter in every if not letter.isascii())


def _needs_queue(chosen: Settings) -> bool:
    return chosen.file.rules.sms_missing.policy is not Policy.OFF or bool(chosen.report_only_rules())


def _gateway(chosen: Settings) -> SmsGateway | None:
    twilio = chosen.environment.providers.twilio
    if twilio is None:
        return None
    return TwilioGateway(
        account_sid=twilio.account_sid,
        secret=twilio.secret,
        api_key=twilio.api_key,
        sender=twilio.sender,
        service_sid=twilio.messaging_service_sid,
        timeout=chosen.file.limits.timeouts.twilio,
        api_url=twilio.api_url,
    )


def _beacons(chosen: Settings, calendar: GoogleCalendar | None) -> Beacons | None:
    """The beacons, if the settings allow writing to the calendar."""
    file = chosen.file
    writes = Policy.REPAIR is file.repairs is chosen.calendar_policy().policy
    return GoogleBeacons(calendar) if calendar and writes and file.record.beacon else None


def _calendar(chosen: Settings, stack: ExitStack) -> GoogleCalendar | None:
    google = chosen.environment.providers.google
    if google is None:
        return None
    calendar = GoogleCalendar(
        access=_google_access(google),
        calendar_id=google.calendar_id,
        timeout=chosen.file.limits.timeouts.google,
        api_url=google.api_url,
    )
    return stack.enter_context(closing(calendar))


def _google_access(google: Google) -> credentials.Access:
    access = google.access
    if isinstance(access, ServiceAccount):
        return credentials.ServiceAccountAccess(key=access.key, delegate=access.delegate, token_url=google.token_url)
    return credentials.OAuthAccess(
        client_id=access.client_id,
        client_secret=access.client_secret,
        refresh_token=access.refresh_token,
        token_url=google.token_url,
    )
