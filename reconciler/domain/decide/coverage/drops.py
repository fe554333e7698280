"""Coverage: the share of new bookings that the rules apply to, by reason, against its own past.

A rule that no longer applies finds no gap, and nothing looks wrong. These decisions notice that. They get counts and
return verdicts; ``engine.reconcile.coverage`` reads the counts.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

from reconciler.domain.decide.coverage.past_shares import ENOUGH, Out, Outs, Past, tail, total_of
from reconciler.domain.gaps import GapKind

NEW_WITHIN = timedelta(hours=24)
"""A booking is new for this long."""
BASE_DAYS = 28
"""Days before the new bookings that say what is usual."""
KNOWN_DAYS = 120
"""Days that are counted at all: a quiet venue has few bookings in ``BASE_DAYS``."""
GATHERED = (ENOUGH, 60)
"""A quiet venue's bookings are gathered from several days, until they are so many. The more show a smaller rise."""
WIDEST_DAYS = 28
"""They are gathered from this many days at most."""
UNLIKELY = 5e-6
"""With 24 comparisons a day and a handful of reasons, a share as unlikely as this is no accident of a year."""
STILL_UNLIKELY = 1e-3
"""A drop that was found stays open while its share is as unlikely as this, so that it does not come and go."""
LEAST_RISE = 0.07
"""A smaller rise of a reason's share matters to nobody, however certain it is."""
LEAST_PART = 0.5
"""Where a rule applies to few bookings anyway, losing this part of them matters as well."""
CLEAR_RISE = 0.5
"""A larger one is told even if one of the days before was as bad."""
PLENTY = 200
"""Fewer bookings say little about a share: a quiet venue's past are all days that are known."""
RUN = 8
RARE = 0.15
"""A reason is rare if it had at most this share. Eight in a row are then less likely than 1 in a million."""
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
    base = total_of(facts.days[day] for day in _base_days(facts, facts.new_since))
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
    still_open = {(kind, drop.reason): drop for drop in open_drops for kind in drop.kinds if drop.base_until >= oldest}
    counted = (*facts.new, *(outs for _, outs in facts.recent), tuple(still_open))
    seen = dict.fromkeys(out for outs in counted for out in outs if out[0] in facts.kinds)
    past_until = cache(lambda until: _past(facts, until))
    found: dict[tuple[str, int, int, float | None, date], list[GapKind]] = {}
    for out in seen:
        before = still_open.get(out)
        drop = _never(facts, *out) or _rise(facts, past_until, out, before) or _run(facts, past_until, out, before)
        if drop:
            said = (drop.reason, drop.number, drop.of, drop.usual, drop.base_until)
            found.setdefault(said, []).append(out[0])
    return [
        Drop(reason=reason, kinds=tuple(kinds), number=number, of=of, usual=usual, base_until=until)
        for (reason, number, of, usual, until), kinds in found.items()
    ]


def _never(facts: CoverageFacts, kind: GapKind, reason: str) -> Drop | None:
    """The drop if the rule applies to no booking that is known: it looks at nothing, whatever is usual."""
    if any(all(one != kind for one, _ in outs) for outs in facts.new):
        return None
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


def _rise(facts: CoverageFacts, past_until: Callable[[date], Past], out: Out, before: OpenDrop | None) -> Drop | None:
    """The drop if far more bookings have the reason than usual."""
    found = (_rise_among(facts, *_gathered(facts, number), past_until, out, before) for number in GATHERED)
    return next((drop for drop in found if drop), None)


def _rise_among(
    facts: CoverageFacts,
    new: Mapping[Outs, int],
    first: date,
    past_until: Callable[[date], Past],
    out: Out,
    before: OpenDrop | None,
) -> Drop | None:
    of, number = sum(new.values()), _having(new, out)
    if of < ENOUGH:
        return None
    is_quiet = first < facts.new_since
    if before and is_quiet and not any(out in outs for _, outs in facts.recent):
        return None  # the last bookings are right again, although the days before still count
    until = min(first, before.base_until) if before else first
    past = past_until(until)
    if not past.is_enough:
        is_most = number > MOSTLY * of and past.having[out] <= RARE * past.total
        return _made(out, number, of, None, until) if is_most and not is_quiet else None
    share, usual = number / of, past.share(out)
    if share - usual < min(LEAST_RISE, LEAST_PART * past.applied(out[0])):
        return None
    spread = past.spread(out)
    likely = tail(*(round(one / spread) for one in (number, of, past.having[out], past.total)))
    if likely >= (STILL_UNLIKELY if before else UNLIKELY):
        return None
    # Some venues have days on which everything is different, such as a fair. Such a day is known once it has been seen.
    if not before and share < usual + CLEAR_RISE and share < past.worst(out) + LEAST_RISE / 2:
        return None
    return _made(out, number, of, usual, until)


def _gathered(facts: CoverageFacts, enough: int) -> tuple[Mapping[Outs, int], date]:
    """The new bookings and their first day; a quiet venue's, with those of the days before until they are enough."""
    if sum(facts.new.values()) >= enough:
        return facts.new, facts.new_since
    counts: Counter[Outs] = Counter(facts.new)
    first = facts.new_since
    while sum(counts.values()) < enough and facts.new_since - first < timedelta(days=WIDEST_DAYS):
        first -= timedelta(days=1)
        counts.update(facts.days.get(first, {}))
    return counts, first


def _run(facts: CoverageFacts, past_until: Callable[[date], Past], out: Out, before: OpenDrop | None) -> Drop | None:
    """The drop if few bookings come and the last all have the reason; an open one ends when half of them do not."""
    if len(facts.recent) < RUN or sum(facts.new.values()) >= ENOUGH:
        return None
    number = sum(out in outs for _, outs in facts.recent)
    if number < (RUN // 2 if before else RUN):
        return None
    first = min(day for day, _ in facts.recent)
    until = min(first, before.base_until) if before else first
    past = past_until(until)
    if past.having[out] > RARE * past.total:
        return None
    return _made(out, number, len(facts.recent), past.share(out) if past.total else None, until)


def _made(out: Out, number: int, of: int, usual: float | None, until: date) -> Drop:
    kind, reason = out
    return Drop(reason=reason, kinds=(kind,), number=number, of=of, usual=usual, base_until=until)


def _past(facts: CoverageFacts, until: date) -> Past:
    """The days before ``until`` that say what is usual: of a quiet venue, all that are known."""
    days = _base_days(facts, until)
    if sum(sum(facts.days[day].values()) for day in days) < PLENTY:
        days = [day for day in facts.days if day < until]
    return Past.of(facts.days[day] for day in days)


def _base_days(facts: CoverageFacts, until: date) -> list[date]:
    return [day for day in facts.days if until - timedelta(days=BASE_DAYS) <= day < until]


def _having(counts: Mapping[Outs, int], out: Out) -> int:
    return sum(number for outs, number in counts.items() if out in outs)
