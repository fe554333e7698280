"""Phone numbers drawn by seed: what people, forms, imports and attackers put where a number belongs."""

import random

from phonenumbers import PhoneNumberFormat, PhoneNumberType, example_number_for_type, format_number

from reconciler.text.phones import REGIONS

_DIGITS = ["0123456789", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "०१२३४५६७८९", "０１２３４５６７８９", "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗", "๐๑๒๓๔๕๖๗๘๙"]
_BETWEEN = ["", "", " ", "-", ".", "/", "(", ")", "\u00a0", "\u200b", "\u202a", "\u2011", "(0)", " (0) ", "\t"]
_BEHIND = ["", "", "", " ext 5", "x5", ";ext=7", "#5", " (mum)", " / 07700 900102", ", 020 7946 0123", " п.5", "\x00"]
_ODD = [
    "", "+", "++", "0" * 41, "9" * 200_000, "+" * 100_000, "(" * 100_000, "n/a", "call me", "\ud83d", "\x00",
    "+881612345678", "07012345678", "tel:+44;ext=1", "1-800-FLOWERS", "+44" * 13, "٠" * 40, "²³", "①②③④⑤⑥⑦",
]  # fmt: skip
COUNTRIES = sorted(REGIONS)


def drawn_region(seed: int) -> str:
    return random.Random(seed).choice([*COUNTRIES, *["GB", "US", "AR", "MX", "BR", "IT"] * 10])


def drawn_number(seed: int) -> str | None:
    """A mobile number (E.164) of the region, if it has any."""
    chance = random.Random(seed)
    example = example_number_for_type(drawn_region(seed), PhoneNumberType.MOBILE)
    if example is None:
        return None
    written = format_number(example, PhoneNumberFormat.E164)
    return written[:-4] + "".join(chance.choices("0123456789", k=4))


def drawn_spelling(seed: int, number: str, national: str) -> str:
    """A way to write the number that people use."""
    chance = random.Random(f"spelling {seed}")
    written = chance.choice(
        [number, number[1:], f"00{number[1:]}", f"011{number[1:]}", national, national, f"{national} / {number}"]
    )
    script = chance.choice([_DIGITS[0], _DIGITS[0], *_DIGITS])
    shown = "".join(script[int(one)] if one in _DIGITS[0] else one for one in written)
    between = chance.choice(["", " ", "-", ".", "\u00a0"])
    parts = [shown[at : at + 3] for at in range(0, len(shown), 3)]
    return between.join(parts) + chance.choice(["", "", " ext 5", " (mum)", " / 020 7946 0123"])


def drawn_field(seed: int) -> str:
    """Whatever may stand in a field for a number."""
    chance = random.Random(f"field {seed}")
    if chance.random() < 0.1:
        return chance.choice(_ODD)
    script = chance.choice(_DIGITS)
    parts = [
        chance.choice(script) if chance.random() < 0.7 else chance.choice(_BETWEEN)
        for _ in range(chance.randint(0, 24))
    ]
    return chance.choice(["", "+", "00", "011", "0", "(0"]) + "".join(parts) + chance.choice(_BEHIND)
