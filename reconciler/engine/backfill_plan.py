"""A backfill that does exactly what a person has seen: the repairs of its plan, and which of them still hold."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice

from reconciler.domain.alerting.booking_names import exact_name
from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.plan import ApprovedRepair, BookingRange, Decision, approved, changes
from reconciler.domain.decide.verdicts import BY_APPROVAL, LABELS, Condition, Finding, VerdictStatus
from reconciler.domain.gaps import Effect
from reconciler.engine.backfill import plan_backfill
from reconciler.engine.reconcile.results import PassResult
from reconciler.engine.repair.repairer import LONG_AGO
from reconciler.engine.repair.repairers import repairer_of
from reconciler.ports import Services

GONE = "no longer there, or its gap is closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remaining:
    """What is left of the plan of one effect."""

    seen: PassResult
    """What a look at the plan's bookings found."""
    repairs: Mapping[BookingId, ApprovedRepair]
    """What is still missing, and still as it was approved."""
    in_place: int
    """How many of the plan's texts or events are there by now."""
    skipped: Mapping[str, str]
    """The booking's name in the plan, and why: it has changed, has no gap any more, or only a human can repair it."""
    changed: bool
    """Whether a gap is skipped because nobody has approved what it is now."""


def is_possible(decision: Decision) -> bool:
    """Whether a run can repair it. A repair that only the breaker holds counts: --max releases it."""
    return decision.verdict.status is VerdictStatus.REPAIRABLE or decision.verdict.reason in BY_APPROVAL


def repairs_of(decisions: Iterable[Decision], installation: str, limit: int | None) -> dict[str, ApprovedRepair]:
    """The repairs that a run would make, the oldest booking first, by the names of their bookings."""
    possible = (decision for decision in decisions if is_possible(decision))
    return {exact_name(one.booking.id, installation): approved(one, installation) for one in islice(possible, limit)}


def remaining(effect: Effect, plan: Mapping[str, ApprovedRepair], services: Services) -> Remaining:
    """Compare the plan with the bookings as they are now. ``services`` have the plan's range."""
    with services.store.reading() as tx:
        installation = tx.ledger.installation().id
    seen = plan_backfill(effect, services)
    decisions = {exact_name(decision.booking.id, installation): decision for decision in seen.decisions}
    repairs: dict[BookingId, ApprovedRepair] = {}
    skipped: dict[str, str] = {}
    has_changed = False
    for name, repair in plan.items():
        if name not in decisions:
            continue
        decision = decisions[name]
        changed = changes(repair, decision, installation)
        if decision.verdict.status is VerdictStatus.NEEDS_HUMAN:
            skipped[name] = LABELS[decision.verdict.reason]
        elif changed:
            skipped[name] = f"changed since: {', '.join(changed)}"
        has_changed = has_changed or bool(changed)
        if not changed:
            repairs[decision.booking.id] = repair
    absent = plan.keys() - decisions.keys()
    over = dict(_over(effect, absent, services)) if seen.plan else {}
    in_place = sum(end is None for end in over.values())
    skipped |= {name: end for name, end in over.items() if end is not None}
    ordered = {name: skipped[name] for name in plan if name in skipped}
    return Remaining(seen=seen, repairs=repairs, in_place=in_place, skipped=ordered, changed=has_changed)


def approved_services(services: Services, repairs: Mapping[BookingId, ApprovedRepair]) -> Services:
    """The services of a backfill of these repairs, and no others."""
    only = BookingRange(since=LONG_AGO, bookings=frozenset(repairs), approved=repairs)
    return replace(services, booking_range=only)


def _over(effect: Effect, names: Collection[str], services: Services) -> Iterator[tuple[str, str | None]]:
    """Why these bookings have no gap any more; ``None`` if the text or the event is there."""
    kind, now = repairer_of(effect, services).kind, services.clock.now()
    ids = [BookingId(name) for name in names]  # a digest is no id, and finds nothing
    with services.store.reading() as tx:
        findings = tx.bookings.findings(kind, now, LONG_AGO, ids)
    for name, booking in zip(names, ids, strict=True):
        yield name, _end(findings.get(booking))


def _end(finding: Finding | None) -> str | None:
    if finding is None:
        return GONE
    if finding.failed is None:
        return "outside the plan's range by now"
    return None if finding.failed in (Condition.NO_TEXT, Condition.NO_EVENT) else LABELS[finding.failed]
