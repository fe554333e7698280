"""Explains the verdict on a booking. It shows the conditions and checks of a pass, and the values that decided."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from reconciler.domain.alerting.booking_names import is_digest, public_reference
from reconciler.domain.bookings import Booking, BookingId
from reconciler.domain.decide.verdicts import (
    Check,
    Condition,
    Finding,
    Hold,
    Verdict,
    VerdictStatus,
    check,
    failed_condition,
    first_blocking,
)
from reconciler.domain.explain.queued_text import QueuedText
from reconciler.domain.explain.remediation import RequiredChange
from reconciler.domain.gaps import Cause, Effect, Gap, GapKind, IntegrationFault
from reconciler.domain.intents import Intent
from reconciler.domain.rules.rule import Rule
from reconciler.engine.explain.blind import UnknownRule, unknown_rules
from reconciler.engine.explain.remediation import RemediationFinder
from reconciler.engine.reconcile.job_run import gap_subject
from reconciler.engine.reconcile.planning import (
    access_faults,
    may_repair,
    newly_due,
    pass_checks,
    recorded_by,
    review_before,
    unfinished_intents,
)
from reconciler.engine.reconcile.scan import scope_of, window_of
from reconciler.engine.repair.repairer import LONG_AGO, Repairer, Scope, latest_intents
from reconciler.engine.repair.repairers import repairer_of, rules_in_force
from reconciler.errors import SQLSTATE, DatabaseDisagrees
from reconciler.ports import Services, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleExplanation:
    """The verdict of one rule on the booking in the next pass, and every condition and check behind it."""

    kind: GapKind
    effect: Effect | None
    """The effect that a repair creates. ``None``: the rule only reports."""
    job: str
    booking: Booking
    verdict: Verdict
    conditions: Mapping[Condition, bool]
    checks: Sequence[Check]
    """The checks for refusals and holds. Empty if a condition decides, or if the rule only reports."""
    required_changes: Sequence[RequiredChange]
    """The changes that would change the verdict. Empty if nothing is in the way, or if no change would help."""
    in_scan_window: bool
    """Whether every pass scans the booking. If not, it is older than ``scan_window``: a full scan reaches it."""
    gap: Gap | None
    """The open gap in our ledger, as of the last pass."""
    held_alike: int = 0
    """How many open gaps of the rule are held for the same reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    booking: Booking
    rules: Sequence[RuleExplanation]
    unknown: Sequence[UnknownRule]
    """The rules of which nothing can be said."""
    texts: Sequence[QueuedText]
    history: Sequence[Intent]
    covered: Mapping[GapKind, str | None]
    """How coverage counts the booking: under each rule the reason why it does not apply, or ``None``."""


def bookings_with_prefix(prefix: str, most: int, services: Services) -> Sequence[BookingId]:
    """Our bookings whose id begins with ``prefix``, at most ``most`` of them.

    The digest by which an alert calls a booking finds the one among those with a gap.

    Raises:
        DatabaseDisagrees: no rule can be judged. Hidden rows would look like bookings that do not exist.
    """
    try:
        with services.store.reading() as tx:
            if is_digest(prefix):
                installation = tx.ledger.installation().id
                named = (one for one in tx.gaps.named() if public_reference(one, installation) == prefix)
                return list(islice(named, most))
            found = tx.bookings.beginning_with(prefix, most)
    except DatabaseDisagrees:
        _require_known_rule(services)
        raise
    if not found:
        _require_known_rule(services)
    return found


def _require_known_rule(services: Services) -> None:
    with services.store.reading() as tx:
        unknown_rules(tx, rules_in_force(services), services)


def explain(booking: BookingId, services: Services) -> Explanation | None:
    """Everything about one booking, from one consistent snapshot; ``None`` if it is gone or not ours.

    No provider is queried. The next pass queries them, and may find more.
    """
    ((_, explained),) = explain_each([booking], services)
    return explained


def explain_each(bookings: Iterable[BookingId], services: Services) -> Iterator[tuple[BookingId, Explanation | None]]:
    """The explanation of each booking, from one snapshot for all. ``None``: the booking is gone or not ours."""
    now = services.clock.now()
    with services.store.reading() as tx:
        on = rules_in_force(services)
        unknown = unknown_rules(tx, on, services)
        blind = {rule.kind for rule in unknown}
        rules = [_RuleInPass.of(tx, rule, services, now) for rule in on if rule.kind not in blind]
        has_ledger = tx.ledger.exists()
        for booking in bookings:
            explained = [one for one in (rule.explained(booking) for rule in rules) if one]
            history = tx.intents.history(booking) if has_ledger else ()
            texts = () if any(rule.effect is not Effect.CALENDAR for rule in unknown) else tx.texts.queued(booking)
            yield booking, _together(explained, unknown, texts, history, _covered(tx, explained, now))


def _together(
    rules: Sequence[RuleExplanation],
    unknown: Sequence[UnknownRule],
    texts: Sequence[QueuedText],
    history: Sequence[Intent],
    covered: Mapping[GapKind, str | None],
) -> Explanation | None:
    if not rules:
        return None
    return Explanation(
        booking=rules[0].booking, rules=rules, unknown=unknown, texts=texts, history=history, covered=covered
    )


def _covered(tx: Transaction, rules: Sequence[RuleExplanation], now: datetime) -> Mapping[GapKind, str | None]:
    kinds = [rule.kind for rule in rules]
    outs = tx.coverage.of_booking(kinds, now, rules[0].booking.id) if rules else None
    return {} if outs is None else {kind: dict(outs).get(kind) for kind in kinds}


@dataclass(frozen=True, slots=True, kw_only=True)
class _RuleInPass:
    """A rule as the next pass of its job evaluates it. Facts about the whole pass are read once."""

    tx: Transaction
    services: Services
    now: datetime
    rule: Rule
    repairer: Repairer | None
    """``None`` for a rule that only reports."""
    scope: Scope
    window: datetime
    newly_due: Collection[BookingId]
    gaps: Mapping[BookingId, Gap]
    begun: Collection[BookingId]
    known: Collection[BookingId]
    faults: Sequence[IntegrationFault]

    @classmethod
    def of(cls, tx: Transaction, rule: Rule, services: Services, now: datetime) -> "_RuleInPass":
        repairer = repairer_of(rule.effect, services) if rule.effect else None
        scope, full = scope_of(tx, rule.job, services, now, [rule.kind])
        if repairer:
            scope = replace(scope, review_before=review_before(tx, repairer, services, now))
        has_ledger = tx.ledger.exists()
        gaps = tx.gaps.open(rule.kind) if has_ledger else ()
        begun = unfinished_intents(tx, repairer) if has_ledger and repairer else ()
        return cls(
            tx=tx,
            services=services,
            now=now,
            rule=rule,
            repairer=repairer,
            scope=scope,
            window=window_of(scope, services, now, full=full),
            newly_due=newly_due(tx, rule.kind, services, now) if has_ledger else (),
            gaps={BookingId(gap.about): gap for gap in gaps},
            begun={intent.booking for intent in begun},
            known=recorded_by(gaps, begun).bookings,
            faults=_faults(tx, repairer, services) if repairer else (),
        )

    def explained(self, booking: BookingId) -> RuleExplanation | None:
        """``None`` for a booking that is gone or not ours."""
        # A pass finishes an intent that was begun, however old its booking is. So no booking is too old here.
        since = LONG_AGO if booking in self.begun else self.scope.since
        finding = self.tx.bookings.findings(self.rule.kind, self.now, since, [booking], self.window).get(booking)
        if finding is None or not finding.in_scope:
            return None
        verdict, checks, found = self._judged(finding, since)
        return RuleExplanation(
            kind=self.rule.kind,
            effect=self.rule.effect,
            job=self.rule.job,
            booking=finding.booking,
            verdict=verdict,
            conditions=self.tx.bookings.conditions(self.rule.kind, self.now, since, booking),
            checks=checks,
            required_changes=found,
            in_scan_window=finding.in_window or booking in self.known or booking in self.newly_due,
            gap=self.gaps.get(booking),
            held_alike=sum(gap.reason == verdict.reason for gap in self.gaps.values()),
        )

    def _judged(self, finding: Finding, since: datetime) -> tuple[Verdict, Sequence[Check], Sequence[RequiredChange]]:
        """The verdict that a pass would give, the checks of the booking and of the pass, and the required changes."""
        if finding.failed:
            verdict = failed_condition(finding.failed)
            is_fine = verdict.status is VerdictStatus.OK
            return verdict, (), () if is_fine else self._of_condition(finding.booking, finding.failed, since)
        if self.repairer is None:
            required_changes = self._of_condition(finding.booking, self.rule.conditions[-1], since)
            return self.rule.verdict, (), required_changes
        return self._weighed(self.repairer, finding.booking)

    def _of_condition(self, booking: Booking, condition: Condition, since: datetime) -> Sequence[RequiredChange]:
        return self.tx.bookings.required_changes(self.rule.kind, condition, self.now, since, booking.id)

    def _weighed(
        self, repairer: Repairer, booking: Booking
    ) -> tuple[Verdict, Sequence[Check], Sequence[RequiredChange]]:
        tx, now, last = self.tx, self.now, None
        if tx.ledger.exists():
            last = latest_intents(tx, repairer, [booking]).get(booking.id)
        of_the_pass = list(pass_checks(repairer, self.services, self.faults))
        is_locked = tx.ledger.exists() and tx.repair_locks.is_locked(repairer.effect)
        if is_locked:
            of_the_pass.append(check(Hold.LOCKED, "by a text found at the provider", applies=True, cause=Cause.BREAKER))
        checks = [*repairer.checks(tx, self.scope, booking, last, now), *of_the_pass]
        (decision,) = repairer.decide(tx, self.scope, [booking], {booking.id: last} if last else {}, now)
        verdict = decision.verdict
        if verdict.status is VerdictStatus.REPAIRABLE:
            verdict = first_blocking(of_the_pass, verdict.cause or Cause.BLOCKED)
        deciding = next((check for check in checks if check.verdict), None)
        known = RemediationFinder(
            tx=tx,
            services=self.services,
            repairer=repairer,
            scope=self.scope,
            booking=booking,
            last=last,
            now=now,
        )
        return verdict, checks, known.of(deciding) if deciding else ()


def _faults(tx: Transaction, repairer: Repairer, services: Services) -> Sequence[IntegrationFault]:
    """The faults that a scan detects now, and the recorded faults that a scan cannot detect.

    The next pass checks the recorded ones again. A read-only role cannot detect every fault, so it takes the others
    from the ledger.
    """
    has_ledger = tx.ledger.exists()
    no_access = access_faults(repairer, services)
    ours = has_ledger and tx.ledger.is_ours_to_write()
    seen = list(tx.bookings.effect_faults(repairer.effect, writing=ours and may_repair(repairer, services)))
    seen += no_access
    if not has_ledger:
        return seen
    about = gap_subject(repairer, services)
    known = [
        gap
        for kind in (GapKind.INTEGRATION_SCHEMA, repairer.integration, GapKind.INTEGRATION_SCHEDULER)
        for gap in tx.gaps.open(kind)
        if gap.about == about and not (ours and _is_seen_again(gap))
    ]
    return seen + [IntegrationFault(kind=gap.kind, code=gap.reason, seen="", remedy="") for gap in known]


def _is_seen_again(gap: Gap) -> bool:
    """Whether a scan finds the fault again in the database's catalog. It does not find the faults of trial writes."""
    return gap.kind == GapKind.INTEGRATION_SCHEMA and not gap.reason.startswith(SQLSTATE)
