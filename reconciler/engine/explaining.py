"""Why one booking stands where it stands: the scan's own conditions and checks, with the values that decided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.domain.bookings import Booking, BookingId
from reconciler.domain.evidence import QueuedText
from reconciler.domain.gaps import Cause, Effect, Gap, GapKind, IntegrationFault
from reconciler.domain.intents import Intent
from reconciler.domain.policies import Policy
from reconciler.domain.verdicts import (
    REPORTED,
    Check,
    Condition,
    Standing,
    Verdict,
    failed_condition,
    first_in_the_way,
    refused,
)
from reconciler.engine.events import Events
from reconciler.engine.integration import subject_of
from reconciler.engine.looking import scope_of
from reconciler.engine.mender import LONG_AGO, Mender, Scope
from reconciler.engine.survey import may_repair, pass_checks
from reconciler.engine.texts import Texts
from reconciler.ports import Services, Transaction

REPAIRED_BY = {GapKind.SMS_MISSING: "missing_sms", GapKind.CALENDAR_MISSING: "missing_events"}
EFFECTS = {GapKind.SMS_MISSING: Effect.TEXT, GapKind.CALENDAR_MISSING: Effect.EVENT}
WATCHED_BY = "sms_delivery"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleExplained:
    """One rule: the verdict of the next pass, and everything it asks on the way there."""

    kind: GapKind
    job: str
    booking: Booking
    verdict: Verdict
    conditions: Mapping[Condition, bool]
    checks: Sequence[Check]
    """Refusals and holds; empty where a condition decides, or the rule only reports."""
    gap: Gap | None
    """As our ledger has it since the last pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    booking: Booking
    rules: Sequence[RuleExplained]
    texts: Sequence[QueuedText]
    history: Sequence[Intent]


def beginning_with(prefix: str, most: int, services: Services) -> Sequence[BookingId]:
    """Bookings of ours whose id begins so, at most so many."""
    with services.store.reading() as tx:
        return tx.bookings.beginning_with(prefix, most)


def explain(booking: BookingId, services: Services) -> Explained | None:
    """Everything about one booking, from one consistent view; ``None`` if it is gone or none of ours.

    Nothing is asked of a provider: the next pass does, and may find more.
    """
    now = services.clock.now()
    with services.store.reading() as tx:
        looked = [_rule(tx, kind, booking, services, now) for kind in _rules(services)]
        rules = [rule for rule in looked if rule]
        if not rules:
            return None
        return Explained(
            booking=rules[0].booking,
            rules=rules,
            texts=tx.bookings.queued(booking),
            history=tx.ledger.history(booking) if tx.ledger.exists() else (),
        )


def _rules(services: Services) -> list[GapKind]:
    off = {
        GapKind.SMS_MISSING: services.texts.policy is Policy.OFF,
        GapKind.CALENDAR_MISSING: services.events.policy is Policy.OFF,
        **{kind: kind not in services.watched for kind in REPORTED},
    }
    return [kind for kind in (*REPAIRED_BY, *REPORTED) if not off[kind]]


def _rule(
    tx: Transaction, kind: GapKind, booking: BookingId, services: Services, now: datetime
) -> RuleExplained | None:
    job = REPAIRED_BY.get(kind, WATCHED_BY)
    scope, _ = scope_of(tx, job, services, now)
    gap = tx.ledger.open_gap(kind, booking) if tx.ledger.exists() else None
    # As in a pass: what was begun is brought to its end, however old its booking is.
    since = LONG_AGO if _stands(tx, kind, booking) else scope.since
    finding = tx.bookings.findings(kind, now, since, [booking]).get(booking)
    if finding is None:
        return None
    held = tx.bookings.conditions(kind, now, since, booking)
    checks: list[Check] = []
    if finding.failed:
        verdict = failed_condition(finding.failed)
    elif kind in REPORTED:
        verdict = refused(REPORTED[kind])
    else:
        mender: Mender = Texts(services) if kind is GapKind.SMS_MISSING else Events(services)
        verdict, checks = _judged(tx, mender, finding.booking, scope, services, now)
    return RuleExplained(
        kind=kind,
        job=job,
        booking=finding.booking,
        verdict=verdict,
        conditions=held,
        checks=checks,
        gap=gap,
    )


def _stands(tx: Transaction, kind: GapKind, booking: BookingId) -> bool:
    effect = EFFECTS.get(kind)
    return (
        effect is not None
        and tx.ledger.exists()
        and any(one.effect is effect and not one.state.is_final for one in tx.ledger.history(booking))
    )


def _judged(
    tx: Transaction, mender: Mender, booking: Booking, scope: Scope, services: Services, now: datetime
) -> tuple[Verdict, list[Check]]:
    """The verdict as a pass would give it, and all that it asks of the booking and of itself."""
    last: Mapping[BookingId, Intent] = {}
    faults = list(tx.bookings.faults(mender.effect, writing=may_repair(mender, services)))
    if tx.ledger.exists():
        last = tx.ledger.last_intents(mender.effect, [booking.id], mender.final_triggers)
        faults += _known_faults(tx, mender, services)
    checks = [*mender.checks(tx, scope, booking, last.get(booking.id), now), *pass_checks(mender, services, faults)]
    (decision,) = mender.decide(tx, scope, [booking], last, now)
    verdict = decision.verdict
    if verdict.standing is Standing.REPAIR:
        verdict = first_in_the_way(pass_checks(mender, services, faults), verdict.cause or Cause.BLOCKED)
    return verdict, checks


def _known_faults(tx: Transaction, mender: Mender, services: Services) -> list[IntegrationFault]:
    """What the last pass found broken at the provider: the next one asks again."""
    about = subject_of(mender, services)
    return [
        IntegrationFault(kind=mender.integration, code=gap.reason, seen="", remedy="")
        for gap in tx.ledger.open_gaps(mender.integration)
        if gap.about == about
    ]
