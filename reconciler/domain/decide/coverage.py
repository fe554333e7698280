"""Coverage: the share of new bookings that the rules apply to, by reason, against its own past.

A rule that no longer applies finds no gap, and nothing looks wrong. These decisions notice that. They get counts and
return verdicts; ``engine.reconcile.coverage`` reads the counts.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import exp, lgamma

from reconciler.domain.gaps import GapKind

Outs = tuple[tuple[GapKind, str], ...]
"""The rules that do not apply to a booking, each with its reason; empty for a booking that all rules apply to."""

NEW_WITHIN = timedelta(hours=24)
"""A booking is new for this long."""
BASE_DAYS = 28
"""Days before the new bookings that say what is usual."""
KNOWN_DAYS = 120
"""Days that are counted at all: a quiet venue has few bookings in ``BASE_DAYS``."""
ENOUGH = 20
"""From this many bookings on, their share is compared. With fewer, an unbroken run is looked for."""
UNLIKELY = 1e-6
"""With 24 comparisons a day and a handful of reasons, a share as unlikely as this is no accident of a year."""
STILL_UNLIKELY = 1e-3
"""A drop that was found stays open while its share is as unlikely as this, so that it does not come and go."""
LEAST_RISE = 0.05
"""A smaller rise of a reason's share matters to nobody, however certain it is."""
CLEAR_RISE = 0.5
"""A larger one is told even if one of the days before was as bad."""
RUN = 8
RARE = 0.1
"""A reason is rare if it had at most this share. Eight in a row are then less likely than 1 in 10 million."""
MOSTLY = 0.5
"""Without a past to compare with, a reason that more than this share of the bookings has is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDrop:
    """A drop that is open. The bookings since do not say what is usual."""

    reason: str
    kinds: tuple[GapKind, ...]
    base_until: date
    """The first day that no longer counts as usual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """New bookings fall out of rules for one reason."""

    reason: str
    kinds: tuple[GapKind, ...]
    number: int
    of: int
    usual: float | None
    """The reason's share before; ``None`` without enough of a past."""
    base_until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageFacts:
    """What was counted. Every count is of bookings by ``Outs``."""

    kinds: tuple[GapKind, ...]
    """The rules that are in force."""
    new: Mapping[Outs, int]
    """The bookings of ``NEW_WITHIN``."""
    recent: Sequence[tuple[date, Outs]]
    """The last ``RUN`` bookings, newest first, each with its day."""
    days: Mapping[date, Mapping[Outs, int]]
    """Up to ``KNOWN_DAYS`` days."""
    today: date
    new_since: date
    """The day on which the oldest new booking may have been made: it and later ones are no past."""
    outside: int = 0
    """Bookings of the table, if ``bookings.only`` selects none of them; otherwise 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """The verdict: the share of the new bookings that all rules apply to, and what is unusual about them."""

    of: int
    share: float | None
    """``None`` without a new booking."""
    usual: float | None
    """``None`` without enough of a past."""
    drops: tuple[Drop, ...]


OUTSIDE = "outside"
"""The reason if ``bookings.only`` selects no booking at all."""
AHEAD_OF_NOW = "made_ahead"
"""The reason if a booking says that it will be made later than now."""
STATUS = "status:"
"""What the reason begins with if the booking's status is not listed; the status follows."""


def judge(facts: CoverageFacts, open_drops: Collection[OpenDrop] = ()) -> Coverage:
    """Compare the new bookings with the past."""
    of = sum(facts.new.values())
    base = _base(facts, facts.new_since)
    total = sum(base.values())
    return Coverage(
        of=of,
        share=facts.new.get((), 0) / of if of else None,
        usual=base.get((), 0) / total if total >= ENOUGH else None,
        drops=tuple(_drops(facts, open_drops)),
    )


def _drops(facts: CoverageFacts, open_drops: Collection[OpenDrop]) -> list[Drop]:
    if facts.outside >= RUN:
        number = facts.outside
        return [
            Drop(reason=OUTSIDE, kinds=facts.kinds, number=number, of=number, usual=None, base_until=facts.new_since)
        ]
    # A drop that has lasted for as long as the past reaches is what is usual now.
    oldest = facts.today - timedelta(days=BASE_DAYS)
    still_open = {(drop.reason, kind): drop for drop in open_drops for kind in drop.kinds if drop.base_until >= oldest}
    counted = [*facts.new, *(outs for _, outs in facts.recent), *(((kind, reason),) for reason, kind in still_open)]
    seen = dict.fromkeys((reason, kind) for outs in counted for kind, reason in outs if kind in facts.kinds)
    found: dict[tuple[str, int, int, float | None, date], list[GapKind]] = {}
    for reason, kind in seen:
        before = still_open.get((reason, kind))
        drop = _never(facts, kind, reason) or _drop(facts, kind, reason, before)
        if drop:
            said = (drop.reason, drop.number, drop.of, drop.usual, drop.base_until)
            found.setdefault(said, []).append(kind)
    return [
        Drop(reason=reason, kinds=tuple(kinds), number=number, of=of, usual=usual, base_until=until)
        for (reason, number, of, usual, until), kinds in found.items()
    ]


def _never(facts: CoverageFacts, kind: GapKind, reason: str) -> Drop | None:
    """The drop if the rule applies to no booking that is known: it looks at nothing, whatever is usual."""
    every: Counter[Outs] = Counter(facts.new)
    for day, counts in facts.days.items():
        if day < facts.new_since:
            every.update(counts)
    of = sum(every.values())
    reasons = Counter({outs: number for outs, number in every.items() if any(one == kind for one, _ in outs)})
    if of < RUN or reasons.total() < of:
        return None
    by_reason: Counter[str] = Counter()
    for outs, number in reasons.items():
        by_reason[dict(outs)[kind]] += number
    most, number = by_reason.most_common(1)[0]
    if most != reason:
        return None
    return Drop(reason=reason, kinds=(kind,), number=number, of=of, usual=None, base_until=facts.new_since)


def _drop(facts: CoverageFacts, kind: GapKind, reason: str, before: OpenDrop | None) -> Drop | None:
    of = sum(facts.new.values())
    number = _having(facts.new, kind, reason)
    if of >= ENOUGH:
        until = min(facts.new_since, before.base_until) if before else facts.new_since
        base = _base(facts, until)
        total, usual = sum(base.values()), _having(base, kind, reason)
        if total >= ENOUGH:
            if not _is_unlikely(facts, kind, reason, until, number, of, usual, total, was_open=before is not None):
                return None
            return _made(kind, reason, number, of, usual / total, until)
        if number > MOSTLY * of and usual <= RARE * total:
            return _made(kind, reason, number, of, None, until)
        return None
    return _run(facts, kind, reason, before)


def _is_unlikely(
    facts: CoverageFacts,
    kind: GapKind,
    reason: str,
    until: date,
    number: int,
    of: int,
    usual: int,
    total: int,
    *,
    was_open: bool,
) -> bool:
    share = number / of
    if share < usual / total + LEAST_RISE:
        return False
    if was_open:
        return tail(number, of, usual, total) < STILL_UNLIKELY
    if tail(number, of, usual, total) >= UNLIKELY:
        return False
    # Some venues have days on which everything is different, such as a fair. Such a day is known once it has been seen.
    return share >= usual / total + CLEAR_RISE or share >= _worst_day(facts, kind, reason, until) + LEAST_RISE


def _worst_day(facts: CoverageFacts, kind: GapKind, reason: str, until: date) -> float:
    shares = [
        _having(facts.days[day], kind, reason) / total
        for day in _base_days(facts, until)
        if (total := sum(facts.days[day].values())) >= ENOUGH
    ]
    return max(shares, default=0.0)


def _run(facts: CoverageFacts, kind: GapKind, reason: str, before: OpenDrop | None) -> Drop | None:
    """The drop if the last bookings all have the reason; an open one ends when half of them do not."""
    if len(facts.recent) < RUN:
        return None
    having = [dict(outs).get(kind) == reason for _, outs in facts.recent]
    needed = RUN // 2 if before else RUN
    if sum(having) < needed:
        return None
    first = min(day for day, _ in facts.recent)
    until = min(first, before.base_until) if before else first
    base = _base(facts, until)
    if sum(base.values()) < ENOUGH:  # a quiet venue: all that is known
        base = _total(facts.days[day] for day in facts.days if day < until)
    total, usual = sum(base.values()), _having(base, kind, reason)
    if usual > RARE * total:
        return None
    return _made(kind, reason, sum(having), len(having), usual / total if total else None, until)


def _made(kind: GapKind, reason: str, number: int, of: int, usual: float | None, until: date) -> Drop:
    return Drop(reason=reason, kinds=(kind,), number=number, of=of, usual=usual, base_until=until)


def _base_days(facts: CoverageFacts, until: date) -> list[date]:
    return [day for day in facts.days if until - timedelta(days=BASE_DAYS) <= day < until]


def _base(facts: CoverageFacts, until: date) -> Mapping[Outs, int]:
    return _total(facts.days[day] for day in _base_days(facts, until))


def _total(days: Iterable[Mapping[Outs, int]]) -> Counter[Outs]:
    total: Counter[Outs] = Counter()
    for counts in days:
        total.update(counts)
    return total


def _having(counts: Mapping[Outs, int], kind: GapKind, reason: str) -> int:
    return sum(number for outs, number in counts.items() if (kind, reason) in outs)


def tail(number: int, of: int, usual: int, total: int) -> float:
    """How likely at least ``number`` of ``of`` is, if the new bookings are like the ``total`` before (Fisher)."""
    everything, having = of + total, number + usual
    most = min(of, having)
    certain = _log_choose(everything, of)
    return min(
        1.0,
        sum(
            exp(_log_choose(having, one) + _log_choose(everything - having, of - one) - certain)
            for one in range(number, most + 1)
            if of - one <= everything - having
        ),
    )


def _log_choose(of: int, number: int) -> float:
    return lgamma(of + 1) - lgamma(number + 1) - lgamma(of - number + 1)
