"""The order in which statements that touch several rows lock them."""

from collections.abc import Mapping
from typing import TypeVar

from reconciler.domain.bookings import BookingId

T = TypeVar("T")


def in_lock_order(rows: Mapping[BookingId, T]) -> list[tuple[BookingId, T]]:
    """Sort the rows by booking. Two concurrent passes that lock rows in different orders would deadlock."""
    return sorted(rows.items(), key=lambda row: row[0])
