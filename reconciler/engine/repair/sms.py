"""Repairing a text: claim, recheck twice, make one POST, and update our row in the application's queue.

The order of the writes is the guarantee. The ledger says *sending* before the call, and *done* before the queue row
says *sent*. If our process dies at any point between them, no text is sent twice and none is forgotten.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from reconciler.domain.bookings import Booking, BookingId
from reconciler.domain.decide.identity import identify, identity_checks
from reconciler.domain.decide.ledger_checks import generation_check
from reconciler.domain.decide.plan import Decision
from reconciler.domain.decide.policies import Deliver, Limits, Policy
from reconciler.domain.decide.sms import Draft, SmsFacts, cause_of, text_checks, validity
from reconciler.domain.decide.sms_settlement import Settlement, SettlementStatus
from reconciler.domain.decide.verdicts import Check, Hold, first_blocking
from reconciler.domain.gaps import Effect, GapKind, IntegrationFault
from reconciler.domain.intents import BY_A_PERSON, Intent, Outcome, Result
from reconciler.engine.repair.lease_guard import call_within_lease
from reconciler.engine.repair.outcomes import attempt_result, record_outcome
from reconciler.engine.repair.rate_limit import apply_retry_after, wait_for_slot
from reconciler.engine.repair.recipients import recipient_digest, recipient_of
from reconciler.engine.repair.repairer import Scope, recheck
from reconciler.engine.repair.results import AttemptResult, AttemptStatus
from reconciler.engine.repair.sms_duplicate import known_message, report_if_second
from reconciler.engine.repair.sms_evidence import SmsOutcomeFinder, account_digest, row_id
from reconciler.engine.repair.write_retry import write_with_retry
from reconciler.ports import OutgoingSms, QueueRow, RepairServices, SmsGateway, Transaction, Unwritable

TEMPLATE = "reconciler"
"""The template name in our queue rows."""
_SLOT = "twilio"


@dataclass(frozen=True, slots=True)
class SmsRepairer:
    services: RepairServices
    kind = GapKind.SMS_MISSING
    effect = Effect.SMS
    integration = GapKind.INTEGRATION_TWILIO
    may_arrive_late = False  # the settle time is longer than a text can be late

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
        spelled = {number: self.services.phones.spellings(number) for number in numbers.values() if number}
        every_spelling = frozenset().union(*spelled.values())
        significant = {number: self.services.phones.significant(number) for number in spelled}
        opted_out = tx.bookings.opted_out(frozenset(significant.values()))
        recent = tx.bookings.sent_counts(every_spelling, now - self.services.sms_policy.per_recipient.period)
        known = []
        for booking in broken:
            number = numbers[booking.id]
            draft = self._draft(booking, number)
            facts = SmsFacts(
                number=number,
                opted_out=significant.get(number or "") in opted_out,
                draft=draft,
                recent=sum(recent.get(spelling, 0) for spelling in spelled.get(number or "", frozenset())),
                known=identify(booking, intents.get(booking.id), partial(recipient_digest, scope, number)),
                recipient=recipient_digest(scope, number),
                subject=draft.subject(scope.installation) if draft else "",
            )
            known.append(facts)
        return known

    def _checks(self, booking: Booking, facts: SmsFacts, now: datetime) -> Iterator[Check]:
        yield from identity_checks(facts.known)
        yield from text_checks(booking, facts, self.services.sms_policy, now)
        yield generation_check(facts.last, self.limits.generations)

    def _decision(self, booking: Booking, facts: SmsFacts, now: datetime) -> Decision:
        last = facts.last
        return Decision(
            booking=booking,
            incarnation=facts.known.incarnation,
            recipient=facts.recipient,
            verdict=first_blocking(self._checks(booking, facts, now), cause_of(booking)),
            trigger=facts.draft.trigger if facts.draft else "",
            subject=facts.subject,
            is_new=last is None or last.state.is_final,
            draft=facts.draft,
        )

    def _draft(self, booking: Booking, number: str | None) -> Draft | None:
        if number is None or booking.starts_at is None:
            return None
        try:
            return self.services.message_writer.write(booking, number)
        except Unwritable:
            return None

    def check(self) -> IntegrationFault | None:
        return None if self._hands_over else self._gateway().check()

    @property
    def final_triggers(self) -> Collection[str] | None:
        return self.services.sms_policy.satisfied_by

    @property
    def settle_after(self) -> timedelta:
        return self.limits.settle

    def outcome_finder(self, scope: Scope) -> Callable[[Intent], Settlement]:
        if self.services.sms is None:  # we sent this text once; by now the application sends them
            return lambda _: Settlement(found=SettlementStatus.UNDECIDED, code="no_provider")
        return SmsOutcomeFinder(self.services, self.services.sms, scope)

    def complete(self, done: Intent, scope: Scope) -> None:
        self.record_in_application(done, scope)
        with self.services.store.writing() as tx:
            tx.gaps.close(self.kind, done.booking, "repaired", self.services.clock.now())

    def cancel_in_application(self, tx: Transaction, intent: Intent, scope: Scope, reason: str) -> None:
        if self.policy is not Policy.OFF:  # if the rule is off, no queue table is configured
            self._cancel_row(tx, intent, scope, reason, self.services.clock.now())

    def orphans(self, tx: Transaction, scope: Scope, since: datetime) -> Sequence[Intent]:
        """Return none: a text that was sent cannot be removed."""
        return ()

    def remove_orphan(self, orphan: Intent, scope: Scope) -> None:
        """Do nothing: texts have no orphans."""

    def record_in_application(self, intent: Intent, scope: Scope) -> None:
        if self.policy is Policy.OFF:
            return
        # Without Twilio's id the row does not say *sent*. It never claims more than we know.
        sid = intent.provider_id
        status, error = ("sent", None) if sid else ("cancelled", "not by us, a person says it was sent")
        now = self.services.clock.now()
        with self.services.store.writing() as tx:
            tx.bookings.mark_queue_row(row_id(scope, intent), status=status, error=error, provider_id=sid, at=now)

    def repair(self, intent: Intent, scope: Scope) -> AttemptResult:
        if self._hands_over:
            return self._hand_over(intent, scope)
        put = self._put_row(intent, scope)
        if isinstance(put, AttemptResult):
            return put
        stopped = wait_for_slot(self.services, _SLOT, self.limits.interval, put)
        if stopped:
            return stopped
        sending = self._begin_sending(put, scope)
        if isinstance(sending, AttemptResult):
            return sending
        intent, text = sending
        outcome = call_within_lease(self.services, self, intent, lambda: self._gateway().send(text))
        return self._record_answer(intent, outcome, scope)

    @property
    def _hands_over(self) -> bool:
        return self.services.sms_policy.deliver is Deliver.APPLICATION

    def _hand_over(self, intent: Intent, scope: Scope) -> AttemptResult:
        """Write queue row and ledger in one transaction under the booking's lock: a kill leaves both or neither.

        The row takes the intent's own id, which no other row of ours can have.
        """
        now = self.services.clock.now()
        with self.services.store.writing() as tx:
            decision = recheck(self, tx, intent, scope, now)
            if isinstance(decision, AttemptResult):
                return decision
            sending = tx.intents.begin_sending(intent, self.limits.lease, now, subject=decision.subject)
            if sending is None:
                return AttemptResult(status=AttemptStatus.HELD, reason="claimed_elsewhere")
            row = self._row(intent.id, intent, decision, now)
            tx.bookings.hand_over(row)
            tx.intents.mark_handed_over(sending, row.id, now)
            tx.gaps.close(self.kind, intent.booking, "repaired", now)
        return AttemptResult(status=AttemptStatus.HANDED_OVER)

    def _put_row(self, intent: Intent, scope: Scope) -> Intent | AttemptResult:
        """Recheck for the first time and insert our queue row, before any call may leave.

        Returns the intent with the subject from which the row's id is derived.
        """
        now = self.services.clock.now()
        with self.services.store.writing() as tx:
            decision = recheck(self, tx, intent, scope, now)
            if isinstance(decision, AttemptResult):
                return decision
            intent = replace(intent, subject=decision.subject)
            row = self._row(row_id(scope, intent), intent, decision, now)
            tx.bookings.insert_queue_row(row)
            tx.bookings.try_mark_sent(row.id, now)
        return intent

    def _row(self, id_: str, intent: Intent, decision: Decision, now: datetime) -> QueueRow:
        assert decision.draft is not None
        return QueueRow(
            id=id_, intent=intent.id, booking=decision.booking, draft=decision.draft, template=TEMPLATE, at=now
        )

    def _begin_sending(self, intent: Intent, scope: Scope) -> tuple[Intent, OutgoingSms] | AttemptResult:
        """Recheck for the second time. By now an application insert that waited for our first lock is visible."""
        now = self.services.clock.now()
        with self.services.store.writing() as tx:
            decision = recheck(self, tx, intent, scope, now)
            if isinstance(decision, AttemptResult):
                self._cancel_row(tx, intent, scope, decision.reason, now)
                return decision
            assert decision.draft is not None
            if decision.subject != intent.subject:
                # The booking changed between the two checks, so our queue row is out of date.
                self._cancel_row(tx, intent, scope, "changed", now)
                tx.intents.release(intent, Hold.BUSY, now)
                return AttemptResult(status=AttemptStatus.HELD, reason=Hold.BUSY)
            account = account_digest(scope, self._gateway())
            sending = tx.intents.begin_sending(intent, self.limits.lease, now, subject=intent.subject, account=account)
            if sending is None:
                return AttemptResult(status=AttemptStatus.HELD, reason="claimed_elsewhere")
        text = OutgoingSms(
            number=decision.draft.number,
            body=decision.draft.body,
            validity=validity(decision.booking, self.services.sms_policy, now),
        )
        return sending, text

    def _record_answer(self, intent: Intent, outcome: Outcome, scope: Scope) -> AttemptResult:
        now = self.services.clock.now()
        done = outcome.result is Result.DONE

        def write_ledger(tx: Transaction) -> None:
            known = known_message(tx, intent)
            record_outcome(tx, self, intent, outcome, now)
            apply_retry_after(tx, _SLOT, outcome)
            if done:
                tx.gaps.close(self.kind, intent.booking, "repaired", now)
                report_if_second(tx, intent, known, outcome.provider_id, now)

        def write_queue_row(tx: Transaction) -> None:
            row = tx.bookings.queue_row(row_id(scope, intent)) if done else None
            if row and report_if_second(tx, intent, row.provider_id, outcome.provider_id, now):
                return  # the row already names a message that was sent
            tx.bookings.mark_queue_row(
                row_id(scope, intent),
                status="sent" if done else "failed",
                error=None if done else f"{outcome.result} {outcome.code} {intent.id}",
                provider_id=outcome.provider_id,
                at=now,
            )

        # Two transactions: if the application's table rejects the row, our ledger still records what happened.
        write_with_retry(self.services, write_ledger)
        write_with_retry(self.services, write_queue_row)
        return attempt_result(outcome, AttemptStatus.SENT)

    def _cancel_row(self, tx: Transaction, intent: Intent, scope: Scope, reason: str, now: datetime) -> None:
        error = "left as it is, says a person" if reason == BY_A_PERSON else f"not sent, {reason}"
        row = row_id(scope, intent)
        tx.bookings.mark_queue_row(row, status="cancelled", error=error, provider_id=None, at=now)

    def _gateway(self) -> SmsGateway:
        if self.services.sms is None:
            raise RuntimeError("a pass that may not send needs the gateway")
        return self.services.sms
