"""What an alert calls a booking: by its reference, or by a digest where its id is personal data."""

import re

from reconciler.domain.bookings import BookingId, reference
from reconciler.domain.hashing import digest

_MARK = "id:"
_DIGITS = 10
_PHONE = re.compile(
    r"""(?:tel:)?(?:
          [(\s]*(?:\+|00?)[(\s]*[1-9](?:[\s()./-]{0,2}\d){6,13}\)?  # with a country code or a national prefix
        | (?=.*[\s(])\(?\d(?:[\s()./-]{0,2}\d){7,14}               # in groups, as no serial id is
        | \(?[2-9]\d{2}\)?[\s.-]?[2-9]\d{2}[\s.-]\d{4}            # as in North America
    )""",
    re.IGNORECASE | re.VERBOSE,
)
"""A plain number, as serial ids are, is none, and neither is a date."""


def is_personal(booking: str) -> bool:
    """Whether the id looks like an e-mail address or a telephone number."""
    return "@" in booking or bool(_PHONE.fullmatch(booking.strip()))


def public_reference(booking: BookingId, installation: str) -> str:
    """What alerts call the booking. The digest depends on the installation, so that nobody can try all numbers."""
    if not is_personal(booking):
        return reference(booking)
    return f"{_MARK}{digest(installation, 'booking id', booking)[:_DIGITS]}"


def is_digest(written: str) -> bool:
    """Whether this is a reference of an id that is not shown."""
    return bool(re.fullmatch(rf"{_MARK}[0-9a-f]{{{_DIGITS}}}", written))
