"""The order in which rows are locked, for every statement that touches several."""

from collections.abc import Mapping
from typing import TypeVar

from reconciler.domain.bookings import BookingId

T = TypeVar("T")


def in_lock_order(rows: Mapping[BookingId, T]) -> list[tuple[BookingId, T]]:
    """Two passes at once must lock rows in the same order, or one of them is a deadlock's victim."""
    return sorted(rows.items(), key=lambda row: row[0])
