"""Phone numbers as people write them, by Google's libphonenumber."""

import re

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType

_CAN_BE_TEXTED = frozenset(
    {
        PhoneNumberType.MOBILE,
        PhoneNumberType.FIXED_LINE_OR_MOBILE,  # the North American plan does not distinguish the two
        PhoneNumberType.PERSONAL_NUMBER,
    }
)
_FICTION = re.compile(r"\+447700900\d{3}|\+33639980\d{3}")
"""Mobile numbers that Ofcom and ARCEP reserve for fiction. libphonenumber rejects them; we accept them, because they
belong to no subscriber, and tests and trials should use them."""
REGIONS = frozenset(phonenumbers.SUPPORTED_REGIONS)
"""The regions whose national numbers can be read: ISO 3166 codes."""
_LETTER_BEHIND = re.compile(r"\d.*[^\W\d_]", re.DOTALL)
"""An extension, a note, or letters in place of digits, which the parser would turn into another subscriber's number."""
_LONGEST = 40
"""Characters; longer input is not a phone number and never reaches the parser."""


class Phones:
    """``ports.PhoneNumbers``; a number without a country code belongs to ``region``."""

    def __init__(self, region: str) -> None:
        self._region = region

    def e164(self, written: str) -> str | None:
        if len(written) > _LONGEST or _LETTER_BEHIND.search(written):
            return None
        try:
            number = phonenumbers.parse(written, self._region)
        except NumberParseException:
            return None
        if number.extension:
            return None
        e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
        return e164 if _FICTION.fullmatch(e164) or _can_be_texted(number) else None

    def significant(self, e164: str) -> str:
        return phonenumbers.national_significant_number(phonenumbers.parse(e164))

    def spellings(self, e164: str) -> frozenset[str]:
        number = phonenumbers.parse(e164)
        code = str(number.country_code)
        significant = phonenumbers.national_significant_number(number)
        region = phonenumbers.region_code_for_country_code(number.country_code or 0)
        trunk = phonenumbers.ndd_prefix_for_region(region, True) if region else None
        national = f"{trunk or ''}{significant}"
        return frozenset(
            {
                f"+{code}{significant}",
                f"{code}{significant}",
                f"00{code}{significant}",
                f"+{code}{national}",
                f"{code}{national}",
                f"00{code}{national}",
                national,
                significant,
            }
        )


def _can_be_texted(number: PhoneNumber) -> bool:
    return phonenumbers.is_valid_number(number) and phonenumbers.number_type(number) in _CAN_BE_TEXTED
