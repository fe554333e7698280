"""Rules that cannot be judged, because the tables cannot be read as the mapping needs. Their verdict is *unknown*."""

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.domain.gaps import Effect, GapKind, IntegrationFault
from reconciler.domain.rules.rule import Rule
from reconciler.engine.reconcile.planning import may_repair
from reconciler.engine.repair.repairers import repairer_of
from reconciler.errors import DatabaseDisagrees
from reconciler.ports import Services, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownRule:
    """A rule that a pass could not scan now."""

    kind: GapKind
    effect: Effect | None
    fault: IntegrationFault
    """The first fault in the way."""


def unknown_rules(tx: Transaction, rules: Sequence[Rule], services: Services) -> Sequence[UnknownRule]:
    """Those of the rules that a pass could not scan now.

    Raises:
        DatabaseDisagrees: it is all of them, so nothing can be said of any booking.
    """
    found = [(rule, next((fault for fault in _faults(tx, rule, services) if fault.blinds), None)) for rule in rules]
    unknown = [UnknownRule(kind=rule.kind, effect=rule.effect, fault=fault) for rule, fault in found if fault]
    if unknown and len(unknown) == len(rules):
        fault = unknown[0].fault
        raise DatabaseDisagrees(f"what is missing is unknown: {fault.seen}", fault.remedy, code=fault.code)
    return unknown


def _faults(tx: Transaction, rule: Rule, services: Services) -> Sequence[IntegrationFault]:
    """As in a pass: whoever may write the ledger also needs the columns that are only written."""
    if rule.effect is None:
        return tx.bookings.read_faults(rule.kind)
    ours = tx.ledger.exists() and tx.ledger.is_ours_to_write()
    return tx.bookings.effect_faults(
        rule.effect, writing=ours and may_repair(repairer_of(rule.effect, services), services)
    )
