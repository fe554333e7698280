"""The backlog as a person handles it: list it, write bookings off, take that back."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.backlog import BacklogCount, WrittenOff
from reconciler.domain.gaps import GapKind
from reconciler.engine.reconcile.aggregates import count_backlog, read_backlog, refresh_backlog
from reconciler.ports import Services

MOST_WRITTEN_OFF = 50
"""Decisions that are listed, newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BacklogList:
    """The backlog with its bookings."""

    count: BacklogCount | None
    """``None``: there can be none, or it cannot be counted."""
    bookings: Mapping[GapKind, Sequence[BookingId]] = field(default_factory=dict)
    written_off: Sequence[WrittenOff] = ()


def read(services: Services, wanted: Collection[BookingId] | None = None) -> BacklogList:
    """The backlog now; ``wanted``: only the bookings that are named."""
    now = services.clock.now()
    if read_backlog(services) is None:
        return BacklogList(count=None)
    with services.store.reading() as tx:
        counted = count_backlog(tx, services, now)
        assert counted is not None
        return BacklogList(
            count=counted,
            bookings={
                kind: tx.backlog.bookings(kind, now, counted.since, wanted)
                for kind, number in counted.counts.items()
                if number
            },
            written_off=tx.backlog.written_off(MOST_WRITTEN_OFF),
        )


def write_off(
    chosen: Mapping[GapKind, Collection[BookingId]], by: str, reason: str, services: Services
) -> BacklogCount | None:
    """Write these bookings off. Returns the backlog that is left."""
    with services.store.writing() as tx:
        for kind, bookings in chosen.items():
            tx.backlog.write_off(kind, bookings, by, reason)
    return refresh_backlog(services)


def take_back(bookings: Collection[BookingId] | None, by: str, reason: str, services: Services) -> int:
    """Undo write-offs, of these bookings or of all. Returns how many."""
    with services.store.writing() as tx:
        number = tx.backlog.take_back(bookings, by, reason)
    refresh_backlog(services)
    return number
