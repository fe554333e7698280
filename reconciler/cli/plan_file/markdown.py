"""A plan for people who approve it: Markdown, as an issue or a pull request shows it."""

from collections.abc import Iterable, Iterator
from zoneinfo import ZoneInfo

from reconciler.cli.backfill_output import about_minutes
from reconciler.cli.output import NOUN, counted
from reconciler.cli.plan_file.document import EffectPlan, PlanDocument
from reconciler.domain.decide.plan import ApprovedRepair
from reconciler.domain.formatting import sanitize
from reconciler.domain.gaps import Effect

LONGEST = 100
"""Characters of an id or a status. Whoever makes them may put anything into them."""


def markdown(document: PlanDocument, zone: ZoneInfo) -> str:
    """The plan with one row per repair; times are the venue's."""
    made = f"{document.made_at.astimezone(zone):%Y-%m-%d %H:%M} {zone.key}"
    lines = [f"# Backfill plan, {made}", "", f"Bookings {_range(document, zone)}.", ""]
    for effect, plan in document.effects.items():
        lines += [*_effect(effect, plan, zone), ""]
    return "\n".join(lines)


def _range(document: PlanDocument, zone: ZoneInfo) -> str:
    said = ["that are still ahead"] if document.ahead else []
    said += [f"made since {document.since.astimezone(zone):%Y-%m-%d}"] if document.since else []
    said += [f"made before {document.until.astimezone(zone):%Y-%m-%d}"] if document.until else []
    return ", ".join(said) or "of any age"


def _effect(effect: Effect, plan: EffectPlan, zone: ZoneInfo) -> Iterator[str]:
    yield f"## {NOUN[effect].capitalize()}: {cost(effect, plan)}"
    yield ""
    for reason, number in plan.left_out.items():
        yield f"- not repaired: {number} {reason}"
    if plan.left_out:
        yield ""
    if plan.repairs:
        segments = effect is Effect.SMS
        yield from _table(plan.repairs.items(), zone, segments=segments)


def _table(repairs: Iterable[tuple[str, ApprovedRepair]], zone: ZoneInfo, *, segments: bool) -> Iterator[str]:
    titles = ["booking", "status", "start", *(["text", "segments"] if segments else [])]
    yield f"| {' | '.join(titles)} |"
    yield f"|{'---|' * len(titles)}"
    for name, repair in repairs:
        start = f"{repair.starts_at.astimezone(zone):%Y-%m-%d %H:%M}" if repair.starts_at else ""
        text = [_code(repair.trigger), str(repair.segments)] if segments else []
        yield f"| {' | '.join([_code(name), _code(repair.status), start, *text])} |"


def cost(effect: Effect, plan: EffectPlan) -> str:
    """How much it is, and how long it takes: ``12 texts to 10 people (14 segments), about 1 min``."""
    said = counted(len(plan.repairs), effect.noun)
    if effect is Effect.SMS and plan.repairs:
        people = "1 person" if plan.people == 1 else f"{plan.people} people"
        said += f" to {people} ({counted(plan.segments, 'segment')})"
    return f"{said}, {about_minutes(plan.takes)}" if plan.takes else said


def _code(value: str) -> str:
    """A value of the application's: it makes no link, no mention and no cell of its own."""
    plain = sanitize(value, LONGEST).replace("`", "'").replace("|", "\\|")
    return f"`{plain}`" if plain.strip() else ""
