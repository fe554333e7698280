"""Before a text is sent for the first time: ask the provider what it has sent to the number already.

Our ledger and the application's queue are believed only as far as they go. A backup that was restored, a lost ledger,
and an application or a person who texts outside the queue all show up in the provider's list, and nowhere else.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from reconciler.domain.bookings import Booking
from reconciler.domain.decide.breaker import Presence
from reconciler.domain.decide.plan import Decision
from reconciler.domain.decide.policies import Deliver
from reconciler.domain.decide.sms import Draft, deadline
from reconciler.domain.decide.sms_first_send import (
    EarlierText,
    EarlierTexts,
    TextToSend,
    asked_since,
    judge_earlier_texts,
    possible_references,
    unclaimed,
)
from reconciler.domain.decide.sms_settlement import TOO_MANY_TO_READ, SentMessages
from reconciler.domain.decide.verdicts import CAUSE_OF_REFUSAL, Hold, Refusal
from reconciler.domain.gaps import Cause, Effect, GapKind
from reconciler.domain.intents import Intent, Outcome, Result
from reconciler.domain.own_rows import error_after
from reconciler.engine.repair.integration_faults import provider_fault
from reconciler.engine.repair.outcomes import attempt_result, record_outcome
from reconciler.engine.repair.recipients import messages_to
from reconciler.engine.repair.repairer import LONG_AGO, Repairer, Scope, recheck
from reconciler.engine.repair.results import CLAIMED_ELSEWHERE, AttemptResult, AttemptStatus
from reconciler.engine.repair.sms.drafts import draft_of
from reconciler.engine.repair.sms.evidence import Control, account_digest, lost_rows, row_id
from reconciler.ports import CredentialsRejected, ProviderFailure, RepairServices, SmsGateway, TextState, Transaction

ROW_WITHOUT_INTENT = "row_without_intent"
"""The code of a text that our row in the queue says may have left, while the ledger does not know its intent."""
_NO_ROW = "00000000-0000-0000-0000-000000000000"
"""A repair that is not planned has no row in the queue."""


@dataclass(frozen=True, slots=True)
class FirstSend:
    """Asks for one text after the other, outside of any transaction, and records what stands against sending it."""

    repairer: Repairer
    services: RepairServices
    scope: Scope
    control: Control

    def check_and_ask(self, intent: Intent) -> Intent | AttemptResult:
        """Recheck and ask, while no row of ours is in the queue.

        Returns the intent with the subject that was asked for, or the end of this attempt.
        """
        with self.services.store.writing() as tx:
            decision = recheck(self.repairer, tx, intent, self.scope, self.services.clock.now())
        if isinstance(decision, AttemptResult):
            return decision
        asked = replace(intent, subject=decision.subject)
        return self.obstacle(asked, decision) or asked

    def obstacle(self, intent: Intent, decision: Decision) -> AttemptResult | None:
        """The end of this attempt, already recorded; ``None`` if nothing stands against sending the text now.

        ``intent`` has the subject of ``decision``.
        """
        # Without a gateway the application sends, and we have no credentials to ask with.
        gateway = self.services.sms
        if gateway:
            assert decision.draft is not None
            try:
                earlier = self._earlier(gateway, row_id(self.scope, intent), decision.booking, decision.draft)
            except CredentialsRejected as failure:
                if self.services.sms_policy.deliver is not Deliver.APPLICATION:
                    return self._hold_unanswered(intent, failure.outcome)
                # It sends with credentials of its own. Ours are as good as none; any other answer would tell something.
                gateway, earlier = None, EarlierTexts(found=EarlierText.NONE)
            except ProviderFailure as failure:
                return self._hold_unanswered(intent, failure.outcome)
            match earlier.found:
                case EarlierText.OURS:
                    return self._adopt(intent, earlier)
                case EarlierText.OURS_FAILED:
                    return self._ask_human(intent, earlier)
                case EarlierText.ANOTHER:
                    return self._hold(intent, decision.booking, Hold.ANOTHER_TEXT, self._backoff(intent))
        wait = self._cautious_wait(intent, decision.booking, gateway)
        if isinstance(wait, Outcome):
            return self._hold_unanswered(intent, wait)
        if wait is not None:
            return self._hold(intent, decision.booking, Hold.CAUTION, wait)
        return self._treat_as_unknown(intent, decision.booking)

    def presence(self, decision: Decision) -> Presence:
        """Whether the provider has a text about a booking that the breaker holds, whatever the queue says of it.

        Raises:
            ProviderFailure: the provider could not be asked.
        """
        draft = draft_of(self.services, decision.booking)
        if self.services.sms is None or draft is None:
            return Presence.UNDECIDED
        earlier = self._earlier(self.services.sms, _NO_ROW, decision.booking, draft, queue_is_believed=False)
        if earlier.found is EarlierText.NONE:
            return Presence.ABSENT
        return Presence.LEFT_OUT if earlier.code == TOO_MANY_TO_READ else Presence.PRESENT

    def _earlier(
        self, gateway: SmsGateway, own_row: str, booking: Booking, draft: Draft, *, queue_is_believed: bool = True
    ) -> EarlierTexts:
        number = draft.number
        trail = messages_to(self.services, gateway, number, asked_since(booking.created_at))
        ids = {sent.sid for sent in trail.texts}
        with self.services.store.reading() as tx:
            claimed = tx.intents.used_provider_ids(Effect.SMS, ids)
            queued = tx.texts.bookings_naming(ids - claimed, own_row)
            text = TextToSend(
                reference=booking.reference,
                provable=not ids or not tx.bookings.shares_reference(booking.id),
                body=draft.body,
                since=booking.created_at,
                not_due_at=tx.moments.not_yet_due(GapKind.SMS_MISSING, booking),
                ignored=self.services.sms_policy.ignored_texts,
                queue_is_believed=queue_is_believed,
            )
            others = self._references_of_others(tx, trail, text, claimed | set(queued), number)
            called = tx.bookings.references_of(frozenset().union(*queued.values()))
        filed = {sid: frozenset(called[one] for one in bookings if one in called) for sid, bookings in queued.items()}
        return judge_earlier_texts(trail, text, claimed=claimed, filed=filed, other_references=others)

    def _references_of_others(
        self, tx: Transaction, trail: SentMessages, text: TextToSend, claimed: frozenset[str], number: str
    ) -> frozenset[str]:
        """References in these texts that belong to other bookings of this number: those texts are about them.

        A word that is another booking's reference by chance would let a text through: so the number must agree too.
        """
        words = possible_references(unclaimed(trail, text, claimed), codes=tx.bookings.has_codes) - {text.reference}
        named = tx.bookings.with_references(words) if words else ()
        if not named:
            return frozenset()
        now, phones = self.services.clock.now(), self.services.phones
        found = tx.bookings.findings(self.repairer.kind, now, LONG_AGO, named).values()
        theirs = [finding.booking for finding in found if number in map(phones.e164, finding.booking.phones)]
        return frozenset(booking.reference for booking in theirs) - {text.reference}

    def _adopt(self, intent: Intent, earlier: EarlierTexts) -> AttemptResult:
        """The text was sent already: the ledger takes over its id. No call is made."""
        now = self.services.clock.now()
        with self.services.store.writing() as tx:
            sending = self._begin(tx, intent)
            done = sending and tx.intents.mark_done(sending, earlier.provider_id, earlier.code, now)
            if done is None:
                return CLAIMED_ELSEWHERE
            tx.gaps.close(self.repairer.kind, intent.booking, "repaired", now)
        self.repairer.record_in_application(done, self.scope)
        return AttemptResult(status=AttemptStatus.ADOPTED)

    def _ask_human(self, intent: Intent, earlier: EarlierTexts) -> AttemptResult:
        """The provider had the text and could not deliver it: as for an outcome that is settled."""
        now, refusal = self.services.clock.now(), Refusal.NOT_DELIVERED
        cause = CAUSE_OF_REFUSAL[refusal]
        with self.services.store.writing() as tx:
            if not tx.intents.need_human(intent, earlier.code, cause, now, provider_id=earlier.provider_id):
                return CLAIMED_ELSEWHERE
            self.repairer.cancel_in_application(tx, intent, self.scope, refusal)
            tx.gaps.record(self.repairer.kind, intent.booking, cause, refusal, now)
        return AttemptResult(status=AttemptStatus.REFUSED, reason=refusal)

    def _cautious_wait(
        self, intent: Intent, booking: Booking, gateway: SmsGateway | None
    ) -> timedelta | Outcome | None:
        """How long to wait because the ledger may have forgotten this text; ``None`` if it certainly was not sent.

        The lists that were read so far show none. That proves something only once a message sent before the loss must
        be in them, and only if they show a message that is known to have arrived.
        """
        caution = self.scope.caution
        if caution is None or not caution.concerns(booking.due_without_ledger):
            return None
        with self.services.store.reading() as tx:
            left = caution.since + self.repairer.limits.settle - tx.ledger.now()
        if left > timedelta(0):
            return left
        try:
            proved = gateway is not None and self.control.is_shown()
        except ProviderFailure as failure:
            return failure.outcome
        return None if proved else self._backoff(intent)

    def _backoff(self, intent: Intent) -> timedelta:
        return self.repairer.limits.backoff.after(1, intent.id)

    def _hold(self, intent: Intent, booking: Booking, hold: Hold, wait: timedelta) -> AttemptResult:
        """The customer may have been told. It waits until that is explained, or until it is too late."""
        now = self.services.clock.now()
        # At the deadline the pass must not find it waiting: from then on it needs a human.
        until = min(now + wait, deadline(booking, self.services.sms_policy))
        with self.services.store.writing() as tx:
            sending = self._begin(tx, intent)
            if sending is None:
                return CLAIMED_ELSEWHERE
            tx.intents.take_back_attempt(sending, hold, Cause.UNKNOWN_OUTCOME, until, now)
            self.repairer.cancel_in_application(tx, intent, self.scope, hold)
            tx.gaps.record(self.repairer.kind, intent.booking, Cause.UNKNOWN_OUTCOME, hold, now)
        return AttemptResult(status=AttemptStatus.HELD, reason=hold)

    def _hold_unanswered(self, intent: Intent, outcome: Outcome) -> AttemptResult:
        """No answer is no leave to send. One list that fails stops no other text; a provider that is away stops all."""
        now = self.services.clock.now()
        with self.services.store.writing() as tx:
            tx.intents.release(intent, Hold.NOT_ANSWERED, now)
            self.repairer.cancel_in_application(tx, intent, self.scope, Hold.NOT_ANSWERED)
            tx.gaps.record(self.repairer.kind, intent.booking, Cause.BLOCKED, Hold.NOT_ANSWERED, now)
        if outcome.result is Result.LATER:
            return AttemptResult(status=AttemptStatus.HELD, reason=Hold.NOT_ANSWERED, outcome=outcome)
        if outcome.result is Result.BROKEN or provider_fault(self.repairer):
            return AttemptResult(status=AttemptStatus.BROKEN, reason=outcome.code, outcome=outcome)
        return AttemptResult(status=AttemptStatus.HELD, reason=Hold.NOT_ANSWERED)

    def _treat_as_unknown(self, intent: Intent, booking: Booking) -> AttemptResult | None:
        """If a row of ours says that a text may have left, and the ledger lost its intent: prove the absence first.

        It is settled like any unknown outcome: after the settle time, under the control. Once that is done the intent
        has a first attempt, and the row says nothing more.
        """
        if intent.attempted_at is not None:
            return None
        with self.services.store.reading() as tx:
            if not lost_rows(tx, intent.booking):
                return None
        now, lost = self.services.clock.now(), Outcome(result=Result.UNKNOWN, code=ROW_WITHOUT_INTENT)
        with self.services.store.writing() as tx:
            # Nobody knows when it was tried; not before the booking was made.
            sending = self._begin(tx, intent, first_tried_at=booking.created_at)
            if sending is None:
                return CLAIMED_ELSEWHERE
            record_outcome(tx, self.repairer, sending, lost, now)
            row, error = row_id(self.scope, intent), error_after(lost, intent.id)
            tx.text_records.mark_record(row, intent.booking, TextState(status=None, error=error, at=now))
        return attempt_result(lost, AttemptStatus.SENT)

    def _begin(self, tx: Transaction, intent: Intent, first_tried_at: datetime | None = None) -> Intent | None:
        return tx.intents.begin_sending(
            intent,
            self.repairer.limits.lease,
            self.services.clock.now(),
            subject=intent.subject,
            account=account_digest(self.scope, self.services.sms) if self.services.sms else None,
            first_tried_at=first_tried_at,
        )
