"""The plan of what a look found, and the range of the bookings that a plan is about."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from importlib.metadata import version

from reconciler.cli.backfill_output import BackfillPrinter
from reconciler.cli.plan_file.checked import here
from reconciler.cli.plan_file.document import EffectPlan, PlanDocument
from reconciler.domain.alerting.booking_names import is_digest
from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.plan import BookingRange
from reconciler.domain.gaps import Effect
from reconciler.engine.backfill_plan import is_possible, repairs_of
from reconciler.engine.reconcile.results import PassResult
from reconciler.engine.repair.repairer import LONG_AGO
from reconciler.errors import ConfigurationError


def document_of(
    planned: Mapping[Effect, PassResult], span: BookingRange, printer: BackfillPrinter, now: datetime
) -> PlanDocument:
    """What a run would repair now, at most ``printer.limit`` of each effect.

    Raises:
        ConfigurationError: there is no ledger yet, or an effect could not be looked at.
    """
    services = printer.services
    effects: dict[Effect, EffectPlan] = {}
    bound = here(printer.settings, services)
    with services.store.reading() as tx:
        installation = tx.ledger.installation().id
    for effect, seen in planned.items():
        if seen.faults:
            what = f"{effect}: {seen.faults[0].seen}"
            raise ConfigurationError([f"no plan: {what}"], seen.faults[0].remedy)
        if seen.plan:
            effects[effect] = _effect_plan(effect, seen, seen.plan.past, installation, printer)
    return PlanDocument(
        made_at=now,
        made_by=version("reconciler"),
        since=None if span.since == LONG_AGO else span.since,
        until=span.until,
        ahead=span.ahead,
        stale_after=services.sms_policy.stale_after,
        effects=effects,
        **bound,
    )


def range_of(document: PlanDocument) -> BookingRange:
    """The bookings of the plan. An id that is personal data stands there as a digest: then the whole range is read."""
    names = [name for plan in document.effects.values() for name in plan.repairs]
    since = document.since if document.since or document.ahead else LONG_AGO
    if any(map(is_digest, names)):
        return BookingRange(since=since, until=document.until, ahead=document.ahead)
    return BookingRange(since=LONG_AGO, bookings=frozenset(map(BookingId, names)))


def _effect_plan(
    effect: Effect, seen: PassResult, past: int, installation: str, printer: BackfillPrinter
) -> EffectPlan:
    repairs = repairs_of(seen.decisions, installation, printer.limit)
    left_out = printer.left_out(one for one in seen.decisions if not is_possible(one))
    beyond = sum(map(is_possible, seen.decisions)) - len(repairs)
    return EffectPlan(
        repairs=repairs,
        left_out={
            **({"past": past} if past else {}),
            **left_out,
            **({f"beyond --limit {printer.limit}": beyond} if beyond else {}),
        },
        takes=printer.takes(effect, len(repairs)) or timedelta(0),
    )
