"""Counts the coverage: new bookings from the table, earlier days from the ledger; ``domain.decide`` judges."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from reconciler.domain.decide.coverage.drops import (
    KNOWN_DAYS,
    NEW_WITHIN,
    RUN,
    Coverage,
    CoverageFacts,
    OpenDrop,
    judge,
)
from reconciler.domain.decide.coverage.past_shares import Outs
from reconciler.domain.gaps import GapKind
from reconciler.ports import Transaction

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageCount:
    """The verdict, and the days that were counted for it."""

    verdict: Coverage
    kinds: tuple[GapKind, ...]
    counted: Mapping[date, Mapping[Outs, int]]
    replace_from: date
    """Days before this keep the counts that the ledger has."""


def count_coverage(tx: Transaction, kinds: tuple[GapKind, ...], zone: ZoneInfo, now: datetime) -> CoverageCount:
    """Count the new bookings and judge them."""
    new_from = now - NEW_WITHIN
    today, new_since = now.astimezone(zone).date(), new_from.astimezone(zone).date()
    oldest = today - KNOWN_DAYS * DAY
    stored = tx.coverage.stored() if tx.ledger.exists() else None
    # Counts that were made for other rules say nothing about these.
    is_same = stored is not None and stored.get("kinds") == [str(kind) for kind in kinds]
    days = tx.coverage.stored_days(oldest) if is_same else {}
    # A day's bookings change for a while, for example when they are cancelled. From then on the ledger's counts stand.
    replace_from = new_since if is_same else oldest
    first = next((day for day in _range(oldest, new_since) if day not in days), new_since)
    seen = tx.coverage.count(kinds, now, new_from, datetime.combine(first, time(), tzinfo=zone))
    counted = {day: seen.days.get(day, {}) for day in _range(first, today + DAY)}
    known = {**counted, **{day: counts for day, counts in days.items() if day < today}}
    is_empty = not seen.new and not any(known.values())
    facts = CoverageFacts(
        kinds=kinds,
        new=seen.new,
        recent=tx.coverage.recent(kinds, now, RUN),
        days=known,
        today=today,
        new_since=new_since,
        outside=tx.coverage.outside(1000) if is_empty else 0,
    )
    verdict = judge(facts, list(_open_drops(stored)) if stored else ())
    return CoverageCount(verdict=verdict, kinds=kinds, counted=counted, replace_from=replace_from)


def store_coverage(tx: Transaction, count: CoverageCount) -> None:
    """Keep the days and the verdict in the ledger."""
    tx.coverage.store_days(count.counted, replace_from=count.replace_from)
    verdict = count.verdict
    data: dict[str, Any] = {
        "kinds": [str(kind) for kind in count.kinds],
        "of": verdict.of,
        "share": verdict.share,
        "usual": verdict.usual,
        "drops": [
            {"reason": drop.reason, "kinds": [str(kind) for kind in drop.kinds], "until": drop.base_until.isoformat()}
            for drop in verdict.drops
        ],
    }
    tx.coverage.store(data)


def _open_drops(stored: Mapping[str, Any]) -> Iterator[OpenDrop]:
    for drop in stored.get("drops", ()):
        kinds = tuple(GapKind(kind) for kind in drop["kinds"])
        yield OpenDrop(reason=drop["reason"], kinds=kinds, base_until=date.fromisoformat(drop["until"]))


def _range(first: date, end: date) -> Sequence[date]:
    return [first + number * DAY for number in range((end - first).days)]
