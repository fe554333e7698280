"""Ids of bookings that do not exist: for rows that are rolled back, and for those of a drill."""

import random
import uuid

from reconciler.store.schema.catalog import CatalogColumn

_LARGEST = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1, "numeric": 2**31 - 1}


def unused_id(column: CatalogColumn) -> str | int:
    """An id that fits the column, that no booking is likely to have, and of which hardly two begin alike."""
    if column.type in _LARGEST:
        largest = _LARGEST[column.type]
        return random.randint(largest - largest // 10, largest)  # noqa: S311 - an id, not a secret
    if column.length:
        return uuid.uuid4().hex[: column.length]
    return str(uuid.uuid4())
