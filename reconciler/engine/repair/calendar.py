"""Events as a pass meets them: judged, asked for by their ids, and taken away where nobody has a use for them."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from reconciler.domain.bookings import Booking, BookingId
from reconciler.domain.decide import calendar_event
from reconciler.domain.decide.calendar_decision_table import Step, Whose, observed, step
from reconciler.domain.decide.ledger_checks import generation_check
from reconciler.domain.decide.plan import Decision
from reconciler.domain.decide.policies import Limits, Policy
from reconciler.domain.decide.sms_settlement import Settlement, SettlementStatus
from reconciler.domain.decide.verdicts import Check, first_blocking
from reconciler.domain.gaps import Cause, Effect, GapKind, IntegrationFault
from reconciler.domain.intents import EVENT_TRIGGER, Intent, State
from reconciler.engine.repair.calendar_create import TOMBSTONE, EventCreation, is_ours
from reconciler.engine.repair.calendar_write_back import WriteBack
from reconciler.engine.repair.repairer import Scope
from reconciler.engine.repair.results import AttemptResult
from reconciler.ports import Calendar, ProviderFailure, RepairServices, StoredEvent, Transaction

PROBES = 5
"""So many event ids stored most recently are asked for; if the calendar knows none of them, it is the wrong one."""


@dataclass(frozen=True, slots=True)
class CalendarRepairer:
    services: RepairServices
    kind = GapKind.CALENDAR_MISSING
    effect = Effect.CALENDAR
    integration = GapKind.INTEGRATION_GOOGLE
    may_arrive_late = True

    @property
    def policy(self) -> Policy:
        return self.services.calendar_policy.policy

    @property
    def limits(self) -> Limits:
        return self.services.calendar_limits

    def decide(
        self,
        tx: Transaction,
        scope: Scope,
        broken: Sequence[Booking],
        intents: Mapping[BookingId, Intent],
        now: datetime,
    ) -> list[Decision]:
        return [self._decision(booking, intents.get(booking.id), now) for booking in broken]

    def checks(
        self, tx: Transaction, scope: Scope, booking: Booking, last: Intent | None, now: datetime
    ) -> Iterator[Check]:
        return self._checks(booking, last, now)

    def _checks(self, booking: Booking, last: Intent | None, now: datetime) -> Iterator[Check]:
        yield from calendar_event.event_checks(booking, last, self.services.calendar_policy, now)
        yield generation_check(last, self.limits.generations)

    def _decision(self, booking: Booking, last: Intent | None, now: datetime) -> Decision:
        return Decision(
            booking=booking,
            verdict=first_blocking(self._checks(booking, last, now), Cause.NEVER_CREATED),
            trigger=EVENT_TRIGGER,
            subject=calendar_event.subject(booking, self.services.calendar_policy),
            is_new=last is None or last.state.is_final,
        )

    def check(self) -> IntegrationFault | None:
        return self._calendar().check() or self.elsewhere()

    def elsewhere(self) -> IntegrationFault | None:
        """Whether the ids that the bookings store are another calendar's.

        Raises:
            ProviderFailure: the provider could not be asked.
        """
        with self.services.store.reading() as tx:
            known = tx.bookings.recent_event_ids(PROBES)
        if not known or any(self._calendar().get(event_id) for event_id in known):
            return None
        return IntegrationFault(
            kind=self.integration,
            code="wrong_calendar",
            seen=f"none of the {len(known)} event ids stored last is in the calendar of GOOGLE_CALENDAR_ID",
            remedy="set GOOGLE_CALENDAR_ID to the calendar the application writes to",
        )

    @property
    def final_triggers(self) -> Collection[str] | None:
        """None of them: an event that was made may vanish, and is made again."""
        return ()

    @property
    def settle_after(self) -> timedelta:
        """Not at all: the answer about an id is certain, and trying again collides with what arrives late."""
        return timedelta(0)

    def asker(self, scope: Scope) -> Callable[[Intent], Settlement]:
        return lambda intent: self._ask(intent, scope)

    def _ask(self, intent: Intent, scope: Scope) -> Settlement:
        event_id = calendar_event.event_id(scope.installation, intent.booking, intent.generation)
        found = self._calendar().get(event_id)
        match step(observed(found), Whose.ASKED):
            case Step.DONE:
                return Settlement(found=SettlementStatus.FOUND, code="found", provider_id=event_id)
            case Step.NEXT_GENERATION:
                return Settlement(found=SettlementStatus.TAKEN_BACK, code=TOMBSTONE)
            case _:
                return Settlement(found=SettlementStatus.ABSENT, code="absent")

    def conclude(self, done: Intent, scope: Scope) -> None:
        """If it cannot be looked at now, the next pass finds it by the ledger."""
        with suppress(ProviderFailure):
            self._put_right(done)

    def withdraw(self, tx: Transaction, intent: Intent, scope: Scope, reason: str) -> None:
        """Nothing: the booking names no event of ours yet."""

    def orphans(self, tx: Transaction, scope: Scope, since: datetime) -> Sequence[Intent]:
        """Also what was dropped after a call that seemed to have had no effect: it may have come late."""
        made = [intent for intent in tx.intents.done_since(self.effect, since) if is_ours(intent, scope)]
        late = [intent for intent in tx.intents.may_have_come(self.effect, since) if intent.code != TOMBSTONE]
        made += [_under_its_id(intent, scope) for intent in late]
        stored = tx.bookings.stored_events([intent.booking for intent in made])
        return [intent for intent in made if _is_orphan(intent, stored.get(intent.booking))]

    def remove_orphan(self, orphan: Intent, scope: Scope) -> None:
        self._put_right(orphan)

    def _put_right(self, made: Intent) -> None:
        """Look at an event of ours, and write its id back or remove it."""
        assert made.provider_id is not None
        found = self._calendar().get(made.provider_id)
        if found and step(observed(found), Whose.UNWANTED) is Step.REMOVE:
            WriteBack(self.services, self._calendar(), self.kind).run(made, found.starts_at)
            return
        now = self.services.clock.now()
        with self.services.store.writing() as tx:
            if found is None and made.state is State.DROPPED:
                tx.intents.never_came(made, self.limits.settle, now)
            else:
                tx.intents.undone(made, TOMBSTONE, now)

    def finish(self, intent: Intent, scope: Scope) -> None:
        """Nothing: an event that the booking does not name is a gap, and mended as one."""

    def repair(self, intent: Intent, scope: Scope) -> AttemptResult:
        return EventCreation(self, self.services, self._calendar(), scope, intent).run()

    def _calendar(self) -> Calendar:
        if self.services.calendar is None:
            raise RuntimeError("a pass that may not write asked for the calendar")
        return self.services.calendar


def _under_its_id(intent: Intent, scope: Scope) -> Intent:
    return replace(intent, provider_id=calendar_event.event_id(scope.installation, intent.booking, intent.generation))


def _is_orphan(intent: Intent, stored: StoredEvent | None) -> bool:
    """An eligible booking that stores nothing is a gap, and mended as one."""
    if stored is None or not stored.eligible:
        return stored is None or stored.event_id != intent.provider_id
    return stored.event_id not in (None, intent.provider_id)
