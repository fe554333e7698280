"""The repairer for events: judges missing ones, finds them by id, and removes those that no booking needs."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.domain.bookings import Booking, BookingId
from reconciler.domain.decide import calendar_event
from reconciler.domain.decide.breaker import Presence
from reconciler.domain.decide.calendar_decision_table import Seen, Step, Whose, observed, step
from reconciler.domain.decide.identity import Known, identify, identity_checks
from reconciler.domain.decide.ledger_checks import generation_check, is_new_repair
from reconciler.domain.decide.plan import Decision
from reconciler.domain.decide.policies import Limits, Policy
from reconciler.domain.decide.removals import KnownEvent, Removal, RemovalPlan
from reconciler.domain.decide.sms_settlement import Settlement, SettlementStatus
from reconciler.domain.decide.verdicts import Check, VerdictStatus, first_blocking
from reconciler.domain.gaps import Effect, GapKind, IntegrationFault
from reconciler.domain.intents import EVENT_TRIGGER, Intent
from reconciler.engine.repair.calendar import removal as calendar_removal
from reconciler.engine.repair.calendar.create import EventCreation, find_adoptable
from reconciler.engine.repair.calendar.removal import TOMBSTONE, EventRemoval
from reconciler.engine.repair.calendar.write_back import WriteBack
from reconciler.engine.repair.recipients import recipient_digest, recipient_of
from reconciler.engine.repair.repairer import Scope
from reconciler.engine.repair.results import AttemptResult, RemovalResult
from reconciler.ports import Calendar, ProviderFailure, RepairServices, Transaction

PROBES = 5
"""How many recently stored event ids are looked up. If the calendar knows none of them, it is the wrong calendar."""


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
        return [self._decision(booking, intents.get(booking.id), scope, now) for booking in broken]

    def checks(
        self, tx: Transaction, scope: Scope, booking: Booking, last: Intent | None, now: datetime
    ) -> Iterator[Check]:
        return self._checks(booking, self._known(booking, last, scope), now, scope)

    def _known(self, booking: Booking, last: Intent | None, scope: Scope) -> Known:
        return identify(booking, last, lambda: self._recipient(booking, scope))

    def _recipient(self, booking: Booking, scope: Scope) -> str:
        return recipient_digest(scope, recipient_of(self.services, booking))

    def _checks(self, booking: Booking, known: Known, now: datetime, scope: Scope) -> Iterator[Check]:
        policy = self.services.calendar_policy
        yield from identity_checks(known)
        yield from calendar_event.event_checks(booking, known.last, policy, now, scope.review_before)
        yield generation_check(known.last, self.limits.generations, scope.review_before)

    def _decision(self, booking: Booking, last: Intent | None, scope: Scope, now: datetime) -> Decision:
        known = self._known(booking, last, scope)
        cause = calendar_event.event_cause(known.last, scope.review_before)
        verdict = first_blocking(self._checks(booking, known, now, scope), cause)
        return Decision(
            booking=booking,
            incarnation=known.incarnation,
            # Only an intent keeps it, and parsing a number takes longer than all checks.
            recipient=self._recipient(booking, scope) if verdict.status is VerdictStatus.REPAIRABLE else "",
            verdict=verdict,
            trigger=EVENT_TRIGGER,
            subject=calendar_event.subject(booking, self.services.calendar_policy),
            is_new=is_new_repair(known.last, scope.review_before),
        )

    def check(self) -> IntegrationFault | None:
        no_access = self.services.access_faults.get(self.effect)
        return no_access or self._calendar().check() or self.wrong_calendar_fault()

    def wrong_calendar_fault(self) -> IntegrationFault | None:
        """Return the fault if the event ids that the bookings store belong to another calendar.

        Raises:
            ProviderFailure: the provider could not be queried.
        """
        with self.services.store.reading() as tx:
            known = tx.events.recent_event_ids(PROBES)
        if not known or any(self._calendar().get(event_id) for event_id in known):
            return None
        return IntegrationFault(
            kind=self.integration,
            code="wrong_calendar",
            seen=f"none of the {len(known)} event ids stored last is in the calendar of GOOGLE_CALENDAR_ID",
            remedy="set GOOGLE_CALENDAR_ID to the calendar the application writes to",
        )

    def final_triggers(self, booking: Booking) -> Collection[str] | None:
        """No trigger: a created event may vanish and is then created again."""
        return ()

    @property
    def settle_after(self) -> timedelta:
        """No wait: the answer about an id is certain, and a new attempt collides with an event that arrives late."""
        return timedelta(0)

    def outcome_finder(self, scope: Scope) -> Callable[[Intent], Settlement]:
        return lambda intent: self._find_outcome(intent, scope)

    def _find_outcome(self, intent: Intent, scope: Scope) -> Settlement:
        event_id = calendar_event.event_id(scope.installation, intent.key, intent.generation)
        found = self._calendar().get(event_id)
        match step(observed(found), Whose.ASKED):
            case Step.DONE:
                return Settlement(found=SettlementStatus.FOUND, code="found", provider_id=event_id)
            case Step.NEXT_GENERATION:
                return Settlement(found=SettlementStatus.TAKEN_BACK, code=TOMBSTONE)
            case _:
                return Settlement(found=SettlementStatus.ABSENT, code="absent")

    def presence_finder(self, scope: Scope) -> Callable[[Decision], Presence]:
        controlled = self._is_controlled()
        return lambda decision: self._presence(decision.booking) if controlled else Presence.UNDECIDED

    def _presence(self, booking: Booking) -> Presence:
        """An event under our own id needs no search: an insert collides with it. One to take over is not doubled."""
        if booking.starts_at is None:
            return Presence.UNDECIDED
        seen, _ = find_adoptable(self.services, self._calendar(), booking)
        repairs = seen is Seen.NOTHING or step(seen, Whose.CANDIDATE) is Step.ADOPT
        return Presence.ABSENT if repairs else Presence.UNDECIDED

    def _is_controlled(self) -> bool:
        """Whether the calendar's list shows an event that is known to be there."""
        with self.services.store.reading() as tx:
            known = tx.events.recent_event_ids(PROBES)
        for event_id in known:
            found = self._calendar().get(event_id)
            if found and found.starts_at and observed(found) is Seen.LIVE:
                around = self._calendar().around(found.starts_at, calendar_event.ADOPTION_WINDOW)
                return any(event.id == event_id for event in around)
        return False

    def complete(self, done: Intent, scope: Scope) -> None:
        """Write the event's id back. If Google fails now, the next pass finds the event in the ledger."""
        with suppress(ProviderFailure):
            self._write_back(done)

    def cancel_in_application(self, tx: Transaction, intent: Intent, scope: Scope, reason: str) -> None:
        """Do nothing: the booking does not name our event yet."""

    def report_second_effects(self, tx: Transaction, now: datetime) -> None:
        """Do nothing: a second event is found where the event is looked for."""

    def plan_removals(
        self, tx: Transaction, scope: Scope, now: datetime, max_removals: int | None
    ) -> RemovalPlan | None:
        return calendar_removal.read_removal_plan(
            tx, self, scope, lambda booking: self._recipient(booking, scope), now, max_removals
        )

    def remove(self, removal: Removal) -> RemovalResult:
        return EventRemoval(self, self.services, self._calendar(), removal).run()

    def ask_start(self, event: KnownEvent) -> bool:
        return calendar_removal.ask_start(self.services, self._calendar(), self.limits, event)

    def _write_back(self, made: Intent) -> None:
        """Read one of our events, then write its id back if the booking needs it."""
        assert made.provider_id is not None
        found = self._calendar().get(made.provider_id)
        if found and observed(found) is Seen.LIVE:
            WriteBack(self.services, self._calendar(), self.kind).run(made, found.starts_at)
            return
        with self.services.store.writing() as tx:
            tx.intents.mark_effect_gone(made, TOMBSTONE, self.services.clock.now())

    def record_in_application(self, intent: Intent, scope: Scope) -> None:
        """Do nothing: an event that the booking does not name is a gap and is repaired as one."""

    def repair(self, intent: Intent, scope: Scope) -> AttemptResult:
        return EventCreation(self, self.services, self._calendar(), scope, intent).run()

    def _calendar(self) -> Calendar:
        if self.services.calendar is None:
            raise RuntimeError("a pass that may not write needs the calendar")
        return self.services.calendar
