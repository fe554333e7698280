"""What the terminal shows of a proposal. Names only: no value of a row."""

from collections.abc import Iterator, Sequence
from typing import Any

from reconciler.settings.adopt.candidates import Candidate
from reconciler.settings.adopt.facts import SeenDatabase
from reconciler.settings.adopt.proposal import Confidence, Proposal
from reconciler.settings.adopt.written import flow

_WIDTH = 10
_SHOWN = 8
_PARTS = {
    "bookings": (
        "bookings.table",
        "bookings.columns.id",
        "bookings.starts",
        "bookings.ends",
        "bookings.columns.status",
    ),
    "people": ("bookings.name", "bookings.phone"),
    "texts": ("rules.sms.missing.policy", "rules.sms.missing.queue", "evidence.sms"),
    "events": ("bookings.columns.event_id", "evidence.calendar"),
}
_RANK = (Confidence.CONFIRM, Confidence.LIKELY, Confidence.SURE)


def summary_lines(proposal: Proposal) -> Iterator[str]:
    """One line for each part, what should be read first, and what else might have been meant."""
    for part, keys in _PARTS.items():
        found = [one for one in proposal.choices if one.key in keys and one.value not in (None, [], "off")]
        if not found:
            yield f"{part:<{_WIDTH}} nothing was found"
            continue
        said = " · ".join(f"{one.path[-1]} {_short(one.value)}" for one in found)
        yield f"{part:<{_WIDTH}} {said}  ({min((one.confidence for one in found), key=_RANK.index)})"
    doubtful = [one for one in proposal.choices if one.confidence is Confidence.CONFIRM and one.path[-1] != "messages"]
    for one in doubtful:
        yield f"{'confirm':<{_WIDTH}} {one.key}: {one.reason}"
    for warning in proposal.warnings:
        yield f"{'warning':<{_WIDTH}} {warning}"
    if proposal.others:
        yield f"{'others':<{_WIDTH}} {', '.join(proposal.others)} might be meant too: --table NAME"


def _short(value: Any) -> str:
    """A queue by its table; anything else as the file has it."""
    return flow(value["table"] if isinstance(value, dict) and "columns" in value else value)


def nothing_found(seen: SeenDatabase, found: Sequence[Candidate]) -> Iterator[str]:
    """What was looked for, and what was seen."""
    yield "no table of this database can hold bookings"
    yield (
        "looked for: a table with a key of one column, a start (a timestamp, or a date and a time), a time at which it "
        "was made, a status, and a name, in the row or in a table that it leads to"
    )
    tables = [str(name) for name in seen.tables]
    more = f", and {len(tables) - _SHOWN} more" if len(tables) > _SHOWN else ""
    yield f"seen: {', '.join(tables[:_SHOWN]) + more if tables else 'no table that our role can see'}"
    near = sorted(found, key=lambda one: -one.score)[:3]
    for one in near:
        lacks = f"lacks {', '.join(one.lacks)}" if one.lacks else "has what is needed, and nothing else says so"
        yield f"nearest: {one.table.name} {lacks}"
    yield "remedy: if one of them is right, name it: reconciler adopt --table NAME; else docs/mapping.md"
