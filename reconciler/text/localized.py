"""Days, times and numbers as people at the venue write them, by the Unicode consortium's data (Babel)."""

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property, lru_cache

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time
from babel.numbers import format_decimal

LARGEST = 10**15
"""No number in a text is larger: writing one out could take for ever."""
LOCALE_NAME = re.compile(r"([a-z]{2,3})(?:[_-]([A-Z][a-z]{3}))?(?:[_-]([A-Z]{2}|[0-9]{3}))?")
_HOUSE = {"en_GB": "EEEE d MMMM"}
"""Habits that are not the data's: what texts said before they had a locale."""
_PART = re.compile(r"'[^']*'|([A-Za-z])\1*|[^A-Za-z']+")
"""A part of a date pattern: words in quotes, a field, or what stands between two."""


def locale_name(written: str) -> str:
    """The locale's name, such as ``en_GB``.

    Raises:
        ValueError: there is no such language, or it is not written in that country.
    """
    found = LOCALE_NAME.fullmatch(written)
    try:
        locale = Locale.parse(written.replace("-", "_")) if found else None
    except (UnknownLocaleError, ValueError):
        locale = None
    if not found or not locale or (locale.language, found[3] or locale.territory) != (found[1], locale.territory):
        raise ValueError("not a language and country; write en_GB, en_US, de_DE or fr_FR")
    return str(locale)


class Year(int):
    """A year, which is written without a mark between its digits."""

    def __add__(self, other: int) -> "Year":
        return Year(int(self) + other)

    def __sub__(self, other: int) -> "Year":
        return Year(int(self) - other)


@dataclass(frozen=True)
class Localized:
    """The writing habits of one locale."""

    name: str
    _locale: Locale = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_locale", Locale.parse(self.name))

    def date(self, local: datetime) -> str:
        """Weekday, day and month, as in ``Saturday 5 December``."""
        return _plain_blanks(format_date(local, self._day_and_month, locale=self._locale))

    def weekday(self, local: datetime) -> str:
        return _plain_blanks(format_date(local, "cccc", locale=self._locale))

    def time(self, local: datetime) -> str:
        return _plain_blanks(format_time(local, "short", locale=self._locale))

    def number(self, number: int | float | Decimal) -> str:
        """Raises:
        ValueError: the number is too large to be one of a booking.
        """
        if not -LARGEST < number < LARGEST:
            raise ValueError("a number that is too large")
        return _plain_blanks(format_decimal(number, locale=self._locale))

    @cached_property
    def _day_and_month(self) -> str:
        return _HOUSE.get(self.name) or _without_year(self._locale.date_formats["full"].pattern)

    def letters(self) -> frozenset[str]:
        """The characters of all its days and months, and of a time."""
        days = [datetime(2026, month, day) for month in range(1, 13) for day in (3, 4, 5, 6, 7, 8, 9)]  # noqa: DTZ001
        return frozenset("".join(f"{self.date(day)}{self.weekday(day)}{self.time(day)}" for day in days))


@lru_cache(maxsize=8)
def localized(name: str) -> Localized:
    return Localized(name)


def _without_year(pattern: str) -> str:
    """The pattern of a full date without year and era, and without the words that belong to them."""
    kept, skipping = [], True
    for found in _PART.finditer(pattern):
        if found[1]:
            skipping = found[1] in "yYuG"
        if not skipping:
            kept.append(found[0])
    while skipping and kept and not _PART.fullmatch(kept[-1])[1]:  # type: ignore[index]  # each part matches
        kept.pop()
    return "".join(kept)


def _plain_blanks(written: str) -> str:
    """Only the blank that every telephone has: another one makes each segment of a text less than half as long."""
    return "".join(" " if unicodedata.category(one) == "Zs" else one for one in written)
