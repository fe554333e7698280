"""Ids of bookings that do not exist, for trial rows and for a drill's bookings."""

import random
import uuid

from reconciler.store.schema.catalog import CatalogColumn

_LARGEST = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1, "numeric": 2**31 - 1}


def unused_id(column: CatalogColumn) -> str | int:
    """A random id that fits the column. No booking is likely to have it, and two such ids rarely share a prefix."""
    if column.type in _LARGEST:
        largest = _LARGEST[column.type]
        return random.randint(largest - largest // 10, largest)  # noqa: S311 - an id, not a secret
    if column.length:
        return uuid.uuid4().hex[: column.length]
    return str(uuid.uuid4())
