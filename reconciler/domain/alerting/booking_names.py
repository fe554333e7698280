"""What an alert calls a booking: by its reference, or by a digest where its id is personal data."""

import re
import unicodedata
from urllib.parse import unquote

from reconciler.domain.bookings import BookingId, reference
from reconciler.domain.hashing import digest

_MARK = "id:"
_DIGITS = 10
_PHONE = re.compile(
    r"""(?:tel:)?(?:
          [(\s]*(?:\+|00?)[(\s]*[1-9](?:[\s()./-]{0,2}\d){6,13}\)?  # with a country code or a national prefix
        | (?=.*[\s(])\(?\d(?:[\s()./-]{0,2}\d){7,14}               # in groups, as no serial id is
        | (?:1[\s.-])?\(?[2-9]\d{2}\)?[\s.-]?[2-9]\d{2}[\s.-]\d{4}   # as in North America
    )""",
    re.IGNORECASE | re.VERBOSE,
)
"""A plain number, as serial ids are, is none, and neither is a date."""
_PHONE_INSIDE = re.compile(
    r"""
      \+[(\s]*[1-9](?:[\s()./-]{0,2}\d){7,13}    # with a country code, after a word or before a date
    | (?<![^\W_])0[1-9](?:[ ]?\d){8,9}(?![^\W_]) # with a national prefix, as a word of several
    | tel:\d{7} | \(at\)
    """,
    re.IGNORECASE | re.VERBOSE,
)
_OTHER_SEPARATORS = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212\u00b7\u2022\u2027", "-"))
"""Dashes and dots that numbers are written with."""


def is_personal(booking: str) -> bool:
    """Whether the id looks like an e-mail address or a telephone number, or has one in it."""
    plain = unicodedata.normalize("NFKC", unquote(booking)).translate(_OTHER_SEPARATORS).strip()
    plain = "".join(str(unicodedata.decimal(one, one)) for one in plain)
    return "@" in plain or bool(_PHONE.fullmatch(plain) or _PHONE_INSIDE.search(plain))


def public_reference(booking: BookingId, installation: str) -> str:
    """What alerts call the booking. The digest depends on the installation, so that nobody can try all numbers."""
    if not is_personal(booking):
        return reference(booking)
    return f"{_MARK}{digest(installation, 'booking id', booking)[:_DIGITS]}"


def exact_name(booking: BookingId, installation: str) -> str:
    """What a backfill's plan calls the booking: its whole id, or a whole digest where the id is personal data."""
    return f"{_MARK}{digest(installation, 'booking id', booking)}" if is_personal(booking) else booking


def is_digest(written: str) -> bool:
    """Whether this stands for an id that is not shown."""
    return bool(re.fullmatch(rf"{_MARK}[0-9a-f]{{{_DIGITS},}}", written))
