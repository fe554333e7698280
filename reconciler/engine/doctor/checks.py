"""What the doctor looks at, each by itself: the database, its tables, what we write there, the providers, the sink."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from reconciler.domain.decide.policies import Policy
from reconciler.domain.doctor import Examination, Examined, Remark
from reconciler.domain.gaps import Effect, GapKind, IntegrationFault
from reconciler.engine.reconcile.planning import may_repair
from reconciler.engine.repair.calendar import Events
from reconciler.engine.repair.integration_faults import (
    UNUSABLE,
    clock_faults,
    disagreement,
    rehearsed,
    unreachable,
    unreachable_database,
)
from reconciler.engine.repair.repairer import Mender
from reconciler.engine.repair.sms import Texts
from reconciler.errors import DatabaseDisagrees, DatabaseUnreachable
from reconciler.ports import ProviderFailure, Reporter, Server, Services

DATABASE, SCHEMA, TRIAL, TWILIO, GOOGLE, EVENT_IDS, SENTRY = (
    "database", "schema", "trial write", "twilio", "google", "event ids", "sentry",
)  # fmt: skip
NOTICEABLE = timedelta(seconds=5)
OLDEST = 13
"""The oldest major version whose SQL we use; 15 and 18 are tested."""
_SWITCH = {Effect.TEXT: "SUSPEND_ALL_SMS", Effect.EVENT: "SUSPEND_ALL_EVENTS"}


@dataclass(frozen=True, slots=True)
class Doctor:
    """The examinations of one installation. None of them leaves anything behind."""

    services: Services
    reporter: Reporter | None

    def examinations(self) -> Sequence[Examination]:
        """In the order in which one depends on another."""
        return [
            Examination(name=DATABASE, look=told(self.database)),
            Examination(name=SCHEMA, needs=(DATABASE,), look=told(self.schema)),
            Examination(name=TRIAL, needs=(DATABASE, SCHEMA), look=told(self.trial)),
            Examination(name=TWILIO, look=told(self.twilio, GapKind.INTEGRATION_TWILIO)),
            Examination(name=GOOGLE, look=told(self.google, GapKind.INTEGRATION_GOOGLE)),
            Examination(
                name=EVENT_IDS, needs=(DATABASE, SCHEMA, GOOGLE), look=told(self.event_ids, GapKind.INTEGRATION_GOOGLE)
            ),
            Examination(name=SENTRY, look=told(self.sentry)),
        ]

    @property
    def wanted(self) -> Sequence[Mender]:
        """The effects that anybody asks for."""
        menders: Sequence[Mender] = (Texts(self.services), Events(self.services))
        return [mender for mender in menders if Policy.OFF not in (mender.policy, self.services.repairs)]

    @property
    def mended(self) -> Sequence[Mender]:
        """The effects that we repair."""
        return [mender for mender in self.wanted if may_repair(mender, self.services)]

    def database(self) -> Examined:
        server = self.services.store.server()
        seconds = server.ahead.total_seconds()
        said = f"PostgreSQL {server.version}, {server.pooler}, clock {seconds:+.1f} s, role {server.role}"
        return Examined(faults=clock_faults(server.ahead), remarks=[Remark(said=said), *_warnings(server)])

    def schema(self) -> Examined:
        with self.services.store.reading() as tx:
            faults = [
                fault
                for mender in self.wanted
                for fault in tx.bookings.faults(mender.effect, writing=may_repair(mender, self.services))
            ]
            faults += [f for kind in sorted(self.services.watched) for f in tx.bookings.blindness(kind)]
            remarks = [] if faults else tx.bookings.remarks()
        # Texts and events want the same right for different reasons: one statement, one line.
        faults = list({fault.sql or fault.seen: fault for fault in faults}.values())
        fine = Remark(said="tables, columns, types, values, rights and policies are as the mapping needs them")
        return Examined(faults=faults, remarks=[fine, *remarks])

    def faults_of(self, mender: Mender) -> Sequence[IntegrationFault]:
        with self.services.store.reading() as tx:
            return tx.bookings.faults(mender.effect, writing=may_repair(mender, self.services))

    def trial(self) -> Examined:
        found = [rehearsed(mender, self.services) for mender in self.mended]
        if not found:
            return Examined(remarks=[Remark(said="not wanted: nothing is repaired (policy, repairs)")])
        said = ", ".join(remark.said for one in found for remark in one.remarks if not remark.remedy)
        fine = [Remark(said=f"{said}: written and rolled back")] if said else []
        warnings = [remark for one in found for remark in one.remarks if remark.remedy]
        return Examined(faults=[fault for one in found for fault in one.faults], remarks=[*fine, *warnings])

    def twilio(self) -> Examined:
        sms = self.services.sms
        if sms is None:
            return Examined(remarks=[Remark(said="not wanted: we send no text (policy, repairs, deliver)")])
        fault = sms.check()
        if fault:
            return Examined(faults=[fault])
        return Examined(remarks=[*sms.remarks(), *self._switch(Effect.TEXT)])

    def google(self) -> Examined:
        calendar = self.services.calendar
        if calendar is None:
            return Examined(remarks=[Remark(said="not wanted: we make no event (policy, repairs)")])
        fault = calendar.check()
        if fault:
            return Examined(faults=[fault])
        about, ours = calendar.about(), self.services.events.zone.key
        remarks = [Remark(said=f"calendar visible, role {about.role}, zone {about.zone}")]
        if about.zone != ours:
            said = f"the calendar is shown in {about.zone}, and the venue's time is {ours}"
            remedy = "events carry their own zone and are right; to see them so, change the calendar's settings"
            remarks.append(Remark(said=said, remedy=remedy))
        return Examined(remarks=[*remarks, *self._switch(Effect.EVENT)])

    def event_ids(self) -> Examined:
        if self.services.calendar is None:
            return Examined(remarks=[Remark(said="not wanted")])
        fault = Events(self.services).elsewhere()
        fine = Remark(said="those stored last are in this calendar, or none is stored")
        return Examined(faults=[fault] if fault else [], remarks=[fine])

    def sentry(self) -> Examined:
        fault = sink_fault(self.reporter)
        return Examined(faults=[fault] if fault else [], remarks=[Remark(said="envelope accepted")])

    def _switch(self, effect: Effect) -> Sequence[Remark]:
        if effect not in self.services.suspended:
            return []
        name = _SWITCH[effect]
        return [Remark(said=f"{name} is on: no {effect} is made", remedy=f"unset {name} once that is over")]


def told(look: Callable[[], Examined], asked: GapKind = GapKind.INTEGRATION_DATABASE) -> Callable[[], Examined]:
    """The same look, for which what keeps us from looking is an answer too. ``asked``: whose provider it asks."""

    def tell() -> Examined:
        try:
            return look()
        except DatabaseUnreachable as error:
            return Examined(faults=[unreachable_database(error)])
        except DatabaseDisagrees as error:
            return Examined(faults=[disagreement(error)])
        except ProviderFailure as failure:
            fault = replace(unreachable(asked, failure), remedy=_AWAY)
            return Examined(faults=[fault])

    return tell


_AWAY = "see whether its host can be reached from here, past proxies and firewalls; try again"


def sink_fault(reporter: Reporter | None) -> IntegrationFault | None:
    """Why nobody would hear, ``None`` if somebody would."""
    if reporter is None:
        remedy = "set SENTRY_DSN (Sentry, project settings, Client Keys): gaps that nobody can repair must be told"
        return _deaf("no_dsn", "SENTRY_DSN is not set: nobody is told anything", remedy)
    said = reporter.check()
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


def _warnings(server: Server) -> Sequence[Remark]:
    found = []
    if NOTICEABLE <= abs(server.ahead) < UNUSABLE:
        said = f"the database's clock is {server.ahead.total_seconds():+.0f} s from this machine's"
        found.append(Remark(said=said, remedy="keep both in step (NTP)"))
    if server.is_superuser:
        said = f"the role {server.role} is a superuser: no right and no policy is checked for it"
        found.append(Remark(said=said, remedy="give us a role of our own: reconciler grants"))
    if server.major < OLDEST:
        said = f"PostgreSQL {server.version} is older than any version this was made for ({OLDEST})"
        found.append(Remark(said=said, remedy="upgrade it; 15 and 18 are tested"))
    return found
