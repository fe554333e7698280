"""The doctor's checks: the database, its tables, trial writes, the providers and the notifier."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from reconciler.domain.decide.policies import Policy
from reconciler.domain.doctor import CheckResult, CheckSpec, Note
from reconciler.domain.gaps import Effect, GapKind, IntegrationFault
from reconciler.engine.doctor.templates import template_notes
from reconciler.engine.doctor.witness import try_scan
from reconciler.engine.reconcile.planning import may_repair
from reconciler.engine.repair.calendar.calendar_repairer import CalendarRepairer
from reconciler.engine.repair.integration_faults import (
    UNUSABLE,
    clock_faults,
    database_fault,
    schema_fault,
    try_writes,
    unreachable,
)
from reconciler.engine.repair.repairer import Repairer
from reconciler.engine.repair.repairers import repairers
from reconciler.errors import DatabaseDisagrees, DatabaseUnreachable
from reconciler.ports import Notifier, ProviderFailure, ServerInfo, Services, Transaction

DATABASE, SCHEMA, TRIAL, TEMPLATES, TWILIO, GOOGLE, EVENT_IDS, SENTRY = (
    "database", "schema", "trial write", "templates", "twilio", "google", "event ids", "sentry",
)  # fmt: skip
NOTICEABLE = timedelta(seconds=5)
OLDEST = 13
"""The oldest major version whose SQL we use; 15 and 18 are tested."""
_SWITCH = {Effect.SMS: "SUSPEND_ALL_SMS", Effect.CALENDAR: "SUSPEND_ALL_EVENTS"}


@dataclass(frozen=True, slots=True)
class DoctorChecks:
    """The checks of one installation. None of them leaves anything behind."""

    services: Services
    notifier: Notifier | None

    def check_specs(self) -> Sequence[CheckSpec]:
        """In the order in which one depends on another."""
        return [
            CheckSpec(name=DATABASE, run=as_result(self.database)),
            CheckSpec(name=SCHEMA, needs=(DATABASE,), run=as_result(self.schema)),
            CheckSpec(name=TRIAL, needs=(DATABASE, SCHEMA), run=as_result(self.trial)),
            CheckSpec(name=TEMPLATES, run=self.templates),
            CheckSpec(name=TWILIO, run=as_result(self.twilio, GapKind.INTEGRATION_TWILIO)),
            CheckSpec(name=GOOGLE, run=as_result(self.google, GapKind.INTEGRATION_GOOGLE)),
            CheckSpec(
                name=EVENT_IDS,
                needs=(DATABASE, SCHEMA, GOOGLE),
                run=as_result(self.event_ids, GapKind.INTEGRATION_GOOGLE),
            ),
            CheckSpec(name=SENTRY, run=as_result(self.sentry)),
        ]

    @property
    def enabled(self) -> Sequence[Repairer]:
        """The effects whose rule is not off."""
        return [
            repairer
            for repairer in repairers(self.services)
            if Policy.OFF not in (repairer.policy, self.services.repairs)
        ]

    @property
    def repaired_effects(self) -> Sequence[Repairer]:
        """The effects that we repair."""
        return [repairer for repairer in self.enabled if may_repair(repairer, self.services)]

    def database(self) -> CheckResult:
        server = self.services.store.server()
        seconds = server.ahead.total_seconds()
        message = f"PostgreSQL {server.version}, {server.pooler}, clock {seconds:+.1f} s, role {server.role}"
        return CheckResult(faults=clock_faults(server.ahead), notes=[Note(message=message), *_warnings(server)])

    def schema(self) -> CheckResult:
        with self.services.store.reading() as tx:
            faults = [
                fault
                for repairer in self.enabled
                for fault in tx.bookings.effect_faults(repairer.effect, writing=may_repair(repairer, self.services))
            ]
            faults += [f for kind in sorted(self.services.report_only) for f in tx.bookings.read_faults(kind)]
            faults += tx.bookings.zone_faults(self.services.clock.now())
            notes = [] if faults else tx.bookings.notes()
            tried = 0 if faults else self._try_scans(tx)
        # Texts and events may need the same right for different reasons: one statement, one line.
        faults = list({fault.sql or fault.seen: fault for fault in faults}.values())
        message = "tables, columns, types, values, rights and policies are as the mapping needs them"
        scanned = f"; scan and verdicts tried on {tried} booking{'s' * (tried != 1)}" if tried else ""
        return CheckResult(faults=faults, notes=[Note(message=message + scanned), *notes])

    def _try_scans(self, tx: Transaction) -> int:
        """How many bookings were scanned and judged as in a pass."""
        try:
            if tx.ledger.exists():
                tx.ledger.installation()
        except DatabaseDisagrees:
            return 0  # a ledger of another version: another check says so, and a pass does not begin
        return max((try_scan(tx, one, self.services) for one in self.enabled), default=0)

    def faults_of(self, repairer: Repairer) -> Sequence[IntegrationFault]:
        with self.services.store.reading() as tx:
            return tx.bookings.effect_faults(repairer.effect, writing=may_repair(repairer, self.services))

    def trial(self) -> CheckResult:
        found = [try_writes(repairer, self.services) for repairer in self.repaired_effects]
        if not found:
            return CheckResult(notes=[Note(message="not wanted: nothing is repaired (policy, repairs)")])
        message = ", ".join(note.message for one in found for note in one.notes if not note.remedy)
        fine = [Note(message=f"{message}: written and rolled back")] if message else []
        warnings = [note for one in found for note in one.notes if note.remedy]
        return CheckResult(faults=[fault for one in found for fault in one.faults], notes=[*fine, *warnings])

    def templates(self) -> CheckResult:
        if not any(repairer.effect is Effect.SMS for repairer in self.enabled):
            return CheckResult(notes=[Note(message="not wanted: no text is written (policy, repairs)")])
        return CheckResult(notes=template_notes(self.services.message_writer, self.services.sms_policy.segments))

    def twilio(self) -> CheckResult:
        sms, no_access = self.services.sms, self.services.access_faults.get(Effect.SMS)
        if no_access:
            return CheckResult(faults=[no_access])
        if sms is None:
            return CheckResult(notes=[Note(message="not wanted: we send no text (policy, repairs, deliver)")])
        fault = sms.check()
        if fault:
            return CheckResult(faults=[fault])
        return CheckResult(notes=[*sms.notes(), *self._switch(Effect.SMS)])

    def google(self) -> CheckResult:
        calendar, no_access = self.services.calendar, self.services.access_faults.get(Effect.CALENDAR)
        if no_access:
            return CheckResult(faults=[no_access])
        if calendar is None:
            return CheckResult(notes=[Note(message="not wanted: we make no event (policy, repairs)")])
        fault = calendar.check()
        if fault:
            return CheckResult(faults=[fault])
        about, ours = calendar.about(), self.services.calendar_policy.zone.key
        notes = [Note(message=f"calendar visible, role {about.role}, zone {about.zone}")]
        if about.is_the_accounts_own:
            notes.append(_UNSEEN)
        if about.zone != ours:
            message = f"the calendar is shown in {about.zone}, and the venue's time is {ours}"
            remedy = "events carry their own zone and are right; to see them so, change the calendar's settings"
            notes.append(Note(message=message, remedy=remedy))
        return CheckResult(notes=[*notes, *self._switch(Effect.CALENDAR)])

    def event_ids(self) -> CheckResult:
        if self.services.calendar is None:
            return CheckResult(notes=[Note(message="not wanted")])
        fault = CalendarRepairer(self.services).wrong_calendar_fault()
        fine = Note(message="those stored last are in this calendar, or none is stored")
        return CheckResult(faults=[fault] if fault else [], notes=[fine])

    def sentry(self) -> CheckResult:
        fault = sink_fault(self.notifier)
        return CheckResult(faults=[fault] if fault else [], notes=[Note(message="envelope accepted")])

    def _switch(self, effect: Effect) -> Sequence[Note]:
        if effect not in self.services.suspended:
            return []
        name = _SWITCH[effect]
        return [Note(message=f"{name} is on: no {effect.noun} is made", remedy=f"unset {name} once that is over")]


_UNSEEN = Note(
    message="the calendar is the service account's own: nobody sees its events, unless it was shared by Google's API",
    remedy="set GOOGLE_CALENDAR_ID to the venue's calendar, and share that one with the service account",
)


def as_result(
    check: Callable[[], CheckResult], asked: GapKind = GapKind.INTEGRATION_DATABASE
) -> Callable[[], CheckResult]:
    """The check, with an error that prevents it as a fault in its result. ``asked``: the provider that it asks."""

    def run() -> CheckResult:
        try:
            return check()
        except DatabaseUnreachable as error:
            return CheckResult(faults=[database_fault(error)])
        except DatabaseDisagrees as error:
            return CheckResult(faults=[schema_fault(error)])
        except ProviderFailure as failure:
            fault = replace(unreachable(asked, failure), remedy=_AWAY)
            return CheckResult(faults=[fault])

    return run


_AWAY = "see whether its host can be reached from here, past proxies and firewalls; try again"


def sink_fault(notifier: Notifier | None) -> IntegrationFault | None:
    """Why no alert would arrive; ``None`` if alerts arrive."""
    if notifier is None:
        remedy = "set SENTRY_DSN (Sentry, project settings, Client Keys): gaps that need a human must reach one"
        return _sink_fault("no_dsn", "SENTRY_DSN is not set: no alert reaches anyone", remedy)
    code = notifier.check()
    if not code:
        return None
    remedy = "compare SENTRY_DSN with Sentry's Client Keys, and see whether its host can be reached from here"
    fault = _sink_fault(code, f"Sentry does not accept events ({code})", remedy)
    return replace(fault, transient=not is_refusal(code))


def is_refusal(code: str) -> bool:
    """Whether the key or the project is wrong. Everything else may be over soon, too many requests included."""
    return code.startswith("http:4") and code != "http:429"


def _sink_fault(code: str, seen: str, remedy: str) -> IntegrationFault:
    return IntegrationFault(kind=GapKind.INTEGRATION_SENTRY, code=code, seen=seen, remedy=remedy)


_ENCRYPT = (
    "turn TLS on at the server and say sslmode=require in DATABASE_URL; verify-full with sslrootcert also proves which "
    "server it is"
)
_OWN_ROLE = "give reconciler a role of its own: reconciler grants"


def _warnings(server: ServerInfo) -> Sequence[Note]:
    found = []
    if NOTICEABLE <= abs(server.ahead) < UNUSABLE:
        message = f"the database's clock is {server.ahead.total_seconds():+.0f} s from this machine's"
        found.append(Note(message=message, remedy="keep both in step (NTP)"))
    if server.is_superuser:
        message = f"the role {server.role} is a superuser: no right and no policy is checked for it"
        found.append(Note(message=message, remedy=_OWN_ROLE))
    elif server.bypasses_policies:
        message = f"the role {server.role} bypasses row-level security: no policy limits it"
        found.append(Note(message=message, remedy=_OWN_ROLE))
    if server.plaintext_to:
        message = f"the connection to {server.plaintext_to} is not encrypted: password and bookings pass in plaintext"
        found.append(Note(message=message, remedy=_ENCRYPT))
    if server.major < OLDEST:
        message = f"PostgreSQL {server.version} is older than any version this was made for ({OLDEST})"
        found.append(Note(message=message, remedy="upgrade it; 15 and 18 are tested"))
    return found
