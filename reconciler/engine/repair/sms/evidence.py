"""Evidence for a text whose outcome is unknown: our queue row, the provider's list, and a control of that list."""

import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.sms_settlement import (
    Settlement,
    SettlementStatus,
    contains_reference,
    control_of,
    settle_text,
)
from reconciler.domain.gaps import Effect, GapKind
from reconciler.domain.hashing import digest
from reconciler.domain.intents import SUBJECT_PARTS, Intent
from reconciler.engine.repair.recipients import messages_to
from reconciler.engine.repair.repairer import LONG_AGO, Scope
from reconciler.ports import RepairServices, SmsGateway, StoredRecord, Transaction, Unwritable

_ROW_IDS = uuid.UUID("7d3c1c5e-6f0b-5a51-9a43-2f6a3f5c2a10")


def row_id(scope: Scope, intent: Intent) -> str:
    """Derive the id of our queue row. A repeat finds its own row; another text or number gets another row."""
    name = f"{scope.installation}:{intent.key}:{intent.trigger}:{intent.generation}:{intent.subject}"
    return str(uuid.uuid5(_ROW_IDS, name))


def account_digest(scope: Scope, gateway: SmsGateway) -> str:
    """Return what our ledger stores about the account that a text was sent through."""
    return digest(scope.installation, gateway.account)


@dataclass(slots=True)
class Control:
    """Whether Twilio's lists can be trusted: a message delivered today is found when we query its number.

    It is asked once for a pass.
    """

    services: RepairServices
    _shown: bool | None = field(default=None, init=False)

    def is_shown(self) -> bool:
        """Raises:
        ProviderFailure: a list could not be read.
        """
        gateway = self.services.sms
        if gateway is None:
            return False
        if self._shown is None:
            known = control_of(gateway.recent(), self.services.clock.now())
            self._shown = known is not None and known.sid in {text.sid for text in gateway.sent_to(known.number).texts}
        return self._shown


@dataclass(frozen=True, slots=True)
class SmsOutcomeFinder:
    """Queries the outcome of one text after another."""

    services: RepairServices
    gateway: SmsGateway
    scope: Scope
    control: Control

    def __call__(self, intent: Intent) -> Settlement:
        """Raises:
        ProviderFailure: a list could not be read.
        """
        with self.services.store.reading() as tx:
            row = tx.text_records.own_record(row_id(self.scope, intent))
            numbers, bodies = self._candidates(tx, intent, row)
            ambiguous = tx.bookings.shares_reference(intent.booking)
            reference = tx.bookings.references_of([intent.booking]).get(intent.booking)
            may_change = tx.bookings.has_codes
            lost = lost_rows(tx, intent.booking)
        if row and row.provider_id:
            # The process that made the call wrote the answer to the row and could not write it to the ledger.
            return Settlement(found=SettlementStatus.FOUND, code="own_row", provider_id=row.provider_id)
        lost_numbers = {number for number in map(self.services.phones.e164, lost.values()) if number}
        number = next((number for number in numbers if self._is_part(intent, number)), None)
        if number is None:
            return Settlement(found=SettlementStatus.UNDECIDED, code="number_not_known")
        if ambiguous:
            return Settlement(found=SettlementStatus.UNDECIDED, code="reference_shared")
        if intent.account != account_digest(self.scope, self.gateway):
            return Settlement(found=SettlementStatus.UNDECIDED, code="another_account")
        body = next((body for body in bodies if self._is_part(intent, body)), None)
        shown = body is not None and reference is not None and contains_reference(body, reference)
        if reference is None or (may_change and not shown):
            # The text may have carried another code than the booking has now: then it would look absent.
            return Settlement(found=SettlementStatus.UNDECIDED, code="reference_not_known")
        settled = self._settle(intent, number, reference, body)
        elsewhere = lost_numbers - {number}
        if settled.found is not SettlementStatus.ABSENT or not elsewhere:
            return settled
        # The ledger lost the intent of a text to another number. Nothing proves that it did not leave.
        others = [self._settle(intent, other, reference, body) for other in sorted(elsewhere)]
        exists = (SettlementStatus.FOUND, SettlementStatus.NOT_LEAVING)
        undecided = Settlement(found=SettlementStatus.UNDECIDED, code="number_changed")
        return next((other for other in others if other.found in exists), undecided)

    def _settle(self, intent: Intent, number: str, reference: str, body: str | None) -> Settlement:
        trail = messages_to(self.services, self.gateway, number)
        ids = {text.sid for text in trail.texts}
        with self.services.store.reading() as tx:
            taken = tx.intents.used_provider_ids(Effect.SMS, ids) | set(
                tx.texts.bookings_naming(ids, row_id(self.scope, intent))
            )
        assert intent.attempted_at is not None
        return settle_text(
            trail,
            reference=reference,
            body=body,
            attempted_at=intent.attempted_at,
            taken=taken,
            controlled=self.control.is_shown(),
        )

    def _candidates(self, tx: Transaction, intent: Intent, row: StoredRecord | None) -> tuple[list[str], list[str]]:
        """Return the numbers and bodies it may have had, from our row and the booking. The ledger has only digests."""
        now = self.services.clock.now()
        finding = tx.bookings.findings(GapKind.SMS_MISSING, now, LONG_AGO, [intent.booking]).get(intent.booking)
        written = [row.number] if row else []
        written += finding.booking.phones if finding else []
        numbers = [number for number in map(self.services.phones.e164, written) if number]
        bodies = [row.body] if row else []
        if finding and numbers:
            with suppress(Unwritable):
                bodies.append(self.services.message_writer.write(finding.booking, numbers[0]).body)
        return numbers, bodies

    def _is_part(self, intent: Intent, value: str) -> bool:
        """Whether the intent's subject contains this number or body."""
        return digest(self.scope.installation, value) in intent.subject.split(SUBJECT_PARTS)


def lost_rows(tx: Transaction, booking: BookingId) -> Mapping[str, str]:
    """Our rows that say that a text may have left, and whose intent the ledger does not know: intent and number."""
    rows = tx.text_records.own_records_in_doubt(booking)
    known = tx.intents.known(rows.keys())
    return {intent: number for intent, number in rows.items() if intent not in known}
