"""What the application's tables say about a phone number: whether it may be texted, and how often it was.

Each statement is built once per mapping: a repair asks both twice, and building them takes longer than their execution.
"""

from functools import lru_cache
from typing import Any

from sqlalchemy import DateTime, Select, Text, bindparam, cast, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from reconciler.domain.intents import Result
from reconciler.store.look import refuses_texts
from reconciler.store.rules import OURS, Tables, some


@lru_cache(maxsize=16)
def refusing(tables: Tables) -> Select[Any] | None:
    """Those of ``significant`` that stand at a customer who refuses; ``None`` where no customer has a number."""
    customer = tables.customer
    written = [
        customer.c[name] for name in ("mobile_e164", "mobile_number") if customer is not None and name in customer.c
    ]
    if not written:
        return None
    asked = func.unnest(bindparam("significant", type_=ARRAY(Text))).column_valued("asked")
    # Anywhere in what stands there: two numbers in one field, an extension, any prefix. When in doubt, no text.
    stands = or_(*(func.strpos(_digits(column), asked) > 0 for column in written))
    return select(asked).where(some(refuses_texts(tables), stands))


@lru_cache(maxsize=16)
def texted(tables: Tables) -> Select[Any] | None:
    """How many texts each of ``spellings`` was sent since ``since``; ``None`` where the queue does not say."""
    queue = tables.queue
    if queue is None:
        return None
    when = [queue.c[name] for name in ("sent_at", "created_at") if name in queue.c]
    to = [queue.c[name] for name in ("recipient_phone", "customer_phone") if name in queue.c]
    if not when or not to:
        return None
    filled = [func.nullif(func.btrim(cast(column, Text)), "") for column in to]
    sent = (
        select(_stripped(func.coalesce(*filled)).label("number"))
        .where(
            or_(
                # Approved is as good as sent: whoever sends it does not ask for our limit.
                cast(queue.c.status, Text).in_(("sent", "approved")),
                queue.c.error.startswith(f"{OURS}{Result.UNKNOWN}"),
            ),
            func.coalesce(*when) >= bindparam("since", type_=DateTime(timezone=True)),
        )
        .subquery()
    )
    counted = select(sent.c.number, func.count()).where(sent.c.number.in_(bindparam("spellings", expanding=True)))
    return counted.group_by(sent.c.number)


def _digits(column: Any) -> Any:
    return func.regexp_replace(cast(column, Text), "[^0-9]", "", "g")


def _stripped(column: Any) -> Any:
    """Digits and plus signs only, as ``PhoneNumbers.spellings`` promises."""
    return func.regexp_replace(cast(column, Text), "[^0-9+]", "", "g")
