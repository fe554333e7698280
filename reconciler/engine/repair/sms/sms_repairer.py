"""Repairing a text: claim, recheck twice, make one POST, and update our row in the application's queue.

The order of the writes is the guarantee. The ledger says *sending* before the call, and *done* before the queue row
says *sent*. If our process dies at any point between them, no text is sent twice and none is forgotten.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from reconciler.domain.bookings import Booking, BookingId
from reconciler.domain.decide.breaker import Presence
from reconciler.domain.decide.identity import identify, identity_checks
from reconciler.domain.decide.ledger_checks import generation_check, is_new_repair
from reconciler.domain.decide.plan import Decision
from reconciler.domain.decide.policies import Deliver, Limits, Policy
from reconciler.domain.decide.removals import KnownEvent, Removal, RemovalPlan
from reconciler.domain.decide.sms import SmsFacts, cause_of, text_checks
from reconciler.domain.decide.sms_settlement import Settlement, SettlementStatus
from reconciler.domain.decide.verdicts import Check, first_blocking
from reconciler.domain.gaps import Effect, GapKind, IntegrationFault
from reconciler.domain.intents import Intent
from reconciler.engine.repair.recipients import (
    recipient_digest,
    recipient_of,
    refused_kind,
    refusing_customers,
    texted_at,
)
from reconciler.engine.repair.repairer import Scope
from reconciler.engine.repair.results import AttemptResult, RemovalResult, RemovalStatus
from reconciler.engine.repair.sms.drafts import draft_to
from reconciler.engine.repair.sms.evidence import Control, SmsOutcomeFinder, row_id
from reconciler.engine.repair.sms.first_send import FirstSend
from reconciler.engine.repair.sms.second_message import report_texts_of_others
from reconciler.engine.repair.sms.send import SmsSend, cancel_row
from reconciler.ports import RepairServices, SmsGateway, TextState, Transaction


@dataclass(slots=True)
class SmsRepairer:
    """Of one pass."""

    services: RepairServices
    control: Control = field(init=False)
    kind = GapKind.SMS_MISSING
    effect = Effect.SMS
    integration = GapKind.INTEGRATION_TWILIO
    may_arrive_late = False  # the settle time is longer than a text can be late

    def __post_init__(self) -> None:
        self.control = Control(self.services)

    @property
    def policy(self) -> Policy:
        return self.services.sms_policy.policy

    @property
    def limits(self) -> Limits:
        return self.services.sms_limits

    def decide(
        self,
        tx: Transaction,
        scope: Scope,
        broken: Sequence[Booking],
        intents: Mapping[BookingId, Intent],
        now: datetime,
    ) -> list[Decision]:
        facts = self._facts(tx, scope, broken, intents, now)
        return [self._decision(booking, known, now) for booking, known in zip(broken, facts, strict=True)]

    def checks(
        self, tx: Transaction, scope: Scope, booking: Booking, last: Intent | None, now: datetime
    ) -> Iterator[Check]:
        (facts,) = self._facts(tx, scope, [booking], {booking.id: last} if last else {}, now)
        return self._checks(booking, facts, now)

    def _facts(
        self,
        tx: Transaction,
        scope: Scope,
        broken: Sequence[Booking],
        intents: Mapping[BookingId, Intent],
        now: datetime,
    ) -> list[SmsFacts]:
        numbers = {booking.id: recipient_of(self.services, booking) for booking in broken}
        asked = frozenset(number for number in numbers.values() if number)
        refusing = refusing_customers(tx, self.services, asked)
        recent = texted_at(tx, self.services, scope, asked, now - self.services.sms_policy.per_recipient.period)
        known = []
        for booking in broken:
            number = numbers[booking.id]
            draft = draft_to(self.services, booking, number)
            facts = SmsFacts(
                number=number,
                country=self.services.phones.country(number) if number else "",
                refused_kind=refused_kind(self.services, booking),
                opted_out=number in refusing,
                draft=draft,
                recent=len(recent.get(number or "", ())),
                known=identify(booking, intents.get(booking.id), partial(recipient_digest, scope, number)),
                recipient=recipient_digest(scope, number),
                subject=draft.subject(scope.installation) if draft else "",
                review_before=scope.review_before,
            )
            known.append(facts)
        return known

    def _checks(self, booking: Booking, facts: SmsFacts, now: datetime) -> Iterator[Check]:
        yield from identity_checks(facts.known)
        yield from text_checks(booking, facts, self.services.sms_policy, now)
        yield generation_check(facts.last, self.limits.generations, facts.review_before)

    def _decision(self, booking: Booking, facts: SmsFacts, now: datetime) -> Decision:
        last = facts.last
        return Decision(
            booking=booking,
            incarnation=facts.known.incarnation,
            recipient=facts.recipient,
            verdict=first_blocking(self._checks(booking, facts, now), cause_of(booking, facts)),
            trigger=facts.draft.trigger if facts.draft else "",
            subject=facts.subject,
            is_new=is_new_repair(last, facts.review_before),
            draft=facts.draft,
            segments=facts.draft.segments if facts.draft else 0,
        )

    def check(self) -> IntegrationFault | None:
        no_access = self.services.access_faults.get(self.effect)
        return no_access or (None if self._hands_over else self._gateway().check())

    def final_triggers(self, booking: Booking) -> Collection[str] | None:
        return self.services.sms_policy.satisfying(booking.status)

    @property
    def settle_after(self) -> timedelta:
        return self.limits.settle

    def outcome_finder(self, scope: Scope) -> Callable[[Intent], Settlement]:
        if self.services.sms is None:  # we sent this text once; by now the application sends them
            return lambda _: Settlement(found=SettlementStatus.UNDECIDED, code="no_provider")
        return SmsOutcomeFinder(self.services, self.services.sms, scope, self.control)

    def presence_finder(self, scope: Scope) -> Callable[[Decision], Presence]:
        asked, is_shown = FirstSend(self, self.services, scope, self.control), self.control.is_shown
        return lambda decision: asked.presence(decision) if is_shown() else Presence.UNDECIDED

    def complete(self, done: Intent, scope: Scope) -> None:
        self.record_in_application(done, scope)
        with self.services.store.writing() as tx:
            tx.gaps.close(self.kind, done.booking, "repaired", self.services.clock.now())

    def cancel_in_application(self, tx: Transaction, intent: Intent, scope: Scope, reason: str) -> None:
        if self.policy is not Policy.OFF:  # if the rule is off, no queue table is configured
            cancel_row(tx, intent, scope, reason, self.services.clock.now())

    def report_second_effects(self, tx: Transaction, now: datetime) -> None:
        report_texts_of_others(tx, now)

    def plan_removals(
        self, tx: Transaction, scope: Scope, now: datetime, max_removals: int | None
    ) -> RemovalPlan | None:
        """Return ``None``: a text that was sent cannot be removed."""

    def remove(self, removal: Removal) -> RemovalResult:
        """Do nothing: no removal of a text is ever planned."""
        return RemovalResult(status=RemovalStatus.KEPT, reason="")

    def ask_start(self, event: KnownEvent) -> bool:
        """Return ``False``: a text stands nowhere."""
        return False

    def record_in_application(self, intent: Intent, scope: Scope) -> None:
        if self.policy is Policy.OFF:
            return
        # Without Twilio's id the row does not say *sent*. It never claims more than we know.
        sid = intent.provider_id
        status, error = ("sent", None) if sid else ("cancelled", "not by us, a person says it was sent")
        now = self.services.clock.now()
        with self.services.store.writing() as tx:
            said = TextState(status=status, error=error, provider_id=sid, at=now)
            tx.text_records.mark_record(row_id(scope, intent), intent.booking, said)

    def repair(self, intent: Intent, scope: Scope) -> AttemptResult:
        return SmsSend(self, self.services, scope, intent, self.control).run()

    @property
    def _hands_over(self) -> bool:
        return self.services.sms_policy.deliver is Deliver.APPLICATION

    def _gateway(self) -> SmsGateway:
        if self.services.sms is None:
            raise RuntimeError("a pass that may not send needs the gateway")
        return self.services.sms
