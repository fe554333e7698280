"""Reads from the application's tables who refuses texts, and what was texted, by the last digits of phone numbers.

SQL cannot parse a number. It selects every field that may mean one of the numbers that are asked for, and
``PhoneNumbers.meant`` decides. ``number_key`` is an expression that an index can serve: the doctor prints the index
where there are many customers.

Each statement is built once per mapping: a repair runs both twice, and building them takes longer than running them.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    cast,
    func,
    or_,
    select,
    true,
)

from reconciler.domain.gaps import Effect
from reconciler.domain.intents import Result
from reconciler.store.app.conditions import AppTables
from reconciler.store.app.evidence.number_key import may_mean
from reconciler.store.app.evidence.queue_conditions import OURS
from reconciler.store.app.mapping import EvidenceColumn
from reconciler.store.app.scan import refuses_texts
from reconciler.store.app.values import times
from reconciler.store.app.values.filters import row_filters

NUMBER_COLUMNS = ("mobile_e164", "mobile_number")
TEXTED_AT = ("sent_at", "created_at")
"""The queue's columns that say when a text went, in order of preference."""


@lru_cache(maxsize=16)
def refusing(tables: AppTables) -> Select[Any] | None:
    """Selects id and numbers of the refusing customers who may have one of the numbers; ``None`` without a column."""
    customer = tables.customer
    columns = phone_columns(customer) if customer is not None else []
    if customer is None or not columns:
        return None
    written = [cast(column, Text) for column in columns]
    may_be_meant = or_(*(may_mean(column) for column in written))
    found: list[ColumnElement[Any]] = [cast(customer.c.id, Text), *written]
    return select(*found).where(refuses_texts(tables), may_be_meant)


def phone_columns(customer: Table) -> list[ColumnElement[Any]]:
    """The columns that may contain a customer's number."""
    return [customer.c[name] for name in NUMBER_COLUMNS if name in customer.c]


@lru_cache(maxsize=16)
def texted(tables: AppTables) -> tuple[Select[Any], ...]:
    """Select number and time of the texts since ``since`` to fields that may mean one of the numbers, oldest first.

    One statement for the queue, and one for each other table that has both columns.
    """
    since = bindparam("since", type_=DateTime(timezone=True))
    found = []
    for number, at, counts in _texts(tables):
        found.append(select(number, at).where(at >= since, counts, may_mean(number)).order_by(at))
    return tuple(found)


def _texts(tables: AppTables) -> Iterator[tuple[ColumnElement[Any], ColumnElement[Any], ColumnElement[bool]]]:
    """Number, time, and what a row must hold to count."""
    if tables.queue is not None:
        queue = tables.queue.c
        when = [queue[name] for name in TEXTED_AT if name in queue]
        to = [queue[name] for name in ("recipient_phone", "customer_phone") if name in queue]
        counts = or_(
            # An approved text counts as sent: the application will send it without checking our limit.
            cast(queue.status, Text).in_(("sent", "approved")),
            queue.error.startswith(f"{OURS}{Result.UNKNOWN}"),
        )
        if when and to:  # an index can serve the time: the doctor prints it
            yield _first_filled(to), func.coalesce(*when), counts
    for one, rows in tables.shown.get(Effect.SMS, ()):
        sent = times.stored_moment(rows.c, "sent", tables.application.zone)
        if not isinstance(one, EvidenceColumn) and sent is not None and "number" in rows.c:
            counts = and_(true(), *row_filters(rows, one.where).values())
            yield _first_filled([rows.c.number]), sent.instant, counts


def _first_filled(columns: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
    return func.coalesce(*(func.nullif(func.btrim(cast(column, Text)), "") for column in columns))
