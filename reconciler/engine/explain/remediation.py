"""What would change a booking's verdict: for each reason the values that decided, and what they would have to be."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.domain.bookings import Booking
from reconciler.domain.decide.ledger_checks import LEDGER
from reconciler.domain.decide.policies import DeletedByHand, Policy
from reconciler.domain.decide.sms import SHORTEST_VALIDITY, nothing_left, stopped
from reconciler.domain.decide.verdicts import Check, Hold, Refusal
from reconciler.domain.explain.remediation import Lever, Place, Value, Wanted
from reconciler.domain.gaps import Effect
from reconciler.domain.intents import Intent, State
from reconciler.engine.repair.repairer import Mender
from reconciler.ports import Services, Transaction, Unwritable

SUSPENDED_BY = {Effect.TEXT: "SUSPEND_ALL_SMS", Effect.EVENT: "SUSPEND_ALL_EVENTS"}
TICK = timedelta(microseconds=1)
"""PostgreSQL's, and Python's: between a moment and the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Levers:
    """What stands in the way of one booking's repair."""

    tx: Transaction
    services: Services
    mender: Mender
    booking: Booking
    last: Intent | None
    now: datetime

    def of(self, check: Check) -> Sequence[Lever]:
        """The levers of the check that decided; none where nothing would change what it says."""
        if check.name == LEDGER:
            return self._of_ledger(check, self.last) if self.last else ()
        if check.name == Hold.INTEGRATION:
            return [Lever(place=Place.INTEGRATION, name=check.seen, wanted=Wanted.WELL)]
        by_name: Mapping[str, Callable[[], Sequence[Lever]]] = {
            Refusal.NO_DATE: self._no_date,
            Refusal.ENDS_BEFORE_START: self._ends_before_start,
            Refusal.OPTED_OUT: self._opted_out,
            Refusal.PHONE_UNUSABLE: self._phone_unusable,
            Refusal.MAY_HAVE_LEFT: self._may_have_left,
            Refusal.OLD: self._old,
            Refusal.TOO_SOON: self._too_soon,
            Refusal.TEXT_UNWRITABLE: self._unwritable,
            Refusal.GIVEN_UP: self._begun_too_often,
            Hold.QUIET_HOURS: self._quiet_hours,
            Hold.PER_RECIPIENT: self._per_recipient,
            Hold.POLICY: self._policy,
            Hold.SUSPENDED: self._suspended,
        }
        return by_name[check.name]() if check.name in by_name else ()

    @property
    def _rule(self) -> str:
        return f"rules.{self.mender.kind}"

    def _no_date(self) -> Sequence[Lever]:
        return [_own("date", Wanted.AFTER, self.now), _own("start_time", Wanted.FILLED)]

    def _ends_before_start(self) -> Sequence[Lever]:
        return [_own("end_time", Wanted.AFTER, self.booking.starts_at)]

    def _opted_out(self) -> Sequence[Lever]:
        consent = self.tx.bookings.consent_levers(self.booking.id, self._significant())
        rows = [failure.row for failure in self.booking.app_failures if stopped(failure)]
        return [*consent, *([_rows("status", ("cancelled",), rows)] if rows else [])]

    def _phone_unusable(self) -> Sequence[Lever]:
        return self.tx.bookings.number_levers(self.booking.id, Wanted.USABLE)

    def _may_have_left(self) -> Sequence[Lever]:
        unclear = [failure.row for failure in self.booking.app_failures if not nothing_left(failure)]
        return [_rows("status", ("cancelled", "sent"), unclear)]

    def _old(self) -> Sequence[Lever]:
        needed = self.now + SHORTEST_VALIDITY - self.booking.created_at
        return [_key(f"{self._rule}.stale_after", Wanted.AT_LEAST, needed)]

    def _too_soon(self) -> Sequence[Lever]:
        if self.booking.starts_at is None:
            return ()
        possible = self.booking.starts_at - self.now - SHORTEST_VALIDITY
        if possible < timedelta(0):
            return [_own("date", Wanted.AFTER, self.now + SHORTEST_VALIDITY + self.services.texts.min_notice)]
        return [_key(f"{self._rule}.min_notice", Wanted.AT_MOST, possible)]

    def _unwritable(self) -> Sequence[Lever]:
        try:
            self.services.wording.write(self.booking, self._number() or "")
        except Unwritable as why:
            return [_own(name, Wanted.FILLED) for name in why.lacks]
        return ()

    def _quiet_hours(self) -> Sequence[Lever]:
        quiet = self.services.texts.quiet_hours
        return [_from(f"{self._rule}.quiet_hours", quiet.next_end(self.now))] if quiet else ()

    def _per_recipient(self) -> Sequence[Lever]:
        """When enough of the texts to the number are older than the limit's period."""
        limit, number = self.services.texts.per_recipient, self._number()
        spellings = self.services.phones.spellings(number) if number else ()
        sent = self.tx.bookings.texted_at(spellings, self.now - limit.period)
        if not 0 < limit.count <= len(sent):
            return ()
        return [_from("limits.per_recipient", sent[-limit.count] + limit.period + TICK)]

    def _begun_too_often(self) -> Sequence[Lever]:
        return [_key("limits.generations", Wanted.AT_LEAST, self.last.generation + 1)] if self.last else ()

    def _policy(self) -> Sequence[Lever]:
        words = {"repairs": self.services.repairs, f"{self._rule}.policy": self.mender.policy}
        wanted = (Policy.REPAIR.value,)
        return [_key(name, Wanted.ONE_OF, wanted) for name, word in words.items() if word is not Policy.REPAIR]

    def _suspended(self) -> Sequence[Lever]:
        return [Lever(place=Place.ENVIRONMENT, name=SUSPENDED_BY[self.mender.effect], wanted=Wanted.EMPTY)]

    def _of_ledger(self, check: Check, last: Intent) -> Sequence[Lever]:
        reason = check.verdict.reason if check.verdict else ""
        match last.state:
            case State.UNKNOWN | State.NEEDS_HUMAN:
                return [_intent(last, Wanted.RESOLVED)]
            case State.SENDING:
                return [_intent(last, Wanted.ENDED)]
            case State.PLANNED:
                return [_from("limits.backoff", last.not_before)]
            case State.DONE if reason == Refusal.TAKEN_BACK and last.provider_id:
                return [_rows("status", ("approved",), [last.provider_id])]
            case State.REFUSED if reason == Refusal.DELETED_BY_HAND:
                restore = (DeletedByHand.RESTORE.value,)
                return [_key(f"rules.{self.mender.kind}.deleted_by_hand", Wanted.ONE_OF, restore)]
            case State.REFUSED if self.mender.effect is Effect.TEXT:
                return self.tx.bookings.number_levers(self.booking.id, Wanted.OTHER)
            case State.REFUSED:
                return [_own("date", Wanted.OTHER)]
            case _:
                return []  # a person dropped it: their word stands

    def _number(self) -> str | None:
        return self.services.phones.e164(self.booking.phones[0]) if self.booking.phones else None

    def _significant(self) -> str:
        number = self._number()
        return self.services.phones.significant(number) if number else ""


def _own(name: str, wanted: Wanted, value: Value = None) -> Lever:
    return Lever(place=Place.BOOKING, name=name, wanted=wanted, value=value)


def _rows(name: str, values: tuple[str, ...], rows: Iterable[str]) -> Lever:
    return Lever(place=Place.QUEUE, name=name, wanted=Wanted.ONE_OF, value=values, rows=tuple(rows))


def _key(name: str, wanted: Wanted, value: Value) -> Lever:
    return Lever(place=Place.SETTINGS, name=name, wanted=wanted, value=value)


def _from(name: str, moment: datetime | None) -> Lever:
    return Lever(place=Place.CLOCK, name=name, wanted=Wanted.FROM, value=moment)


def _intent(intent: Intent, wanted: Wanted) -> Lever:
    return Lever(place=Place.LEDGER, name="state", wanted=wanted, rows=(intent.id,))
