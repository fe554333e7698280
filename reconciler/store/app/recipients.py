"""Reads from the application's tables who refuses texts, and what was texted, by the last digits of phone numbers.

SQL cannot parse a number. It selects every field that may mean one of the numbers that are asked for, and
``PhoneNumbers.meant`` decides. ``number_key`` is an expression that an index can serve: the doctor prints the index
where there are many customers.

Each statement is built once per mapping: a repair runs both twice, and building them takes longer than running them.
"""

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
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY

from reconciler.domain.intents import Result
from reconciler.store.app.conditions import OURS, AppTables
from reconciler.store.app.scan import refuses_texts
from reconciler.text.sql_quoting import identifier

NUMBER_COLUMNS = ("mobile_e164", "mobile_number")
TEXTED_AT = ("sent_at", "created_at")
"""The queue's columns that say when a text went, in order of preference."""
FEWEST, TAIL = 7, 6
"""Fewer digits than these may be a short number, or none. ``TAIL`` is ``text.phones.TAIL``; a test compares them."""
_ONE_NUMBER = r"'^[+]?[0-9() .-]*([0-9]{3}|([0-9]{2}[ .-]){3}[0-9]{2})$'"
"""One number and nothing behind it: in ASCII, and it ends like a number, so that no extension follows."""
_NOT_A_DIGIT = "'[^0-9]'"
_OTHER_SCRIPT = r"'[^ -~\u00a0\u00ad\u2000-\u206f\ufeff]'"
"""A letter or digit that is not ASCII. Blanks, hyphens and marks are left out: copied numbers are full of them."""


@lru_cache(maxsize=16)
def refusing(tables: AppTables) -> Select[Any] | None:
    """Selects id and numbers of the refusing customers who may have one of the numbers; ``None`` without a column."""
    customer = tables.customer
    columns = phone_columns(customer) if customer is not None else []
    if customer is None or not columns:
        return None
    written = [cast(column, Text) for column in columns]
    may_be_meant = or_(*(_may_mean(column) for column in written))
    found: list[ColumnElement[Any]] = [cast(customer.c.id, Text), *written]
    return select(*found).where(refuses_texts(tables), may_be_meant)


def phone_columns(customer: Table) -> list[ColumnElement[Any]]:
    """The columns that may contain a customer's number."""
    return [customer.c[name] for name in NUMBER_COLUMNS if name in customer.c]


@lru_cache(maxsize=16)
def texted(tables: AppTables) -> Select[Any] | None:
    """Selects number and time of the texts since ``since`` to fields that may mean one of the numbers, oldest first.

    ``None`` if the queue lacks the columns.
    """
    queue = tables.queue
    if queue is None:
        return None
    when = [queue.c[name] for name in TEXTED_AT if name in queue.c]
    to = [queue.c[name] for name in ("recipient_phone", "customer_phone") if name in queue.c]
    if not when or not to:
        return None
    at = func.coalesce(*when)  # an index can serve it: the doctor prints it
    number = func.coalesce(*(func.nullif(func.btrim(cast(column, Text)), "") for column in to))
    counts = or_(
        # An approved text counts as sent: the application will send it without checking our limit.
        cast(queue.c.status, Text).in_(("sent", "approved")),
        queue.c.error.startswith(f"{OURS}{Result.UNKNOWN}"),
    )
    since = bindparam("since", type_=DateTime(timezone=True))
    return select(number, at).where(at >= since, counts, _may_mean(number)).order_by(at)


def values(tails: frozenset[str]) -> dict[str, list[str]]:
    """What these statements compare with."""
    known = sorted(tails)
    return {"tails": known, "patterns": [f"%{tail}%" for tail in known]}


def number_key(written: ColumnElement[Any]) -> ColumnElement[Any]:
    """The last digits of a field that holds one number; '' for a field that may hold anything; NULL for an empty one.

    Its constants stand in the statement and are not bound: an index is used only if its expression is the same.
    """
    digits = _digits(written)
    one = written.op("~")(literal_column(_ONE_NUMBER))
    # A number without its country code has at most eleven digits. What is longer may have an extension.
    longest = case((func.strpos(written, literal_column("'+'")) > literal_column("0"), literal_column("13")),
                   else_=literal_column("11"))  # fmt: skip
    count = func.length(digits)
    is_plain = and_(one, count >= literal_column(str(FEWEST)), count <= longest)
    blank = func.btrim(written) != literal_column("''")
    return case((is_plain, func.right(digits, literal_column(str(TAIL)))), (blank, literal_column("''")))


def key_as_sql(column: str) -> str:
    """``number_key`` of a column by the application's name, for an index."""
    key = number_key(cast(literal_column(identifier(column)), Text))
    # Everything in it is a constant: no value is bound.
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy has no types there
    return " ".join(str(key.compile(dialect=dialect)).replace("%%", "%").split())


def _may_mean(written: ColumnElement[Any]) -> ColumnElement[bool]:
    key, digits = number_key(written), _digits(written)
    tails, patterns = (bindparam(name, type_=ARRAY(Text)) for name in ("tails", "patterns"))
    contains = digits.op("LIKE")(func.any(patterns))
    # Digits of other scripts are no digits for PostgreSQL, so that such a field may mean any number.
    other_script = written.op("~")(literal_column(_OTHER_SCRIPT))
    return or_(key == func.any(tails), and_(key == literal_column("''"), or_(contains, other_script)))


def _digits(written: Any) -> Any:
    return func.regexp_replace(written, literal_column(_NOT_A_DIGIT), literal_column("''"), literal_column("'g'"))
