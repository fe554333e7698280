"""Whether the code that an application gives its bookings, such as ``B-2026-0042``, can stand for one of them.

Texts and titles show it, and they are searched for it. So it must be a word of its own, long enough that it stands
nowhere by chance, and nothing personal.
"""

import re
from collections.abc import Collection
from dataclasses import replace

from reconciler.domain.alerting.booking_names import is_personal
from reconciler.domain.bookings import Booking, PublicCode

SHORTEST, SHORTEST_NUMBER, LONGEST = 4, 5, 40
"""Characters of a code, and of one that has digits only: those stand in many texts, as years and times of day."""
EMPTY = "empty"
PERSONAL = "an e-mail address or a telephone number"
A_NAME = "the customer's name"
SHARED = "another booking has it too"
TOO_SHORT = "too short to prove anything"
TOO_LONG = f"longer than {LONGEST} characters"
A_LINK = "a link"
OTHER_CHARACTERS = "not of letters and digits of ASCII, with - _ . / : # + * ( ) between them and no spaces"
_JOINTS = r"[-_./:#+*()]"
_CODE = re.compile(rf"[A-Za-z0-9]+(?:{_JOINTS}+[A-Za-z0-9]+)*")
_RUN = re.compile(rf"[A-Za-z0-9](?:{_JOINTS}*[A-Za-z0-9])*")
_LINK = re.compile(r"//|[\w-]\.[a-z]{2,}/", re.IGNORECASE)
_PART = re.compile(r"[A-Za-z0-9]+")
_LONG = 6
"""Characters of a code with letters and digits that stands in no title by chance."""


def code_of(written: str | None, *names: str) -> PublicCode:
    """The code that stands in a booking's row. ``names``: what its customer is called."""
    fault = code_fault(written, *names)
    return PublicCode(written="" if fault else written or "", fault=fault)


def code_fault(written: str | None, *names: str) -> str:
    """Why this stands for no booking, in words that hold nothing of it; '' if it can."""
    if written is None or not written.strip():
        return EMPTY
    if is_personal(written):
        return PERSONAL
    if written.strip().casefold() in {name.strip().casefold() for name in names}:
        return A_NAME
    if not _CODE.fullmatch(written):
        return OTHER_CHARACTERS
    if len(written) < (SHORTEST_NUMBER if written.isdigit() else SHORTEST):
        return TOO_SHORT
    if len(written) > LONGEST:
        return TOO_LONG
    return A_LINK if _LINK.search(written) else ""


def spellings(code: str) -> frozenset[str]:
    """The ways in which the code is looked for: a person may write it all small or all large."""
    return frozenset((code, code.lower(), code.upper()))


def without_shared(booking: Booking, shared: Collection[str]) -> Booking:
    """The booking; without its code if that is one of ``shared``, which several bookings have, in small letters."""
    if booking.code is None or booking.code.written.lower() not in shared:
        return booking
    return replace(booking, code=PublicCode(written="", fault=SHARED))


def identifies_alone(code: str) -> bool:
    """Whether the code in a title identifies its booking without the customer's name."""
    return len(code) >= _LONG and any(map(str.isdigit, code)) and any(map(str.isalpha, code))


def possible_codes(text: str) -> frozenset[str]:
    """What in the text may be a booking's code: with a digit or all in large letters, as few plain words are."""
    found = set()
    for run in _RUN.finditer(text):
        parts = list(_PART.finditer(run[0]))
        for first, begin in enumerate(parts):
            found |= {run[0][begin.start() : end.end()] for end in parts[first:]}
    return frozenset(one for one in found if _looks_given(one) and not code_fault(one))


def _looks_given(word: str) -> bool:
    return any(map(str.isdigit, word)) or word.isupper()
