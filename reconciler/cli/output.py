"""Shows results on a terminal: one table, and below it the reasons, the faults and the next steps."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from reconciler.cli.together_output import aggregate_lines
from reconciler.domain.alerting.alerts import continue_command
from reconciler.domain.bookings import BookingId, reference
from reconciler.domain.decide.plan import BreakerTrip
from reconciler.domain.decide.removals import REASON_LABELS, RemovalReason
from reconciler.domain.decide.verdicts import LABELS, Hold, VerdictStatus
from reconciler.domain.formatting import sanitize
from reconciler.domain.gaps import Effect, GapKind, IntegrationFault
from reconciler.engine.reconcile.results import PassResult
from reconciler.engine.repair.results import AttemptStatus, RemovalStatus
from reconciler.engine.retention import REMOVABLE
from reconciler.ports import Services

if TYPE_CHECKING:
    from rich.console import Console

NARROWEST = 100
"""The width in columns to which lines are folded. The table itself fits 80."""
NOUN = {Effect.SMS: "texts", Effect.CALENDAR: "events"}
REPAIRED = {
    AttemptStatus.SENT: "sent",
    AttemptStatus.HANDED_OVER: "handed over (the application sends them)",
    AttemptStatus.CREATED: "created",
    AttemptStatus.ADOPTED: "adopted (already there, id was lost)",
    AttemptStatus.WRITTEN_BACK: "written back (ours, id was lost)",
}


_NO_GAP = (VerdictStatus.OK, VerdictStatus.NOT_APPLICABLE)
_GAP = (VerdictStatus.REPAIRABLE, VerdictStatus.HELD, VerdictStatus.NEEDS_HUMAN)
UNKNOWN = "unknown"
"""Instead of a number that nobody could count."""
SHOWN_AS = {
    VerdictStatus.OK: "ok",
    VerdictStatus.NOT_APPLICABLE: "n/a",
    VerdictStatus.REPAIRABLE: "repairable",
    VerdictStatus.HELD: "held",
    VerdictStatus.NEEDS_HUMAN: "needs human",
}
"""The titles of the table's columns."""
LINE_OF = SHOWN_AS | {VerdictStatus.NEEDS_HUMAN: "need a human"}
"""The words in the lines below the table, where the subject is plural."""


def console(*, stderr: bool = False) -> "Console":
    """A console at least ``NARROWEST`` columns wide; plain where it is not a terminal."""
    # Imported here: rich is slow to load, and the results of a pass are plain lines.
    from rich.console import Console

    wide = Console(stderr=stderr, highlight=False)
    return wide if wide.width >= NARROWEST else Console(stderr=stderr, highlight=False, width=NARROWEST)


@dataclass(frozen=True, slots=True)
class ResultPrinter:
    """Shows the results of passes run by hand."""

    services: Services

    def show(self, results: Sequence[PassResult]) -> None:
        if any(result.plan or result.unscanned for result in results):
            print_table(verdict_table(results))
        lines = [*aggregate_lines(results), *(line for result in results for line in self._lines(result))]
        # A fault that affects several rules is shown once: it needs one fix.
        faults = dict.fromkeys(fault for result in results for fault in result.faults)
        lines += [line for fault in faults for line in fault_lines(fault)]
        for line in lines:
            click.echo(line)
        if not self.services.mandate.act:
            click.echo(f"would: {would(results)}; nothing was written")

    def _lines(self, result: PassResult) -> Iterable[str]:
        if result.scan_parts > 1:
            yield (
                f"{noun(result)}: the bookings were read in {result.scan_parts} parts; "
                "one statement would have taken longer than limits.timeouts.sql"
            )
        yield from reasons(result)
        yield from attempted(result)
        yield from settled(result)
        yield from removals(result)
        if result.removed is not None and result.acted:
            rest = "; the rest in its next run" if result.cut_short else ""
            yield f"{result.job}: {removal('removed', result.removed)}{rest}"
        if result.kind is None and result.removed is None and not result.faults:
            yield f"{result.job}: {'all is well' if result.acted else 'partial check (use --do for trial writes)'}"
        if result.off:
            yield f"{result.kind}: off"
        if result.breaker_trip:
            yield from refusal(result, result.breaker_trip, f"reconciler once {result.job}")
        elif result.acted and result.plan and result.unfinished:
            planned = result.plan.repairs
            done = planned - result.unfinished
            yield f"{noun(result)}: {done} of {planned} done, the rest in a later pass"


def verdict_table(results: Iterable[PassResult]) -> list[list[str]]:
    """The titles, and a row per rule. ``ok``, ``n/a`` and ``GAPS`` add up to ``checked``, the columns after ``GAPS`` to
    ``GAPS``.
    """
    titles = ["rule", "checked", *map(SHOWN_AS.__getitem__, _NO_GAP), "GAPS", *map(SHOWN_AS.__getitem__, _GAP)]
    rows = [titles]
    for result in results:
        if result.unscanned:
            rows.append([str(result.kind), *[UNKNOWN] * (len(titles) - 1)])
        if result.plan is None:
            continue
        counts: Counter[VerdictStatus] = Counter()
        for (standing, _), number in result.plan.tally().items():
            counts[standing] += number
        without, gaps = [counts[status] for status in _NO_GAP], [counts[status] for status in _GAP]
        rows.append([str(result.kind), *map(str, [result.plan.checked, *without, sum(gaps), *gaps])])
    return rows


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print the names on the left and the numbers on the right, each as wide as the widest; the titles in bold."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for number, (name, *others) in enumerate(rows):
        cells = [name.ljust(widths[0]), *(other.rjust(wide) for other, wide in zip(others, widths[1:], strict=True))]
        click.echo(click.style("  ".join(cells), bold=number == 0 or None))


def plain_reference(booking: BookingId) -> str:
    """A booking's reference for the terminal. Whoever makes ids may put anything into them."""
    return sanitize(reference(booking), LONGEST_REASON)


LONGEST_REASON, MOST_REASONS = 40, 20
"""Columns and number of the reasons that are shown. A status of the application's may be anything."""


def noun(result: PassResult) -> str:
    """What the numbers count: effects, or the gaps of a report-only rule."""
    return NOUN[result.effect] if result.effect else str(result.kind)


def reasons(result: PassResult) -> Iterable[str]:
    """Why bookings are not applicable, held or need a human, with counts."""
    if result.plan is None:
        return
    tally = result.plan.tally()
    # The bookings to which a report-only rule does not apply are left out: the rules that repair list them already.
    shown = (
        (VerdictStatus.NOT_APPLICABLE, VerdictStatus.HELD, VerdictStatus.NEEDS_HUMAN)
        if result.effect
        else (VerdictStatus.NEEDS_HUMAN,)
    )
    for standing in shown:
        said = [
            f"{number} {LABELS.get(reason) or sanitize(reason, LONGEST_REASON)}"
            for (where, reason), number in sorted(tally.items(), key=lambda item: (-item[1], item[0][1]))
            if where is standing
        ]
        said = [*said[:MOST_REASONS], f"and {len(said) - MOST_REASONS} more"] if len(said) > MOST_REASONS else said
        if said:
            yield from folded(f"{noun(result)} {LINE_OF[standing]}: " if result.effect else f"{noun(result)}: ", said)


def folded(label: str, parts: Iterable[str], between: str = " · ") -> Iterable[str]:
    """``label`` and the parts, in lines of at most ``NARROWEST`` columns; a part is never cut."""
    # Imported here: it is slow to load.
    from rich.cells import cell_len

    line, is_empty = label, True
    for number, part in enumerate(parts):
        separator = between if number else ""
        if not is_empty and cell_len(line + separator + part) > NARROWEST - 4:
            yield line + separator.rstrip()
            line, separator = " " * len(label), ""
        line, is_empty = line + separator + part, False
    yield line


def attempted(result: PassResult) -> Iterable[str]:
    """What was repaired, and what was not repaired and why."""
    said = [f"{number} {REPAIRED[status]}" for (status, _), number in result.attempts.items() if status.is_repaired]
    if said:
        yield f"{noun(result)} repaired: {', '.join(said)}"
    for (status, reason), number in result.attempts.items():
        if not status.is_repaired:
            yield f"{noun(result)} {status}: {number} {LABELS.get(reason, reason)}"


def removals(result: PassResult) -> Iterable[str]:
    """Which events of ours no booking calls for, and what became of them."""
    planned = result.removals
    if planned is None:
        return
    if planned.due:
        reasons = Counter(REASON_LABELS[removal.reason] for removal in planned.due)
        said = [f"{number} {label}" for label, number in sorted(reasons.items(), key=lambda item: (-item[1], item[0]))]
        held = f" (held: {LABELS[planned.hold]})" if planned.hold else ""
        yield from folded(f"events without a use{held}: ", said)
    if planned.waiting:
        kept = counted(len(planned.waiting), "event")
        then = "removed once it has been missing for a day while others are there"
        yield f"events kept: {kept} whose booking is missing; {then}"
    if planned.unplaced:
        kept = counted(len(planned.unplaced), "event")
        yield f"events kept: {kept} of an older ledger, until a pass has asked the calendar when they start"
    for (status, reason), number in result.removal_results.items():
        removed = status is RemovalStatus.REMOVED
        label = REASON_LABELS[RemovalReason(reason)] if removed else LABELS.get(reason, reason)
        yield f"events {status}: {number} {label}"
    if planned.trip:
        trip = planned.trip
        yield (
            f"REFUSED  removals: {counted(trip.found, 'event')} of {trip.checked} to come, {trip.allowed} allowed; "
            "none was removed"
        )
        yield "      check that the bookings were meant to go: limits.breaker.removals, .removals_ratio"
        yield f"      to continue for one run: {continue_command(GapKind.CALENDAR_ORPHAN, trip.found)}"
    elif result.acted and result.removals_left and not planned.hold:
        yield f"events to remove: {result.removals_left} left for a later pass"


def settled(result: PassResult) -> Iterable[str]:
    """How calls of unknown outcome were settled."""
    said = [f"{number} {settling}" for (settling, _), number in sorted(result.settled.items())]
    if said:
        yield from folded(f"{noun(result)} of unknown outcome: ", said)


def removal(verb: str, removed: Mapping[str, int]) -> str:
    """What was removed from our ledger, with counts."""
    said = [counted(removed[what], what.removesuffix("s")) for what in REMOVABLE if removed.get(what)]
    return f"{verb} {', '.join(said) or 'nothing'}"


def refusal(result: PassResult, breaker_trip: BreakerTrip, command: str) -> Iterable[str]:
    """The breaker's numbers, and the command that continues."""
    trip = breaker_trip
    lately = f" and {trip.repaired} of the last day" if trip.repaired else ""
    of = f"{counted(trip.checked, 'booking')} {trip.of}"
    does = f"{trip.goes_on} {'went on' if result.acted else 'would go on'}" if trip.goes_on else "nothing was done"
    yield (
        f"REFUSED  {noun(result)}: {counted(trip.found, 'new repair')}{lately}, {of}, {trip.allowed} allowed; "
        f"{does}, {trip.held} held"
    )
    if trip.locked:
        yield f"      {LABELS[Hold.LOCKED]}: check some of these bookings at the provider"
    # What went on is not new to the next run.
    left = trip.held if result.acted else trip.found
    yield f"      to continue for one run: {command} --do --max {left}"


def fault_lines(fault: IntegrationFault) -> Iterable[str]:
    yield f"FAIL  {fault.kind}  {fault.seen}"
    yield f"      remedy: {fault.remedy}"
    for line in fault.sql.splitlines():
        yield f"      {line}"


def would(results: Sequence[PassResult]) -> str:
    """One line about what ``--do`` would do now."""
    parts = []
    forgetting = [result.removed for result in results if result.removed is not None]
    for result in (result for result in results if result.has_scan):
        plan = result.plan
        if result.unscanned and result.effect:
            parts.append(f"{NOUN[result.effect]} {UNKNOWN}")
        elif result.effect is Effect.SMS:
            parts.append(texts_to(plan.repairs, plan.recipients, plan.segments) if plan else counted(0, "text"))
        elif result.effect is Effect.CALENDAR:
            parts.append(counted(plan.repairs if plan else 0, "event"))
            going = len(result.removals.allowed) if result.removals else 0
            parts += [f"{counted(going, 'event')} removed"] if going else []
    only = len(forgetting) == len(results)
    parts += [removal("remove", removed) for removed in forgetting if only or any(removed.values())]
    return ", ".join(parts) or "report only"


def texts_to(texts: int, recipients: int, segments: int) -> str:
    """So many texts to so many people, with what is paid for them."""
    if not texts:
        return counted(0, "text")
    people = "1 person" if recipients == 1 else f"{recipients} people"
    return f"{counted(texts, 'text')} to {people} ({counted(segments, 'segment')})"


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
