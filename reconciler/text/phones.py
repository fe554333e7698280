"""Phone numbers as people write them, by Google's libphonenumber.

What "the same number" means is defined here, once: for consent, for the limit per recipient, and for the search at the
provider. In doubt two numbers are the same, and no text is sent.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType

_CAN_BE_TEXTED = frozenset(
    {
        PhoneNumberType.MOBILE,
        PhoneNumberType.FIXED_LINE_OR_MOBILE,  # the North American plan does not distinguish the two
    }
)
_KINDS = {
    PhoneNumberType.PREMIUM_RATE: "a premium rate number",
    PhoneNumberType.SHARED_COST: "a shared cost number",
    PhoneNumberType.TOLL_FREE: "a toll-free number",
    PhoneNumberType.PERSONAL_NUMBER: "a personal number, which forwards at any price",
    PhoneNumberType.PAGER: "a pager",
    PhoneNumberType.UAN: "a company's service number",
    PhoneNumberType.VOICEMAIL: "a voicemail access number",
    PhoneNumberType.VOIP: "an internet telephone",
}
"""Kinds of valid numbers that are not texted, whatever they could receive, in words. A landline is just unusable."""
_NO_COUNTRY = "a satellite or other number of no country"
_EVERYWHERE = "001"
"""libphonenumber's region of numbers that belong to no country."""
_FICTION = {re.compile(r"\+447700900\d{3}"): "GB", re.compile(r"\+33639980\d{3}"): "FR"}
"""Mobile numbers that Ofcom and ARCEP reserve for fiction. libphonenumber rejects them; we accept them, because they
belong to no subscriber, and tests and trials should use them."""
REGIONS = frozenset(phonenumbers.SUPPORTED_REGIONS)
"""The regions whose national numbers can be read: ISO 3166 codes."""
_WITHIN = {"GG": "GB", "IM": "GB", "JE": "GB", "VA": "IT", "SJ": "NO", "AX": "FI", "CX": "AU", "CC": "AU"}
"""Territories that share a country's numbers and their prices: a few digits tell them apart, and people keep theirs."""
_LETTER_BEHIND = re.compile(r"\d.*[^\W\d_]", re.DOTALL)
"""An extension, a note, or letters in place of digits, which the parser would turn into another subscriber's number."""
_APART = re.compile(r"[/,;|&#\n]|[^\W\d_]+")
"""What stands between two numbers, or before an extension."""
_LONGEST = 40
"""Characters; longer input is not a phone number and never reaches the parser."""
TAIL = 6
"""Digits at the end that all ways to write a number share: as many as the shortest subscriber numbers of the countries
where something can stand before them (Argentina's 15)."""
_LONG_ENOUGH = 7
"""So many digits name a subscriber wherever they stand. Fewer do only as a whole, or behind their country code."""
_LOCAL = 8
"""So many digits may be a number without its area code."""
_AR, _BR, _MX = 54, 55, 52
_MX_OLD = re.compile(r"(?:1|01|044|045)(\d{10})")


class Phones:
    """``ports.PhoneNumbers``; a number without a country code belongs to ``region``."""

    def __init__(self, region: str) -> None:
        self._region = region
        # One decision asks three times about the same number, and parsing it is the longest part of a decision.
        self._parsed = lru_cache(maxsize=1000)(self._parse)

    def e164(self, written: str) -> str | None:
        number = self._parsed(written)
        if number is None:
            return None
        e164 = _e164(number)
        return e164 if _fiction(e164) or (not _kind(number) and _can_be_texted(number)) else None

    def refused_kind(self, written: str) -> str:
        number = self._parsed(written)
        return "" if number is None or _fiction(_e164(number)) else _kind(number)

    def country(self, e164: str) -> str:
        fiction = _fiction(e164)
        if fiction:
            return fiction
        region = phonenumbers.region_code_for_number(phonenumbers.parse(e164)) or ""
        return counted_as(region)

    def forms(self, e164: str) -> tuple[str, ...]:
        number = phonenumbers.parse(e164)
        code, national = number.country_code, phonenumbers.national_significant_number(number)
        return tuple(f"+{code}{form}" for form in (national, *_other_forms(code, national)))

    def tails(self, numbers: Iterable[str]) -> frozenset[str]:
        return frozenset(tail for number in numbers for tail in _tails(number))

    def meant(self, written: Iterable[str], numbers: Iterable[str]) -> Mapping[str, frozenset[str]]:
        ending: dict[str, set[str]] = defaultdict(set)
        for number in numbers:
            for tail in _tails(number):
                ending[tail].add(number)
        return {words: self._meant_by(words, ending) for words in set(written)}

    def _meant_by(self, written: str, ending: Mapping[str, Collection[str]]) -> frozenset[str]:
        digits = ascii_digits(written)
        windows = {digits[at : at + long] for long in {len(tail) for tail in ending} for at in range(len(digits))}
        near = {number for window in windows & ending.keys() for number in ending[window]}
        own = self._parsed(written) if near else None
        return frozenset(
            number
            for number in near
            if _contains(digits, _parts(written), number) or (own is not None and _e164(own) == number)
        )

    def _parse(self, written: str) -> PhoneNumber | None:
        """The one number that is written here, valid or not."""
        if len(written) > _LONGEST or _LETTER_BEHIND.search(written):
            return None
        try:
            number = phonenumbers.parse(written, self._region)
        except NumberParseException:
            return None
        return None if number.extension else _as_dialled_today(number)


def counted_as(region: str) -> str:
    """The country whose numbers and prices a region shares."""
    return _WITHIN.get(region, region)


def ascii_digits(written: str) -> str:
    """The digits of a text, of whatever script, as ASCII."""
    return "".join(str(unicodedata.decimal(one)) for one in written if one.isdecimal())


def _e164(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def _fiction(e164: str) -> str:
    return next((country for numbers, country in _FICTION.items() if numbers.fullmatch(e164)), "")


def _kind(number: PhoneNumber) -> str:
    """Why a number of this kind is not texted; '' for a mobile number, a landline, and what is no valid number."""
    if phonenumbers.region_code_for_country_code(number.country_code or 0) == _EVERYWHERE:
        return _NO_COUNTRY
    return _KINDS.get(phonenumbers.number_type(number), "")


def _can_be_texted(number: PhoneNumber) -> bool:
    return phonenumbers.is_valid_number(number) and phonenumbers.number_type(number) in _CAN_BE_TEXTED


def _as_dialled_today(number: PhoneNumber) -> PhoneNumber:
    """Mexico dialled mobile numbers with a 1, 044 or 045 in front until 2020. No number there begins so."""
    old = _MX_OLD.fullmatch(phonenumbers.national_significant_number(number))
    if number.country_code != _MX or not old:
        return number
    return phonenumbers.parse(f"+{_MX}{old[1]}")


def _other_forms(code: int | None, national: str) -> list[str]:
    """What else stands behind the country code where a country has written its mobile numbers in two ways."""
    if code == _MX:
        return [f"1{national}"]
    if code == _AR and national.startswith("9"):
        return [national[1:]]
    if code == _BR and len(national) == 11 and national[2] == "9":
        return [national[:2] + national[3:]]  # the ninth digit came between 2012 and 2016
    return []


@lru_cache(maxsize=4096)
def _cores(e164: str) -> tuple[str, frozenset[str]]:
    """The country code, and the digits that stand in every way to write this number, without any prefix."""
    number = phonenumbers.parse(e164)
    significant = phonenumbers.national_significant_number(number)
    dialled = ascii_digits(phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL))
    every = [significant, dialled, *_other_forms(number.country_code, significant)]
    return str(number.country_code), frozenset(core for core in (one.lstrip("0") for one in every) if core)


@lru_cache(maxsize=4096)
def _tails(e164: str) -> frozenset[str]:
    code, cores = _cores(e164)
    # What stands before a short number belongs to its last six digits.
    return frozenset(f"{before}{core}"[-TAIL:] for core in cores for before in ("", "0", code))


def _parts(written: str) -> list[str]:
    """The digits of each part of a field that may be a number by itself."""
    return [ascii_digits(part) for part in _APART.split(written)]


def _contains(digits: str, parts: Collection[str], e164: str) -> bool:
    """Whether a field with these digits may hold the number: besides another one, an extension or any prefix."""
    code, cores = _cores(e164)
    for core in cores:
        if len(core) >= _LONG_ENOUGH:
            if core in digits or (len(digits) >= _LOCAL and core.endswith(digits)):
                return True
        elif f"{code}{core}" in digits or any(part.lstrip("0") == core for part in (digits, *parts)):
            return True
    return False
