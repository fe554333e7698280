"""Past shares: what part of a venue's bookings fell out of a rule, and how much that varied from day to day."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, lgamma
from typing import TypeVar

from reconciler.domain.gaps import GapKind

T = TypeVar("T")
Out = tuple[GapKind, str]
"""A rule that does not apply to a booking, and the reason."""
Outs = tuple[Out, ...]
"""The rules that do not apply to a booking, each with its reason; empty for a booking that all rules apply to."""

ENOUGH = 20
"""So many bookings are compared by their share. With fewer, an unbroken run is looked for as well."""
BAD_DAYS = 2
"""So many of the worst days do not count for how much a share varies: an outage is no variation."""


@dataclass(frozen=True, slots=True)
class Past:
    """Days before the new bookings: of each its number of bookings, and how many of them have which reason."""

    days: Sequence[tuple[int, Counter[Out]]]
    total: int
    having: Counter[Out]

    @classmethod
    def of(cls, days: Iterable[Mapping[Outs, int]]) -> "Past":
        """Those of the days that had a booking."""
        counted = [(sum(counts.values()), by_reason(counts)) for counts in days if any(counts.values())]
        return cls(counted, sum(number for number, _ in counted), total_of(having for _, having in counted))

    @property
    def is_enough(self) -> bool:
        return self.total >= ENOUGH

    def share(self, out: Out) -> float:
        return self.having[out] / self.total

    def applied(self, kind: GapKind) -> float:
        """The share that the rule applied to."""
        return 1 - sum(number for (one, _), number in self.having.items() if one == kind) / self.total

    def worst(self, out: Out) -> float:
        """The largest share of a day that had enough bookings to say so."""
        return max((having[out] / number for number, having in self.days if number >= ENOUGH), default=0.0)

    def spread(self, out: Out) -> float:
        """How much more the reason's share varies from day to day than chance alone would make it: 1 or more.

        A venue's bookings are no independent draws: a fair, a voucher or a new colleague changes a whole day.
        """
        days = sorted(self.days, key=lambda day: day[1][out] / day[0])[: -BAD_DAYS or None]
        total, usual = sum(number for number, _ in days), sum(having[out] for _, having in days)
        if len(days) < 2 or not 0 < usual < total:
            return 1.0
        share = usual / total
        squares = sum((having[out] - number * share) ** 2 / number for number, having in days)
        return max(1.0, squares / (share * (1 - share)) / (len(days) - 1))


def total_of(days: Iterable[Mapping[T, int]]) -> Counter[T]:
    total: Counter[T] = Counter()
    for counts in days:
        total.update(counts)
    return total


def by_reason(counts: Mapping[Outs, int]) -> Counter[Out]:
    found: Counter[Out] = Counter()
    for outs, number in counts.items():
        for out in outs:
            found[out] += number
    return found


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
