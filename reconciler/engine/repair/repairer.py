"""What a pass needs to know about one effect, and the recheck that both effects share."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from reconciler.domain.bookings import Booking, BookingId
from reconciler.domain.decide.breaker import Presence
from reconciler.domain.decide.plan import ApprovedRepair, Decision, hold_changed
from reconciler.domain.decide.policies import Limits, Policy
from reconciler.domain.decide.removals import KnownEvent, Removal, RemovalPlan
from reconciler.domain.decide.sms_settlement import Settlement
from reconciler.domain.decide.verdicts import Check, Hold, VerdictStatus
from reconciler.domain.gaps import Cause, Effect, GapKind, IntegrationFault
from reconciler.domain.intents import Intent
from reconciler.domain.place import Caution
from reconciler.engine.repair.results import AttemptResult, AttemptStatus, RemovalResult
from reconciler.ports import Lock, Transaction

LONG_AGO = datetime(1900, 1, 1, tzinfo=UTC)
"""Earlier than the creation of any booking. A booking with an intent is checked whatever its age."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Values that stay fixed for a whole pass."""

    since: datetime
    installation: str
    """'' before the first ``migrate``, when there are no intents whose digests could be compared."""
    caution: Caution | None = None
    """Whether, and for which bookings, the ledger may have forgotten a text."""
    review_before: datetime | None = None
    """A refusal by a code of the provider that is older is looked at again; ``None``: none is."""
    approved: Mapping[BookingId, ApprovedRepair] | None = None
    """The repairs of a backfill's plan, and no others; ``None``: there is no plan."""

    @property
    def has_ledger(self) -> bool:
        return bool(self.installation)


class Repairer(Protocol):
    """One effect: how its gaps are judged and how one of them is repaired."""

    kind: GapKind
    effect: Effect
    integration: GapKind

    @property
    def policy(self) -> Policy: ...

    @property
    def limits(self) -> Limits: ...

    def final_triggers(self, booking: Booking) -> Collection[str] | None:
        """Triggers (``None``: all) whose *done* is permanent for what the booking calls for now.

        Whatever the application's tables say.
        """
        ...

    def decide(
        self,
        tx: Transaction,
        scope: Scope,
        broken: Sequence[Booking],
        intents: Mapping[BookingId, Intent],
        now: datetime,
    ) -> list[Decision]:
        """Return a verdict for each booking whose rule is broken."""
        ...

    def checks(
        self, tx: Transaction, scope: Scope, booking: Booking, last: Intent | None, now: datetime
    ) -> Iterator[Check]:
        """Return everything that could block this booking's repair, in the order that ``decide`` uses."""
        ...

    def check(self) -> IntegrationFault | None:
        """Return what would break every repair.

        Raises:
            ProviderFailure: the provider could not be queried.
        """
        ...

    @property
    def settle_after(self) -> timedelta:
        """How long to wait before the provider is queried for an unknown outcome."""
        ...

    may_arrive_late: bool
    """Whether a lost call may still take effect after the provider has answered that it had no effect."""

    def outcome_finder(self, scope: Scope) -> Callable[[Intent], Settlement]:
        """Return a function that queries the provider for an unknown outcome. It reuses what it learns between calls.

        Raises (the function):
            ProviderFailure: the provider could not be queried.
        """
        ...

    def presence_finder(self, scope: Scope) -> Callable[[Decision], Presence]:
        """Return a function that asks the provider whether the effect of a held repair exists.

        It answers *undecided* unless the provider's lists are seen to be true. It reuses what it learns between calls.

        Raises (both):
            ProviderFailure: the provider could not be asked.
        """
        ...

    def complete(self, done: Intent, scope: Scope) -> None:
        """After the effect was found: update the application's tables and close the gap."""
        ...

    def report_second_effects(self, tx: Transaction, now: datetime) -> None:
        """Report what exists twice by what the application's tables show by now."""
        ...

    def cancel_in_application(self, tx: Transaction, intent: Intent, scope: Scope, reason: str) -> None:
        """Record in the application's tables that the effect is absent and not needed any more."""
        ...

    def plan_removals(
        self, tx: Transaction, scope: Scope, now: datetime, max_removals: int | None
    ) -> RemovalPlan | None:
        """Return which effects no booking needs; ``None``: such an effect cannot be removed."""
        ...

    def remove(self, removal: Removal) -> RemovalResult:
        """Execute one planned removal, unless its reason does not hold any more.

        Raises:
            ProviderFailure: the provider could not be queried.
        """
        ...

    def ask_start(self, event: KnownEvent) -> bool:
        """Note where the provider shows an effect whose start the ledger does not know.

        Returns whether the provider could be asked now; it may have asked for a pause.

        Raises:
            ProviderFailure: the provider could not be queried.
        """
        ...

    def record_in_application(self, intent: Intent, scope: Scope) -> None:
        """Write an existing effect to the application's tables, which do not show it yet."""
        ...

    def repair(self, intent: Intent, scope: Scope) -> AttemptResult:
        """Repair one claimed intent, to its end.

        Raises:
            DatabaseUnreachable, DatabaseDisagrees: nothing was lost; the ledger records how far the repair got.
        """
        ...


def latest_intents(tx: Transaction, repairer: Repairer, bookings: Collection[Booking]) -> Mapping[BookingId, Intent]:
    """The intent that decides for each of these bookings."""
    alike: dict[frozenset[str] | None, list[BookingId]] = {}
    for booking in bookings:
        final = repairer.final_triggers(booking)
        alike.setdefault(None if final is None else frozenset(final), []).append(booking.id)
    latest: dict[BookingId, Intent] = {}
    for triggers, some in alike.items():
        latest.update(tx.intents.latest(repairer.effect, some, triggers))
    return latest


def as_approved(decisions: list[Decision], scope: Scope) -> list[Decision]:
    """The decisions. Under a backfill's plan, each repair is held that is not as it was approved."""
    return decisions if scope.approved is None else hold_changed(decisions, scope.approved, scope.installation)


def recheck(
    repairer: Repairer, tx: Transaction, intent: Intent, scope: Scope, now: datetime
) -> Decision | AttemptResult:
    """Lock the booking and judge it again on fresh data. Return the decision to act, or this attempt's result."""
    lock = tx.bookings.lock(intent.booking, repairer.effect)
    if lock is Lock.BUSY:
        return _hold(tx, intent, "busy", now)
    finding = tx.bookings.findings(repairer.kind, now, LONG_AGO, [intent.booking]).get(intent.booking)
    if finding is None:
        return _drop_satisfied(repairer, tx, intent, "gone", now)
    if not finding.in_scope:  # its gap stays open for whoever looks after it
        return _hold(tx, intent, "other_scope", now)
    if lock is Lock.GONE:
        # SELECT sees the row and FOR UPDATE does not: row-level security hides it. The booking was not deleted.
        return _hold(tx, intent, "locked_out", now)
    if finding.failed:
        return _drop_satisfied(repairer, tx, intent, finding.failed, now)
    last = latest_intents(tx, repairer, [finding.booking])
    (decision,) = as_approved(repairer.decide(tx, scope, [finding.booking], last, now), scope)
    verdict = decision.verdict
    match verdict.status:
        case VerdictStatus.REPAIRABLE if decision.trigger == intent.trigger:
            return decision
        case VerdictStatus.REPAIRABLE:
            tx.intents.drop(intent, "superseded", now)
            return AttemptResult(status=AttemptStatus.DROPPED, reason="superseded")
        case VerdictStatus.NEEDS_HUMAN:
            tx.intents.drop(intent, verdict.reason, now)
            tx.gaps.record(repairer.kind, intent.booking, verdict.cause or Cause.UNUSABLE_DATA, verdict.reason, now)
            return AttemptResult(status=AttemptStatus.REFUSED, reason=verdict.reason)
        case VerdictStatus.HELD:
            return _hold(tx, intent, verdict.reason, now)
        case _:
            return _drop_satisfied(repairer, tx, intent, verdict.reason, now)


def _hold(tx: Transaction, intent: Intent, reason: str, now: datetime) -> AttemptResult:
    if reason == Hold.CHANGED:
        # Left planned, the next pass would repair it: nobody has approved what it is now.
        tx.intents.drop(intent, reason, now)
        return AttemptResult(status=AttemptStatus.DROPPED, reason=reason)
    tx.intents.release(intent, reason, now)
    return AttemptResult(status=AttemptStatus.HELD, reason=reason)


def _drop_satisfied(repairer: Repairer, tx: Transaction, intent: Intent, reason: str, now: datetime) -> AttemptResult:
    """Drop the intent and close the gap: nothing is missing for this booking any more."""
    tx.intents.drop(intent, reason, now)
    tx.gaps.close(repairer.kind, intent.booking, reason, now)
    return AttemptResult(status=AttemptStatus.DROPPED, reason=reason)
