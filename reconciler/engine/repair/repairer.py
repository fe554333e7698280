"""What a pass needs to know about one effect, and what both effects do alike."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from reconciler.domain.bookings import Booking, BookingId
from reconciler.domain.decide.plan import Decision
from reconciler.domain.decide.policies import Limits, Policy
from reconciler.domain.decide.sms_settlement import Settlement
from reconciler.domain.decide.verdicts import Check, VerdictStatus
from reconciler.domain.gaps import Cause, Effect, GapKind, IntegrationFault
from reconciler.domain.intents import Intent, State
from reconciler.engine.repair.results import AttemptResult, AttemptStatus
from reconciler.ports import Lock, Transaction

LONG_AGO = datetime(1900, 1, 1, tzinfo=UTC)
"""As far back as any booking is known to have been made: an intent that stands is looked at whatever its age."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What holds for a whole pass."""

    since: datetime
    installation: str
    """'' before the first ``migrate``: there are no intents then that a digest could be compared with."""


class Repairer(Protocol):
    """One effect: how its gaps are judged, and how one of them is mended."""

    kind: GapKind
    effect: Effect
    integration: GapKind

    @property
    def policy(self) -> Policy: ...

    @property
    def limits(self) -> Limits: ...

    @property
    def final_triggers(self) -> Collection[str] | None:
        """Triggers (``None``: all) whose *done* ends the matter, whatever the application's tables say."""
        ...

    def decide(
        self,
        tx: Transaction,
        scope: Scope,
        broken: Sequence[Booking],
        intents: Mapping[BookingId, Intent],
        now: datetime,
    ) -> list[Decision]:
        """A verdict for each booking whose rule is broken."""
        ...

    def checks(
        self, tx: Transaction, scope: Scope, booking: Booking, last: Intent | None, now: datetime
    ) -> Iterator[Check]:
        """Everything that could stand in the way of this booking's repair, in the order in which ``decide`` asks."""
        ...

    def check(self) -> IntegrationFault | None:
        """What would break every repair.

        Raises:
            ProviderFailure: the provider could not be asked.
        """
        ...

    @property
    def settle_after(self) -> timedelta:
        """How long an unknown outcome is left alone before the provider is asked for it."""
        ...

    may_arrive_late: bool
    """Whether a call that has vanished may still have its effect after the provider said that it has none."""

    def asker(self, scope: Scope) -> Callable[[Intent], Settlement]:
        """Asks the provider what became of an intent of unknown outcome; what it has learnt serves the next ones.

        Raises (the asker):
            ProviderFailure: the provider could not be asked.
        """
        ...

    def conclude(self, done: Intent, scope: Scope) -> None:
        """The effect was found: bring the application's tables up to date, and close the gap."""
        ...

    def withdraw(self, tx: Transaction, intent: Intent, scope: Scope, reason: str) -> None:
        """The effect is not there and not wanted any more: the application's tables say so too."""
        ...

    def orphans(self, tx: Transaction, scope: Scope, since: datetime) -> Sequence[Intent]:
        """Intents *done* since then whose effect the booking has no use for."""
        ...

    def remove_orphan(self, orphan: Intent, scope: Scope) -> None:
        """Put one of them right.

        Raises:
            ProviderFailure: the provider could not be asked.
        """
        ...

    def finish(self, intent: Intent, scope: Scope) -> None:
        """The effect is there, and the application's tables do not say so: say it again."""
        ...

    def repair(self, intent: Intent, scope: Scope) -> AttemptResult:
        """Repair one claimed intent, to its end.

        Raises:
            DatabaseUnreachable, DatabaseDisagrees: nothing was lost; the ledger says how far it came.
        """
        ...


def recheck(
    repairer: Repairer, tx: Transaction, intent: Intent, scope: Scope, now: datetime
) -> Decision | AttemptResult:
    """Lock the booking, then judge it again on fresh data: the decision to act, or the end of this attempt."""
    lock = tx.bookings.lock(intent.booking)
    if lock is Lock.BUSY:
        return _not_now(tx, intent, "busy", now)
    finding = tx.bookings.findings(repairer.kind, now, LONG_AGO, [intent.booking]).get(intent.booking)
    if finding is None:
        return _no_more(repairer, tx, intent, "gone", now)
    if lock is Lock.GONE:
        # It is there, and FOR UPDATE does not see it: policies hide it, which is never "deleted".
        return _not_now(tx, intent, "locked_out", now)
    if finding.failed:
        return _no_more(repairer, tx, intent, finding.failed, now)
    last = tx.intents.latest(intent.effect, [intent.booking], repairer.final_triggers)
    (decision,) = repairer.decide(tx, scope, [finding.booking], last, now)
    verdict = decision.verdict
    match verdict.standing:
        case VerdictStatus.REPAIRABLE if decision.trigger == intent.trigger:
            return decision
        case VerdictStatus.REPAIRABLE:
            tx.intents.move(intent, State.DROPPED, code="superseded", now=now)
            return AttemptResult(status=AttemptStatus.DROPPED, reason="superseded")
        case VerdictStatus.NEEDS_HUMAN:
            tx.intents.move(intent, State.DROPPED, code=verdict.reason, now=now)
            tx.gaps.record(repairer.kind, intent.booking, verdict.cause or Cause.UNUSABLE_DATA, verdict.reason, now)
            return AttemptResult(status=AttemptStatus.REFUSED, reason=verdict.reason)
        case VerdictStatus.HELD:
            return _not_now(tx, intent, verdict.reason, now)
        case _:
            return _no_more(repairer, tx, intent, verdict.reason, now)


def _not_now(tx: Transaction, intent: Intent, reason: str, now: datetime) -> AttemptResult:
    tx.intents.release(intent, reason, now)
    return AttemptResult(status=AttemptStatus.HELD, reason=reason)


def _no_more(repairer: Repairer, tx: Transaction, intent: Intent, reason: str, now: datetime) -> AttemptResult:
    """Nothing is missing any more: the statement about this booking that closes its gap."""
    tx.intents.move(intent, State.DROPPED, code=reason, now=now)
    tx.gaps.close(repairer.kind, intent.booking, reason, now)
    return AttemptResult(status=AttemptStatus.DROPPED, reason=reason)
