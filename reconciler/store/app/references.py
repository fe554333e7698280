"""Bookings by what texts and titles call them: a code of the application's, or the beginning of the id.

PostgreSQL compares codes as they are written, all small and all large: an index on the column can serve that.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Text, and_, cast, false, func, literal, or_, select

from reconciler.domain.alerting.public_codes import code_fault, spellings, without_shared
from reconciler.domain.bookings import REFERENCE_LENGTH, Booking, BookingId, reference
from reconciler.store.app.app_tables import AppTables, is_left_out
from reconciler.store.app.mapping import one_of


def has_codes(tables: AppTables) -> bool:
    """Whether ``bookings.reference`` maps a column."""
    return "reference" in tables.booking.c


def code(tables: AppTables) -> ColumnElement[Any]:
    """The column that ``bookings.reference`` maps, as text."""
    return cast(tables.booking.c.reference, Text)


def with_codes_of_their_own(connection: Connection, tables: AppTables, bookings: Iterable[Booking]) -> list[Booking]:
    """These bookings. A code that several of our bookings have is taken from them: it stands for none."""
    found = list(bookings)
    codes = {one.code.written for one in found if one.code and one.code.written}
    if not codes:
        return found
    small = func.lower(code(tables))
    ours = and_(_is_one_of(tables, codes), tables.in_scope(), ~is_left_out(tables))
    statement = select(small).where(ours).group_by(small).having(func.count() > 1)
    shared = set(connection.scalars(statement))
    return [without_shared(one, shared) for one in found]


def of_bookings(connection: Connection, tables: AppTables, bookings: Collection[BookingId]) -> dict[BookingId, str]:
    """The references of these bookings. One that has no usable code, or is gone, is absent where codes are mapped."""
    if not has_codes(tables):
        return {booking: reference(booking) for booking in bookings}
    if not bookings:
        return {}
    key = tables.booking.c.id
    rows = connection.execute(select(cast(key, Text), code(tables)).where(one_of(key, bookings)))
    return {BookingId(own): written for own, written in rows if not code_fault(written)}


def is_shared(connection: Connection, tables: AppTables, booking: BookingId) -> bool:
    """Whether another booking has the same reference, whether or not we look after it."""
    key = cast(tables.booking.c.id, Text)
    if has_codes(tables):
        own = of_bookings(connection, tables, [booking]).get(booking)
        if own is None:
            return False
        alike = _is_one_of(tables, [own])
    else:
        same = reference(booking)
        # startswith can use an index. left() also compares ids that are shorter than a reference.
        alike = and_(key.startswith(same, autoescape=True), func.left(key, REFERENCE_LENGTH) == same)
    other = select(literal(1)).where(alike, key != booking).limit(1)
    return connection.execute(other).first() is not None


def with_references(
    connection: Connection, tables: AppTables, references: Collection[str], *, has_uuids: bool
) -> Sequence[BookingId]:
    """Our bookings that have one of these references, in any of its spellings."""
    own = tables.booking.c.id
    key = cast(own, Text)
    spelled = sorted({way for written in references for way in spellings(written)})
    if has_codes(tables):
        named = [one_of(code(tables), spelled)] if spelled else []
    elif has_uuids:
        begins = [word for word in spelled if re.fullmatch("[0-9a-f]{8}", word)]
        named = [and_(own >= word.ljust(32, "0"), own <= word.ljust(32, "f")) for word in begins]
    else:
        alike = [(key.startswith(word, autoescape=True), word) for word in spelled]
        named = [and_(begins_so, func.left(key, REFERENCE_LENGTH) == word) for begins_so, word in alike]
    statement = select(key).where(or_(false(), *named), tables.in_scope())
    return [BookingId(found) for found in connection.scalars(statement)] if named else []


def beginning_with(
    connection: Connection, tables: AppTables, prefix: str, limit: int, *, has_uuids: bool
) -> Sequence[BookingId]:
    """Up to ``limit`` ids, sorted, that begin with ``prefix``, or whose booking's code does.

    What is the whole id of one booking, or the whole code of some, means those alone: 4 is not the beginning of 42.
    """
    key = cast(tables.booking.c.id, Text)
    by_id = _find(connection, tables, _id_begins(tables, prefix, has_uuids=has_uuids), limit)
    if not has_codes(tables):
        return [BookingId(prefix)] if prefix in by_id else by_id
    exact = _find(connection, tables, or_(_is_one_of(tables, [prefix]), key == prefix), limit)
    if exact:
        return exact
    by_code = _find(connection, tables, func.lower(code(tables)).startswith(prefix.lower(), autoescape=True), limit)
    return sorted({*by_id, *by_code})[:limit]


def _find(connection: Connection, tables: AppTables, wanted: ColumnElement[bool], limit: int) -> Sequence[BookingId]:
    key = cast(tables.booking.c.id, Text)
    statement = select(key).where(wanted, tables.in_scope()).order_by(key).limit(limit)
    return [BookingId(found) for found in connection.scalars(statement)]


def _id_begins(tables: AppTables, prefix: str, *, has_uuids: bool) -> ColumnElement[bool]:
    own = tables.booking.c.id
    begins = func.lower(cast(own, Text)).startswith(prefix.lower(), autoescape=True)
    if not has_uuids:
        return begins
    digits = prefix.replace("-", "").lower()
    if not re.fullmatch("[0-9a-f]{1,32}", digits):
        return false()
    # An index on uuids cannot find a prefix, but it can find a range.
    return and_(begins, own >= digits.ljust(32, "0"), own <= digits.ljust(32, "f"))


def _is_one_of(tables: AppTables, codes: Collection[str]) -> ColumnElement[bool]:
    return one_of(code(tables), {way for written in codes for way in spellings(written)})
