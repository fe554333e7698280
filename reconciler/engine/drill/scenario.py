"""The fire drill's scenario: passes over planted bookings, and their required outcome."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from reconciler.domain.alerting.booking_names import public_reference
from reconciler.domain.bookings import BookingId, reference
from reconciler.domain.decide import calendar_event
from reconciler.domain.decide.calendar_event import EventBody
from reconciler.domain.decide.policies import Deliver
from reconciler.domain.decide.sms_settlement import contains_reference
from reconciler.domain.decide.verdicts import LABELS
from reconciler.domain.drill import DrillFixture
from reconciler.domain.gaps import Effect, GapKind, IntegrationFault
from reconciler.domain.intents import State
from reconciler.domain.rules.registry import REPAIRED, RULES, rule_of, rule_of_effect
from reconciler.domain.rules.rule import DrillGap, Rule
from reconciler.engine import alerting
from reconciler.engine.jobs import perform
from reconciler.engine.reconcile.planning import may_repair
from reconciler.engine.reconcile.results import PassResult
from reconciler.engine.repair.repairer import LONG_AGO
from reconciler.engine.repair.repairers import is_off, repairer_of
from reconciler.ports import DrillEnvironment, Mandate, Services, Transaction

NUMBER = "+447700900999"
"""Reserved for drama by Ofcom: if a drill ever sent a text, no subscriber would receive it."""
A_DAY = timedelta(days=1)
SOME_DAYS = 7
REPAIR_COPIES = "check the kind's rule in cron.yaml; `reconciler migrate` makes the drill's copies anew"


@dataclass(slots=True)
class DrillScenario:
    """The database part of one drill."""

    environment: DrillEnvironment
    planted: dict[GapKind, BookingId] = field(default_factory=dict)
    results: dict[GapKind, PassResult] = field(default_factory=dict)
    """Rule -> the result of its pass that acted."""

    @property
    def services(self) -> Services:
        return self.environment.services

    @property
    def repairs(self) -> bool:
        """Whether any rule may repair what it finds."""
        return any(self._may_repair(rule) for rule in REPAIRED)

    def scan(self) -> IntegrationFault | None:
        """Plant a gap of each kind and scan: exactly the planted gaps must be found."""
        gaps = list(self._gaps())
        if not gaps:
            return _fault("all_off", "every rule of cron.yaml is off: nothing would ever be found", "switch one on")
        blinding = [fault for fault in self._faults(gaps) if fault.blinds]
        if blinding:
            return self._named(blinding[0])
        self._plant(gaps)
        for result in self._perform(act=False):
            fault = self._unseen(result)
            if fault:
                return fault
        return None

    def repair(self) -> IntegrationFault | None:
        """Run the passes that act: each repairable gap must be repaired, and every other must be an open gap."""
        performed = self._perform(act=True)
        self.results = {result.kind: result for result in performed if result.kind}
        for result in performed:
            if result.faults:
                return self._named(result.faults[0])
            if result.crash:
                return _fault("crashed", f"{result.kind}: a bug met it ({type(result.crash).__name__})", "report it")
        with self.services.store.reading() as tx:
            for kind, booking in self.planted.items():
                said = self._not_as_wanted(tx, kind, booking)
                if said:
                    why = _attempts(self.results[rule_of(kind).kind])
                    return _fault("not_repaired", f"{kind} was planted and {said}{why}", REPAIR_COPIES)
        return None

    def report(self) -> IntegrationFault | None:
        """Send the alerts: the alert of each planted kind must arrive, with the reference of its booking.

        Raises:
            DatabaseUnreachable: the connection was lost on the way.
        """
        alerting.send_alerts(list(self.results.values()), self._services(act=True))
        alerted = {(report.kind, one) for report in self.environment.sent_alerts for one in report.references}
        # Alerting goes on without a database, and only logs that it is lost. This question raises it.
        with self.services.store.reading() as tx:
            installation = tx.ledger.installation().id
        named = {kind: public_reference(booking, installation) for kind, booking in self.planted.items()}
        untold = [kind for kind in self.planted if (kind, named[kind]) not in alerted]
        if not untold:
            return None
        return _fault("not_told", f"found and not alerted: {', '.join(untold)}", "see the log of this run")

    def _faults(self, gaps: Sequence[DrillGap]) -> list[IntegrationFault]:
        """The faults that would falsify every scan and make planting fail."""
        faults: list[IntegrationFault] = []
        kinds = {gap.kind for gap in gaps}
        with self.services.store.reading() as tx:
            for rule in RULES:
                if rule.kind in kinds:
                    effect = rule.effect
                    faults += (
                        tx.bookings.effect_faults(effect, writing=False)
                        if effect
                        else tx.bookings.read_faults(rule.kind)
                    )
        return faults

    def _plant(self, gaps: Sequence[DrillGap]) -> None:
        notice = self.services.sms_policy.min_notice // A_DAY
        for number, gap in enumerate(gaps):
            event_id = f"drill{number}" if gap.names_event else None
            seed = DrillFixture(gap=gap, number=NUMBER, event_id=event_id, days=notice + SOME_DAYS + number)
            self.planted[gap.kind] = booking = self.environment.plant(seed)
            self._put_events(booking, [f"drill{number}{'i' * extra}" for extra in range(gap.events)])

    def _gaps(self) -> Iterable[DrillGap]:
        """The gaps to plant, for the rules that are on. A rule that may not repair does not search for duplicates."""
        for rule in RULES:
            if not is_off(rule, self.services):
                yield from (gap for gap in rule.drill if self._may_repair(rule) or not gap.only_if_repaired)

    def _put_events(self, booking: BookingId, ids: Sequence[str]) -> None:
        """Create the events as the application would."""
        now, calendar = self.services.clock.now(), self.services.calendar
        with self.services.store.reading() as tx:
            found = tx.bookings.findings(rule_of_effect(Effect.CALENDAR).kind, now, LONG_AGO, [booking]).get(booking)
        if calendar and found and found.booking.starts_at:
            body: EventBody = calendar_event.body(
                found.booking, self.services.calendar_policy, calendar_event.event_id("", found.booking.id, 1), 1
            )
            for event_id in ids:
                calendar.insert(replace(body, id=event_id))

    def _perform(self, *, act: bool) -> list[PassResult]:
        """The results of the planted rules. A run that must not begin, as with a wrong clock, is about no rule."""
        rules = dict.fromkeys(rule_of(kind).kind for kind in self.planted)
        jobs = dict.fromkeys(rule_of(kind).job for kind in rules)
        results = [result for job in jobs for result in perform(job, self._services(act=act))]
        return [result for result in results if result.kind is None or result.kind in rules]

    def _services(self, *, act: bool) -> Services:
        return replace(self.services, mandate=Mandate(act=act, max_repairs=len(self.planted)))

    def _may_repair(self, rule: Rule) -> bool:
        return rule.effect is not None and may_repair(repairer_of(rule.effect, self.services), self.services)

    def _unseen(self, result: PassResult) -> IntegrationFault | None:
        rule = result.kind
        if result.plan is None:
            return self._named(result.faults[0])
        # The copies hold nothing else, so their number says which; what is done about each is looked at afterwards.
        wanted = sum(rule_of(kind).kind == rule for kind in self.planted)
        if result.plan.gaps == wanted:
            return None
        counts = f"{wanted} planted, {result.plan.gaps} found"
        why = [
            f"{number} {LABELS.get(reason, reason)}" for (_, reason), number in result.plan.tally().items() if reason
        ]
        seen = f"{rule}: {counts} ({', '.join(why)})"
        return _fault("not_found", seen, REPAIR_COPIES)

    def _not_as_wanted(self, tx: Transaction, kind: GapKind, booking: BookingId) -> str:
        """What is wrong with the outcome; '' if it is right."""
        rule = rule_of(kind)
        if kind != rule.kind or not self._may_repair(rule):
            return "" if any(gap.about == booking for gap in tx.gaps.open(kind)) else "not written down as a gap"
        check = self._event_not_as_wanted if rule.effect is Effect.CALENDAR else self._text_not_as_wanted
        return check(tx, booking)

    def _event_not_as_wanted(self, tx: Transaction, booking: BookingId) -> str:
        stored = tx.events.stored_events([booking])[booking]
        event = self.services.calendar.get(stored.event_id) if self.services.calendar and stored.event_id else None
        right = event is not None and event.live and event.starts_at == stored.starts_at
        return "" if right else "its event is not in place"

    def _text_not_as_wanted(self, tx: Transaction, booking: BookingId) -> str:
        sent = self.services.sms.sent_to(NUMBER).texts if self.services.sms else ()
        ours = [text.sid for text in sent if contains_reference(text.body, reference(booking))]
        rows = [(row.status, row.provider_id) for row in tx.texts.queued(booking)]
        if not tx.text_records.shows_texts:
            done = (intent for intent in tx.intents.history(booking) if intent.state is State.DONE)
            rows = [("sent", intent.provider_id) for intent in done if intent.effect is Effect.SMS]
        if self.services.sms_policy.deliver is Deliver.APPLICATION:
            return "" if not sent and [status for status, _ in rows] == ["approved"] else "its text was not handed over"
        return "" if len(ours) == len(sent) == 1 and rows == [("sent", ours[0])] else "its text was not sent once"

    def _named(self, fault: IntegrationFault) -> IntegrationFault:
        """The fault with the names of the application's tables instead of the names of the copies."""
        own = self.environment.with_table_names
        return replace(fault, seen=own(fault.seen), remedy=own(fault.remedy), sql=own(fault.sql))


def _attempts(result: PassResult) -> str:
    said = [f"{status} {LABELS.get(reason, reason)}".rstrip() for status, reason in result.attempts]
    waits = [reason for _, reason in result.plan.decided if reason] if result.plan else []
    said += [LABELS.get(reason, reason) for reason in waits]
    return f" ({', '.join(said)})" if said else ""


def _fault(code: str, seen: str, remedy: str) -> IntegrationFault:
    return IntegrationFault(kind=GapKind.INTEGRATION_SCHEMA, code=code, seen=seen, remedy=remedy)
