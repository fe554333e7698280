"""The sending of one text: the queue row, two checks, the question to the provider, the call, and what came of it."""

from dataclasses import dataclass, replace
from datetime import datetime

from reconciler.domain.decide.plan import Decision
from reconciler.domain.decide.policies import Deliver
from reconciler.domain.decide.sms import validity
from reconciler.domain.decide.verdicts import HOLDS_BY_THE_PROVIDER, Hold
from reconciler.domain.intents import BY_A_PERSON, Intent, Outcome, Result
from reconciler.domain.own_rows import TEMPLATE, error_after
from reconciler.engine.repair.lease_guard import call_within_lease
from reconciler.engine.repair.outcomes import about_this_one, attempt_result, record_outcome
from reconciler.engine.repair.rate_limit import apply_retry_after, wait_for_slot
from reconciler.engine.repair.repairer import Repairer, Scope, recheck
from reconciler.engine.repair.results import CLAIMED_ELSEWHERE, AttemptResult, AttemptStatus
from reconciler.engine.repair.sms.evidence import Control, account_digest, row_id
from reconciler.engine.repair.sms.first_send import FirstSend
from reconciler.engine.repair.sms.second_message import known_message, report_if_second
from reconciler.engine.repair.write_retry import write_with_retry
from reconciler.ports import OutgoingSms, RepairServices, SmsGateway, TextRecord, TextState, Transaction

_SLOT = "twilio"


@dataclass(frozen=True, slots=True)
class SmsSend:
    """One attempt at one text."""

    repairer: Repairer
    services: RepairServices
    scope: Scope
    intent: Intent
    control: Control

    def run(self) -> AttemptResult:
        """Send the text, or hand it over to the application."""
        intent = self.intent
        if self.services.sms_policy.deliver is Deliver.APPLICATION:
            return self._hand_over(intent)
        put = self._put_row(intent, is_asked=False)
        if put is None:
            # It may be asked for again and again. As long as the answer is the same, the queue is left as it is.
            asked = self._first_send.check_and_ask(intent)
            if isinstance(asked, AttemptResult):
                return asked
            put = self._put_row(intent, is_asked=True)
        if isinstance(put, AttemptResult):
            return put
        assert put is not None
        put_intent, decision = put
        stopped = wait_for_slot(self.services, _SLOT, self.repairer.limits.interval, put_intent)
        stopped = stopped or self._first_send.obstacle(put_intent, decision)
        if stopped:
            return stopped
        sending = self._begin_sending(put_intent)
        if isinstance(sending, AttemptResult):
            return sending
        intent, text = sending
        outcome = call_within_lease(self.services, self.repairer, intent, lambda: self._gateway.send(text))
        return self._record_answer(intent, outcome)

    def _hand_over(self, intent: Intent) -> AttemptResult:
        """Write queue row and ledger in one transaction under the booking's lock: a kill leaves both or neither.

        The row takes the intent's own id, which no other row of ours can have.
        """
        asked = self._first_send.check_and_ask(intent)
        if isinstance(asked, AttemptResult):
            return asked
        now = self.services.clock.now()
        with self.services.store.writing() as tx:
            decision = recheck(self.repairer, tx, asked, self.scope, now)
            if isinstance(decision, AttemptResult):
                return decision
            if decision.subject != asked.subject:
                return self._changed(tx, intent, now)
            sending = tx.intents.begin_sending(intent, self.repairer.limits.lease, now, subject=decision.subject)
            if sending is None:
                return CLAIMED_ELSEWHERE
            row = self._row(intent.id, intent, decision, now)
            tx.text_records.hand_over(row)
            tx.intents.mark_handed_over(sending, row.id, now)
            tx.gaps.close(self.repairer.kind, intent.booking, "repaired", now)
        return AttemptResult(status=AttemptStatus.HANDED_OVER)

    def _put_row(self, intent: Intent, *, is_asked: bool) -> tuple[Intent, Decision] | AttemptResult | None:
        """Recheck for the first time and insert our queue row, before any call may leave.

        Returns the decision, and the intent with the subject from which the row's id is derived; ``None`` if the
        provider must be asked before.
        """
        now = self.services.clock.now()
        with self.services.store.writing() as tx:
            decision = recheck(self.repairer, tx, intent, self.scope, now)
            if isinstance(decision, AttemptResult):
                return decision
            if not is_asked and self._is_probably_held(decision):
                return None
            intent = replace(intent, subject=decision.subject)
            row = self._row(row_id(self.scope, intent), intent, decision, now)
            tx.text_records.insert_record(row)
            tx.text_records.try_mark_sent(row.id, intent.booking, now)
        return intent, decision

    def _is_probably_held(self, decision: Decision) -> bool:
        caution = self.scope.caution
        cautious = caution is not None and caution.concerns(decision.booking.due_without_ledger)
        return self.intent.code in HOLDS_BY_THE_PROVIDER or cautious

    def _row(self, id_: str, intent: Intent, decision: Decision, now: datetime) -> TextRecord:
        assert decision.draft is not None
        return TextRecord(
            id=id_, intent=intent.id, booking=decision.booking, draft=decision.draft, template=TEMPLATE, at=now
        )

    def _begin_sending(self, intent: Intent) -> tuple[Intent, OutgoingSms] | AttemptResult:
        """Recheck for the second time. By now an application insert that waited for our first lock is visible."""
        now = self.services.clock.now()
        with self.services.store.writing() as tx:
            decision = recheck(self.repairer, tx, intent, self.scope, now)
            if isinstance(decision, AttemptResult):
                cancel_row(tx, intent, self.scope, decision.reason, now)
                return decision
            assert decision.draft is not None
            if decision.subject != intent.subject:
                # The booking changed between the two checks, so our queue row is out of date.
                cancel_row(tx, intent, self.scope, "changed", now)
                return self._changed(tx, intent, now)
            account = account_digest(self.scope, self._gateway)
            sending = tx.intents.begin_sending(
                intent, self.repairer.limits.lease, now, subject=intent.subject, account=account
            )
            if sending is None:
                return CLAIMED_ELSEWHERE
        text = OutgoingSms(
            number=decision.draft.number,
            body=decision.draft.body,
            validity=validity(decision.booking, self.services.sms_policy, now),
        )
        return sending, text

    def _changed(self, tx: Transaction, intent: Intent, now: datetime) -> AttemptResult:
        tx.intents.release(intent, Hold.BUSY, now)
        return AttemptResult(status=AttemptStatus.HELD, reason=Hold.BUSY)

    def _record_answer(self, intent: Intent, outcome: Outcome) -> AttemptResult:
        outcome = about_this_one(self.services, self.intent, outcome)
        now = self.services.clock.now()
        done = outcome.result is Result.DONE

        def write_ledger(tx: Transaction) -> None:
            known = known_message(tx, intent)
            record_outcome(tx, self.repairer, intent, outcome, now)
            apply_retry_after(tx, _SLOT, outcome)
            if done:
                tx.gaps.close(self.repairer.kind, intent.booking, "repaired", now)
                report_if_second(tx, intent, known, outcome.provider_id, now)

        def write_record(tx: Transaction) -> None:
            row = tx.text_records.own_record(row_id(self.scope, intent)) if done else None
            if row and report_if_second(tx, intent, row.provider_id, outcome.provider_id, now):
                return  # the row already names a message that was sent
            error = None if done else error_after(outcome, intent.id)
            said = TextState(status="sent" if done else None, error=error, provider_id=outcome.provider_id, at=now)
            tx.text_records.mark_record(row_id(self.scope, intent), intent.booking, said)

        # Two transactions: if the application's table rejects the row, our ledger still records what happened.
        write_with_retry(self.services, write_ledger)
        write_with_retry(self.services, write_record)
        return attempt_result(outcome, AttemptStatus.SENT)

    @property
    def _first_send(self) -> FirstSend:
        return FirstSend(self.repairer, self.services, self.scope, self.control)

    @property
    def _gateway(self) -> SmsGateway:
        if self.services.sms is None:
            raise RuntimeError("a pass that may not send needs the gateway")
        return self.services.sms


def cancel_row(tx: Transaction, intent: Intent, scope: Scope, reason: str, now: datetime) -> None:
    """Write into our queue row, if there is one, that the text is not sent, and why."""
    error = "left as it is, says a person" if reason == BY_A_PERSON else f"not sent, {reason}"
    row = row_id(scope, intent)
    tx.text_records.mark_record(row, intent.booking, TextState(status="cancelled", error=error, at=now))
