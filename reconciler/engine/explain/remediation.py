"""The changes that would alter a booking's verdict: for each reason, the deciding values and the required values."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.domain.alerting import public_codes
from reconciler.domain.bookings import MOST_AHEAD, Booking
from reconciler.domain.decide.ledger_checks import LEDGER
from reconciler.domain.decide.policies import DeletedByHand, Policy
from reconciler.domain.decide.sms import SHORTEST_VALIDITY, certainly_not_sent, has_stop
from reconciler.domain.decide.verdicts import Check, Hold, Refusal
from reconciler.domain.explain.remediation import Constraint, Location, RequiredChange, Value
from reconciler.domain.gaps import Effect
from reconciler.domain.intents import Intent, State
from reconciler.engine.repair.recipients import recipient_of, refusing_customers, texted_at
from reconciler.engine.repair.repairer import Repairer, Scope
from reconciler.ports import Services, Transaction, Unwritable

SUSPENDED_BY = {Effect.SMS: "SUSPEND_ALL_SMS", Effect.CALENDAR: "SUSPEND_ALL_EVENTS"}
TICK = timedelta(microseconds=1)
"""The smallest step between two times, in PostgreSQL and in Python."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemediationFinder:
    """Finds the changes that would make one booking repairable."""

    tx: Transaction
    services: Services
    repairer: Repairer
    scope: Scope
    booking: Booking
    last: Intent | None
    now: datetime

    def of(self, check: Check) -> Sequence[RequiredChange]:
        """The changes required by the check that decided; empty if no change would alter its result."""
        if check.name == LEDGER:
            return self._of_ledger(check, self.last) if self.last else ()
        if check.name == Hold.INTEGRATION:
            return [RequiredChange(place=Location.INTEGRATION, name=check.seen, wanted=Constraint.WELL)]
        by_name: Mapping[str, Callable[[], Sequence[RequiredChange]]] = {
            Refusal.NO_DATE: self._no_date,
            Refusal.ENDS_BEFORE_START: self._ends_before_start,
            Refusal.REFERENCE: self._reference,
            Refusal.OPTED_OUT: self._opted_out,
            Refusal.NUMBER_KIND: self._phone_unusable,
            Refusal.PHONE_UNUSABLE: self._phone_unusable,
            Refusal.COUNTRY: self._country,
            Refusal.MAY_HAVE_LEFT: self._may_have_left,
            Refusal.OLD: self._old,
            Refusal.TOO_SOON: self._too_soon,
            Refusal.LAPSED: self._lapsed,
            Refusal.TEXT_UNWRITABLE: self._unwritable,
            Refusal.TOO_LONG: self._too_long,
            Refusal.GIVEN_UP: self._begun_too_often,
            Hold.QUIET_HOURS: self._quiet_hours,
            Hold.PER_RECIPIENT: self._per_recipient,
            Hold.POLICY: self._policy,
            Hold.SUSPENDED: self._suspended,
        }
        return by_name[check.name]() if check.name in by_name else ()

    @property
    def _rule(self) -> str:
        return f"rules.{self.repairer.kind}"

    def _no_date(self) -> Sequence[RequiredChange]:
        return [_own("date", Constraint.AFTER, self.now), _own("start_time", Constraint.FILLED)]

    def _ends_before_start(self) -> Sequence[RequiredChange]:
        return [_own("end_time", Constraint.AFTER, self.booking.starts_at)]

    def _reference(self) -> Sequence[RequiredChange]:
        empty = self.booking.code is not None and self.booking.code.fault == public_codes.EMPTY
        return [_own("reference", Constraint.FILLED if empty else Constraint.OTHER)]

    def _opted_out(self) -> Sequence[RequiredChange]:
        numbers = [number] if (number := self._number()) else []
        refusing = refusing_customers(self.tx, self.services, numbers)
        consent = self.tx.bookings.consent_changes(self.booking.id, frozenset().union(*refusing.values()))
        rows = [failure.row for failure in self.booking.app_failures if has_stop(failure)]
        return [*consent, *([_rows("status", ("cancelled",), rows)] if rows else [])]

    def _phone_unusable(self) -> Sequence[RequiredChange]:
        return self.tx.bookings.number_changes(self.booking.id, Constraint.USABLE)

    def _country(self) -> Sequence[RequiredChange]:
        number = self._number()
        country = self.services.phones.country(number) if number else ""
        if not country:
            return self._phone_unusable()
        return [_key(f"{self._rule}.countries", Constraint.INCLUDING, country)]

    def _may_have_left(self) -> Sequence[RequiredChange]:
        known = self.services.sms_policy.nothing_left_if
        unclear = [failure.row for failure in self.booking.app_failures if not certainly_not_sent(failure, known)]
        return [_rows("status", ("cancelled", "sent"), unclear)]

    def _old(self) -> Sequence[RequiredChange]:
        if self.booking.due_at > self.now + MOST_AHEAD:
            return [_own("created_at", Constraint.AT_MOST, self.now)]
        needed = self.now + SHORTEST_VALIDITY - self.booking.due_at
        return [_key(f"{self._rule}.stale_after", Constraint.AT_LEAST, needed)]

    def _too_soon(self) -> Sequence[RequiredChange]:
        if self.booking.starts_at is None:
            return ()
        possible = self.booking.starts_at - self.now - SHORTEST_VALIDITY
        if possible < timedelta(0):
            return [_own("date", Constraint.AFTER, self.now + SHORTEST_VALIDITY + self.services.sms_policy.min_notice)]
        return [_key(f"{self._rule}.min_notice", Constraint.AT_MOST, possible)]

    def _lapsed(self) -> Sequence[RequiredChange]:
        occasion = self.services.sms_policy.occasions.get(self.booking.status)
        if occasion is None or occasion.not_after is None:
            return ()
        return [_own(occasion.not_after, Constraint.AFTER, self.now + SHORTEST_VALIDITY)]

    def _too_long(self) -> Sequence[RequiredChange]:
        draft = self.services.message_writer.write(self.booking, self._number() or "")
        return [_key("limits.segments", Constraint.AT_LEAST, draft.segments)]

    def _unwritable(self) -> Sequence[RequiredChange]:
        try:
            self.services.message_writer.write(self.booking, self._number() or "")
        except Unwritable as why:
            return [_own(name, Constraint.FILLED) for name in why.lacks]
        return ()

    def _quiet_hours(self) -> Sequence[RequiredChange]:
        quiet = self.services.sms_policy.quiet_hours
        return [_from(f"{self._rule}.quiet_hours", quiet.next_end(self.now))] if quiet else ()

    def _per_recipient(self) -> Sequence[RequiredChange]:
        """The time from which enough of the texts to the number are older than the limit's period."""
        limit, number = self.services.sms_policy.per_recipient, self._number()
        numbers = [number] if number else []
        sent = texted_at(self.tx, self.services, self.scope, numbers, self.now - limit.period).get(number or "", [])
        if not 0 < limit.count <= len(sent):
            return ()
        return [_from("limits.per_recipient", sent[-limit.count] + limit.period + TICK)]

    def _begun_too_often(self) -> Sequence[RequiredChange]:
        return [_key("limits.generations", Constraint.AT_LEAST, self.last.generation + 1)] if self.last else ()

    def _policy(self) -> Sequence[RequiredChange]:
        words = {"repairs": self.services.repairs, f"{self._rule}.policy": self.repairer.policy}
        wanted = (Policy.REPAIR.value,)
        return [_key(name, Constraint.ONE_OF, wanted) for name, word in words.items() if word is not Policy.REPAIR]

    def _suspended(self) -> Sequence[RequiredChange]:
        return [
            RequiredChange(place=Location.ENVIRONMENT, name=SUSPENDED_BY[self.repairer.effect], wanted=Constraint.EMPTY)
        ]

    def _of_ledger(self, check: Check, last: Intent) -> Sequence[RequiredChange]:
        reason = check.verdict.reason if check.verdict else ""
        match last.state:
            case State.UNKNOWN | State.NEEDS_HUMAN:
                return [_intent(last, Constraint.RESOLVED)]
            case State.SENDING:
                return [_intent(last, Constraint.ENDED)]
            case State.PLANNED:
                return [_from("limits.backoff", last.not_before)]
            case State.DONE if reason == Refusal.TAKEN_BACK and last.provider_id:
                return [_rows("status", ("approved",), [last.provider_id])]
            case State.REFUSED if reason == Refusal.DELETED_BY_HAND:
                restore = (DeletedByHand.RESTORE.value,)
                return [_key(f"rules.{self.repairer.kind}.deleted_by_hand", Constraint.ONE_OF, restore)]
            case State.REFUSED if self.repairer.effect is Effect.SMS:
                return self.tx.bookings.number_changes(self.booking.id, Constraint.OTHER)
            case State.REFUSED:
                return [_own("date", Constraint.OTHER)]
            case _:
                return []  # a person dropped the repair, and that decision is final

    def _number(self) -> str | None:
        return recipient_of(self.services, self.booking)


def _own(name: str, wanted: Constraint, value: Value = None) -> RequiredChange:
    return RequiredChange(place=Location.BOOKING, name=name, wanted=wanted, value=value)


def _rows(name: str, values: tuple[str, ...], rows: Iterable[str]) -> RequiredChange:
    return RequiredChange(place=Location.QUEUE, name=name, wanted=Constraint.ONE_OF, value=values, rows=tuple(rows))


def _key(name: str, wanted: Constraint, value: Value) -> RequiredChange:
    return RequiredChange(place=Location.SETTINGS, name=name, wanted=wanted, value=value)


def _from(name: str, moment: datetime | None) -> RequiredChange:
    return RequiredChange(place=Location.CLOCK, name=name, wanted=Constraint.FROM, value=moment)


def _intent(intent: Intent, wanted: Constraint) -> RequiredChange:
    return RequiredChange(place=Location.LEDGER, name="state", wanted=wanted, rows=(intent.id,))
