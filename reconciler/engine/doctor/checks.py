"""What the doctor looks at, each by itself: the database, its tables, what we write there, the providers, the sink."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from reconciler.domain.decide.policies import Policy
from reconciler.domain.doctor import CheckResult, CheckSpec, Note
from reconciler.domain.gaps import Effect, GapKind, IntegrationFault
from reconciler.engine.reconcile.planning import may_repair
from reconciler.engine.repair.calendar import CalendarRepairer
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
from reconciler.ports import Notifier, ProviderFailure, ServerInfo, Services

DATABASE, SCHEMA, TRIAL, TWILIO, GOOGLE, EVENT_IDS, SENTRY = (
    "database", "schema", "trial write", "twilio", "google", "event ids", "sentry",
)  # fmt: skip
NOTICEABLE = timedelta(seconds=5)
OLDEST = 13
"""The oldest major version whose SQL we use; 15 and 18 are tested."""
_SWITCH = {Effect.SMS: "SUSPEND_ALL_SMS", Effect.CALENDAR: "SUSPEND_ALL_EVENTS"}


@dataclass(frozen=True, slots=True)
class DoctorChecks:
    """The check_specs of one installation. None of them leaves anything behind."""

    services: Services
    notifier: Notifier | None

    def check_specs(self) -> Sequence[CheckSpec]:
        """In the order in which one depends on another."""
        return [
            CheckSpec(name=DATABASE, run=as_result(self.database)),
            CheckSpec(name=SCHEMA, needs=(DATABASE,), run=as_result(self.schema)),
            CheckSpec(name=TRIAL, needs=(DATABASE, SCHEMA), run=as_result(self.trial)),
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
    def wanted(self) -> Sequence[Repairer]:
        """The effects that anybody asks for."""
        return [
            repairer
            for repairer in repairers(self.services)
            if Policy.OFF not in (repairer.policy, self.services.repairs)
        ]

    @property
    def repaired_effects(self) -> Sequence[Repairer]:
        """The effects that we repair."""
        return [repairer for repairer in self.wanted if may_repair(repairer, self.services)]

    def database(self) -> CheckResult:
        server = self.services.store.server()
        seconds = server.ahead.total_seconds()
        said = f"PostgreSQL {server.version}, {server.pooler}, clock {seconds:+.1f} s, role {server.role}"
        return CheckResult(faults=clock_faults(server.ahead), notes=[Note(message=said), *_warnings(server)])

    def schema(self) -> CheckResult:
        with self.services.store.reading() as tx:
            faults = [
                fault
                for repairer in self.wanted
                for fault in tx.bookings.faults(repairer.effect, writing=may_repair(repairer, self.services))
            ]
            faults += [f for kind in sorted(self.services.report_only) for f in tx.bookings.blindness(kind)]
            notes = [] if faults else tx.bookings.notes()
        # Texts and events want the same right for different reasons: one statement, one line.
        faults = list({fault.sql or fault.seen: fault for fault in faults}.values())
        fine = Note(message="tables, columns, types, values, rights and policies are as the mapping needs them")
        return CheckResult(faults=faults, notes=[fine, *notes])

    def faults_of(self, repairer: Repairer) -> Sequence[IntegrationFault]:
        with self.services.store.reading() as tx:
            return tx.bookings.faults(repairer.effect, writing=may_repair(repairer, self.services))

    def trial(self) -> CheckResult:
        found = [try_writes(repairer, self.services) for repairer in self.repaired_effects]
        if not found:
            return CheckResult(notes=[Note(message="not wanted: nothing is repaired (policy, repairs)")])
        said = ", ".join(note.message for one in found for note in one.notes if not note.remedy)
        fine = [Note(message=f"{said}: written and rolled back")] if said else []
        warnings = [note for one in found for note in one.notes if note.remedy]
        return CheckResult(faults=[fault for one in found for fault in one.faults], notes=[*fine, *warnings])

    def twilio(self) -> CheckResult:
        sms = self.services.sms
        if sms is None:
            return CheckResult(notes=[Note(message="not wanted: we send no text (policy, repairs, deliver)")])
        fault = sms.check()
        if fault:
            return CheckResult(faults=[fault])
        return CheckResult(notes=[*sms.notes(), *self._switch(Effect.SMS)])

    def google(self) -> CheckResult:
        calendar = self.services.calendar
        if calendar is None:
            return CheckResult(notes=[Note(message="not wanted: we make no event (policy, repairs)")])
        fault = calendar.check()
        if fault:
            return CheckResult(faults=[fault])
        about, ours = calendar.about(), self.services.calendar_policy.zone.key
        notes = [Note(message=f"calendar visible, role {about.role}, zone {about.zone}")]
        if about.zone != ours:
            said = f"the calendar is shown in {about.zone}, and the venue's time is {ours}"
            remedy = "events carry their own zone and are right; to see them so, change the calendar's settings"
            notes.append(Note(message=said, remedy=remedy))
        return CheckResult(notes=[*notes, *self._switch(Effect.CALENDAR)])

    def event_ids(self) -> CheckResult:
        if self.services.calendar is None:
            return CheckResult(notes=[Note(message="not wanted")])
        fault = CalendarRepairer(self.services).elsewhere()
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


def as_result(
    look: Callable[[], CheckResult], asked: GapKind = GapKind.INTEGRATION_DATABASE
) -> Callable[[], CheckResult]:
    """The same look, for which what keeps us from looking is an answer too. ``asked``: whose provider it asks."""

    def tell() -> CheckResult:
        try:
            return look()
        except DatabaseUnreachable as error:
            return CheckResult(faults=[database_fault(error)])
        except DatabaseDisagrees as error:
            return CheckResult(faults=[schema_fault(error)])
        except ProviderFailure as failure:
            fault = replace(unreachable(asked, failure), remedy=_AWAY)
            return CheckResult(faults=[fault])

    return tell


_AWAY = "see whether its host can be reached from here, past proxies and firewalls; try again"


def sink_fault(notifier: Notifier | None) -> IntegrationFault | None:
    """Why nobody would hear, ``None`` if somebody would."""
    if notifier is None:
        remedy = "set SENTRY_DSN (Sentry, project settings, Client Keys): gaps that nobody can repair must be as_result"
        return _deaf("no_dsn", "SENTRY_DSN is not set: nobody is as_result anything", remedy)
    said = notifier.check()
    if not said:
        return None
    remedy = "compare SENTRY_DSN with Sentry's Client Keys, and see whether its host can be reached from here"
    fault = _deaf(said, f"Sentry does not take what it is sent ({said})", remedy)
    return replace(fault, transient=not is_refusal(said))


def is_refusal(code: str) -> bool:
    """Key or project are wrong; everything else, too many requests among it, may be over soon."""
    return code.startswith("http:4") and code != "http:429"


def _deaf(code: str, seen: str, remedy: str) -> IntegrationFault:
    return IntegrationFault(kind=GapKind.INTEGRATION_SENTRY, code=code, seen=seen, remedy=remedy)


def _warnings(server: ServerInfo) -> Sequence[Note]:
    found = []
    if NOTICEABLE <= abs(server.ahead) < UNUSABLE:
        said = f"the database's clock is {server.ahead.total_seconds():+.0f} s from this machine's"
        found.append(Note(message=said, remedy="keep both in step (NTP)"))
    if server.is_superuser:
        said = f"the role {server.role} is a superuser: no right and no policy is checked for it"
        found.append(Note(message=said, remedy="give us a role of our own: reconciler grants"))
    if server.major < OLDEST:
        said = f"PostgreSQL {server.version} is older than any version this was made for ({OLDEST})"
        found.append(Note(message=said, remedy="upgrade it; 15 and 18 are tested"))
    return found
