"""A scenario of the passes on planted bookings, and what must have come of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from reconciler.domain.bookings import BookingId, reference
from reconciler.domain.decide import calendar_event
from reconciler.domain.decide.calendar_event import EventBody
from reconciler.domain.decide.policies import Deliver, Policy
from reconciler.domain.decide.sms_settlement import contains_reference
from reconciler.domain.decide.verdicts import LABELS
from reconciler.domain.drill import DrillFixture, rule_of
from reconciler.domain.gaps import Effect, GapKind, IntegrationFault
from reconciler.engine import alerting
from reconciler.engine.explain.explanation import REPAIRED_BY, WATCHED_BY
from reconciler.engine.jobs import perform
from reconciler.engine.reconcile.results import PassResult
from reconciler.engine.repair.repairer import LONG_AGO
from reconciler.ports import DrillEnvironment, Mandate, Services, Transaction

NUMBER = "+447700900999"
"""Set aside for drama (Ofcom): if a drill ever reached out, nobody would be there."""
A_DAY = timedelta(days=1)
SOME_DAYS = 7
EFFECTS = {GapKind.SMS_MISSING: Effect.SMS, GapKind.CALENDAR_MISSING: Effect.CALENDAR}
MEND_COPIES = "look at the kind's rule in cron.yaml; `reconciler migrate` makes the drill's copies anew"


@dataclass(slots=True)
class DrillScenario:
    """One drill's part on the database."""

    environment: DrillEnvironment
    planted: dict[GapKind, BookingId] = field(default_factory=dict)
    results: dict[GapKind, PassResult] = field(default_factory=dict)
    """By rule, of the passes that acted."""

    @property
    def services(self) -> Services:
        return self.environment.services

    @property
    def repairs(self) -> bool:
        """Whether any rule is allowed to mend what it finds."""
        return any(self._may_mend(kind) for kind in REPAIRED_BY)

    def scan(self) -> IntegrationFault | None:
        """Plant a gap of each kind, and look: those are found, and nothing else."""
        kinds = list(self._kinds())
        if not kinds:
            return _fault("all_off", "every rule of cron.yaml is off: nothing would ever be found", "switch one on")
        blinding = [fault for fault in self._faults(kinds) if fault.blinds]
        if blinding:
            return self._named(blinding[0])
        self._plant(kinds)
        for rule, result in self._perform(act=False).items():
            fault = self._unseen(rule, result)
            if fault:
                return fault
        return None

    def repair(self) -> IntegrationFault | None:
        """Act: what may be mended is, and what may not is an open gap."""
        self.results = self._perform(act=True)
        for result in self.results.values():
            if result.faults:
                return self._named(result.faults[0])
            if result.crash:
                return _fault("crashed", f"{result.kind}: a bug met it ({type(result.crash).__name__})", "report it")
        with self.services.store.reading() as tx:
            for kind, booking in self.planted.items():
                said = self._not_as_wanted(tx, kind, booking)
                if said:
                    why = _became(self.results[rule_of(kind)])
                    return _fault("not_repaired", f"{kind} was planted and {said}{why}", MEND_COPIES)
        return None

    def report(self) -> IntegrationFault | None:
        """Tell: each kind that was planted arrives, with its booking's reference."""
        alerting.send_alerts(list(self.results.values()), self._services(act=True))
        told = {(report.kind, one) for report in self.environment.sent_alerts for one in report.references}
        untold = [kind for kind, booking in self.planted.items() if (kind, reference(booking)) not in told]
        if not untold:
            return None
        return _fault("not_told", f"found and not told: {', '.join(untold)}", "see the log of this run")

    def _faults(self, kinds: Sequence[GapKind]) -> list[IntegrationFault]:
        """What would make every look lie, and planting fail."""
        faults: list[IntegrationFault] = []
        with self.services.store.reading() as tx:
            for rule in dict.fromkeys(map(rule_of, kinds)):
                asked = EFFECTS.get(rule)
                faults += tx.bookings.effect_faults(asked, writing=False) if asked else tx.bookings.read_faults(rule)
        return faults

    def _plant(self, kinds: Sequence[GapKind]) -> None:
        notice = self.services.sms_policy.min_notice // A_DAY
        for number, kind in enumerate(kinds):
            lacks_event = rule_of(kind) is GapKind.CALENDAR_MISSING
            event_id = None if lacks_event else f"drill{number}"
            seed = DrillFixture(kind=kind, number=NUMBER, event_id=event_id, days=notice + SOME_DAYS + number)
            self.planted[kind] = self.environment.plant(seed)
        for number, (kind, booking) in enumerate(self.planted.items()):
            if rule_of(kind) is not GapKind.CALENDAR_MISSING:
                self._put_events(booking, [f"drill{number}"])
            elif kind is GapKind.CALENDAR_DUPLICATE:
                self._put_events(booking, ["drillone", "drilltwo"])

    def _kinds(self) -> Iterable[GapKind]:
        """Of the rules that are on. Who may not mend an event does not look for several either."""
        services = self.services
        if services.sms_policy.policy is not Policy.OFF:
            yield GapKind.SMS_MISSING
        yield from (kind for kind in (GapKind.SMS_STUCK, GapKind.SMS_UNPROVEN) if kind in services.report_only)
        if services.calendar_policy.policy is not Policy.OFF:
            yield GapKind.CALENDAR_MISSING
        if self._may_mend(GapKind.CALENDAR_MISSING):
            yield GapKind.CALENDAR_DUPLICATE

    def _put_events(self, booking: BookingId, ids: Sequence[str]) -> None:
        """As if the application had made them."""
        now, calendar = self.services.clock.now(), self.services.calendar
        with self.services.store.reading() as tx:
            found = tx.bookings.findings(GapKind.CALENDAR_MISSING, now, LONG_AGO, [booking]).get(booking)
        if calendar and found and found.booking.starts_at:
            body: EventBody = calendar_event.body(found.booking, self.services.calendar_policy, "", 1)
            for event_id in ids:
                calendar.insert(replace(body, id=event_id))

    def _perform(self, *, act: bool) -> dict[GapKind, PassResult]:
        jobs = dict.fromkeys(REPAIRED_BY.get(rule_of(kind), WATCHED_BY) for kind in self.planted)
        wanted = {rule_of(kind) for kind in self.planted}
        results = [result for job in jobs for result in perform(job, self._services(act=act))]
        return {result.kind: result for result in results if result.kind in wanted}

    def _services(self, *, act: bool) -> Services:
        return replace(self.services, mandate=Mandate(act=act, max_repairs=len(self.planted)))

    def _may_mend(self, kind: GapKind) -> bool:
        services = self.services
        policy = services.sms_policy.policy if kind is GapKind.SMS_MISSING else services.calendar_policy.policy
        return services.repairs is policy is Policy.REPAIR

    def _unseen(self, rule: GapKind, result: PassResult) -> IntegrationFault | None:
        if result.plan is None:
            return self._named(result.faults[0])
        wanted = {booking for kind, booking in self.planted.items() if rule_of(kind) is rule}
        found = {decision.booking.id for decision in result.plan.decisions if decision.verdict.is_gap}
        if found == wanted:
            return None
        counts = f"{len(wanted)} planted, {len(found & wanted)} of them found, {len(found - wanted)} others"
        why = [
            f"{number} {LABELS.get(reason, reason)}" for (_, reason), number in result.plan.tally().items() if reason
        ]
        seen = f"{rule}: {counts} ({', '.join(why)})"
        return _fault("not_found", seen, MEND_COPIES)

    def _not_as_wanted(self, tx: Transaction, kind: GapKind, booking: BookingId) -> str:
        """What is wrong with what became of it; '' if nothing is."""
        if kind not in REPAIRED_BY or not self._may_mend(kind):
            return "" if any(gap.about == booking for gap in tx.gaps.open(kind)) else "not written down as a gap"
        if kind is GapKind.CALENDAR_MISSING:
            stored = tx.bookings.stored_events([booking])[booking]
            event = self.services.calendar.get(stored.event_id) if self.services.calendar and stored.event_id else None
            right = event is not None and event.live and event.starts_at == stored.starts_at
            return "" if right else "its event is not in place"
        return self._text_not_as_wanted(tx, booking)

    def _text_not_as_wanted(self, tx: Transaction, booking: BookingId) -> str:
        sent = self.services.sms.sent_to(NUMBER).texts if self.services.sms else ()
        ours = [text.sid for text in sent if contains_reference(text.body, reference(booking))]
        rows = [(row.status, row.provider_id) for row in tx.bookings.queued(booking)]
        if self.services.sms_policy.deliver is Deliver.APPLICATION:
            return "" if not sent and [status for status, _ in rows] == ["approved"] else "its text was not handed over"
        return "" if len(ours) == len(sent) == 1 and rows == [("sent", ours[0])] else "its text was not sent once"

    def _named(self, fault: IntegrationFault) -> IntegrationFault:
        """The fault as one of the application's tables, of which the copy has everything."""
        own = self.environment.with_table_names
        return replace(fault, seen=own(fault.seen), remedy=own(fault.remedy), sql=own(fault.sql))


def _became(result: PassResult) -> str:
    said = [f"{became} {LABELS.get(reason, reason)}".rstrip() for became, reason in result.attempts]
    waits = [d.verdict.reason for d in result.plan.decisions if d.verdict.reason] if result.plan else []
    said += [LABELS.get(reason, reason) for reason in waits]
    return f" ({', '.join(said)})" if said else ""


def _fault(code: str, seen: str, remedy: str) -> IntegrationFault:
    return IntegrationFault(kind=GapKind.INTEGRATION_SCHEMA, code=code, seen=seen, remedy=remedy)
