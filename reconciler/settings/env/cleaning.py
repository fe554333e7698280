"""What surrounds or hides in a variable's value: blanks, quotes, and characters that nobody sees.

``docker run --env-file`` keeps the quotes of a value (Docker docs, docker container run). A value that is copied from a
web page may bring invisible characters. Around a value both are removed; within one they are a mistake.
"""

import unicodedata

_PAIRS = frozenset({'""', "''", "``", "“”", "‘’", "„“", "«»"})
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Characters that ``str.isprintable`` takes for visible, and that are drawn as nothing or as a blank."""


def cleaned(value: str) -> str:
    """``value`` without invisible characters around it, and without one pair of quotes around the rest."""
    bare = _stripped(value)
    return _stripped(bare[1:-1]) if len(bare) > 1 and bare[0] + bare[-1] in _PAIRS else bare


def invisible_problem(value: str) -> str:
    """Which character of ``value`` cannot be seen, and where; '' if each can. The value itself is not quoted."""
    for place, character in enumerate(value, start=1):
        if _is_invisible(character):
            name = unicodedata.name(character, "")
            written = f"U+{ord(character):04X} {name}".rstrip()
            return f"its character {place} cannot be seen ({written}); type the value anew, or copy it without that"
    return ""


def foreign_problem(value: str) -> str:
    """Which character of ``value`` no token or key has, and where; '' if each is visible ASCII."""
    for place, character in enumerate(value, start=1):
        if not "!" <= character <= "~":
            name = unicodedata.name(character, "no letter")
            return f"its character {place} ({name}) does not belong in a token; copy it anew from where it was made"
    return ""


def _stripped(value: str) -> str:
    start, end = 0, len(value)
    while start < end and _is_around(value[start]):
        start += 1
    while start < end and _is_around(value[end - 1]):
        end -= 1
    return value[start:end]


def _is_around(character: str) -> bool:
    return character.isspace() or _is_invisible(character)


def _is_invisible(character: str) -> bool:
    if character == " ":
        return False
    return not character.isprintable() or character in _BLANK or _is_variation_selector(character)


def _is_variation_selector(character: str) -> bool:
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
