"""The order in which statements that touch several rows lock them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from reconciler.domain.bookings import BookingId

T = TypeVar("T")
BATCH = 5000
"""Rows that one statement is sent for. The values of a hundred thousand take more memory than their decisions."""


def in_lock_order(rows: Mapping[BookingId, T]) -> list[tuple[BookingId, T]]:
    """Sort the rows by booking. Two concurrent passes that lock rows in different orders would deadlock."""
    return sorted(rows.items(), key=lambda row: row[0])


def batches(rows: Mapping[BookingId, T]) -> Iterator[Sequence[tuple[BookingId, T]]]:
    """As many rows as one statement is sent for, in the order in which they are locked."""
    ordered = in_lock_order(rows)
    return (ordered[first : first + BATCH] for first in range(0, len(ordered), BATCH))
