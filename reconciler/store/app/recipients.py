"""Reads from the application's tables whether a phone number may be texted, and how often it was.

Each statement is built once per mapping: a repair runs both twice, and building them takes longer than running them.
"""

from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Select,
    Subquery,
    Table,
    Text,
    bindparam,
    cast,
    func,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY

from reconciler.domain.intents import Result
from reconciler.store.app.conditions import OURS, AppTables, exists_row
from reconciler.store.app.mapping import one_of
from reconciler.store.app.scan import refuses_texts


@lru_cache(maxsize=16)
def opted_out_numbers(tables: AppTables) -> Select[Any] | None:
    """Selects the numbers of ``significant`` that a refusing customer has; ``None`` without a number column."""
    customer = tables.customer
    if customer is None or not phone_columns(customer):
        return None
    asked = func.unnest(bindparam("significant", type_=ARRAY(Text))).column_valued("asked")
    return select(asked).where(exists_row(refuses_texts(tables), matches_number(customer, asked)))


def phone_columns(customer: Table) -> list[ColumnElement[Any]]:
    """The columns that may contain a customer's number."""
    return [customer.c[name] for name in ("mobile_e164", "mobile_number") if name in customer.c]


def matches_number(customer: Table, significant: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a customer's column contains the number anywhere: the field may hold two numbers, an extension or any
    prefix. In doubt, no text is sent.
    """
    return or_(*(func.strpos(_digits(column), significant) > 0 for column in phone_columns(customer)))


@lru_cache(maxsize=16)
def sent_counts(tables: AppTables) -> Select[Any] | None:
    """Counts the texts sent to each of ``spellings`` since ``since``; ``None`` if the queue lacks the columns."""
    sent = _sent(tables)
    if sent is None:
        return None
    counted = select(sent.c.number, func.count()).where(one_of(sent.c.number, "spellings"))
    return counted.group_by(sent.c.number)


@lru_cache(maxsize=16)
def sent_times(tables: AppTables) -> Select[Any] | None:
    """Selects the times of the texts sent to ``spellings`` since ``since``, the oldest first."""
    sent = _sent(tables)
    if sent is None:
        return None
    return select(sent.c.at).where(one_of(sent.c.number, "spellings")).order_by(sent.c.at)


def _sent(tables: AppTables) -> Subquery | None:
    queue = tables.queue
    if queue is None:
        return None
    when = [queue.c[name] for name in ("sent_at", "created_at") if name in queue.c]
    to = [queue.c[name] for name in ("recipient_phone", "customer_phone") if name in queue.c]
    if not when or not to:
        return None
    filled = [func.nullif(func.btrim(cast(column, Text)), "") for column in to]
    at = func.coalesce(*when)
    return (
        select(_stripped(func.coalesce(*filled)).label("number"), at.label("at"))
        .where(
            or_(
                # An approved text counts as sent: the application will send it without checking our limit.
                cast(queue.c.status, Text).in_(("sent", "approved")),
                queue.c.error.startswith(f"{OURS}{Result.UNKNOWN}"),
            ),
            at >= bindparam("since", type_=DateTime(timezone=True)),
        )
        .subquery()
    )


def _digits(column: Any) -> Any:
    return func.regexp_replace(cast(column, Text), "[^0-9]", "", "g")


def _stripped(column: Any) -> Any:
    """The column reduced to digits and plus signs, like the results of ``PhoneNumbers.spellings``."""
    return func.regexp_replace(cast(column, Text), "[^0-9+]", "", "g")
