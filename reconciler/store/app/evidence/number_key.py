"""Telephone numbers in the application's tables, compared by their last digits."""

from typing import Any

from sqlalchemy import ColumnElement, Text, and_, bindparam, case, cast, func, literal_column, or_
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY

from reconciler.text.sql_quoting import identifier

FEWEST, TAIL = 7, 6
"""Fewer digits than these may be a short number, or none. ``TAIL`` is ``text.phones.TAIL``; a test compares them."""
_ONE_NUMBER = r"'^[+]?[0-9() .-]*([0-9]{3}|([0-9]{2}[ .-]){3}[0-9]{2})$'"
"""One number and nothing behind it: in ASCII, and it ends like a number, so that no extension follows."""
_NOT_A_DIGIT = "'[^0-9]'"
_OTHER_SCRIPT = r"'[^ -~\u00a0\u00ad\u2000-\u206f\ufeff]'"
"""A letter or digit that is not ASCII. Blanks, hyphens and marks are left out: copied numbers are full of them."""


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


def last_digits(written: ColumnElement[Any]) -> ColumnElement[Any]:
    """The last digits of a field, however its number is written; '' for a field with too few digits for one."""
    digits = _digits(written)
    is_long_enough = func.length(digits) >= literal_column(str(FEWEST))
    return case((is_long_enough, func.right(digits, literal_column(str(TAIL)))), else_=literal_column("''"))


def key_as_sql(column: str) -> str:
    """``number_key`` of a column by the application's name, for an index."""
    key = number_key(cast(literal_column(identifier(column)), Text))
    # Everything in it is a constant: no value is bound.
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy has no types there
    return " ".join(str(key.compile(dialect=dialect)).replace("%%", "%").split())


def may_mean(written: ColumnElement[Any]) -> ColumnElement[bool]:
    key, digits = number_key(written), _digits(written)
    tails, patterns = (bindparam(name, type_=ARRAY(Text)) for name in ("tails", "patterns"))
    contains = digits.op("LIKE")(func.any(patterns))
    # Digits of other scripts are no digits for PostgreSQL, so that such a field may mean any number.
    other_script = written.op("~")(literal_column(_OTHER_SCRIPT))
    return or_(key == func.any(tails), and_(key == literal_column("''"), or_(contains, other_script)))


def _digits(written: Any) -> Any:
    return func.regexp_replace(written, literal_column(_NOT_A_DIGIT), literal_column("''"), literal_column("'g'"))
