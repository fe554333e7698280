"""Names of tables and columns, cut into words and weighed."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from reconciler.settings.adopt.facts import SeenColumn

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+[a-z]*")
_LETTERS_AND_DIGITS = re.compile(r"e 164\b")


def name_words(name: str) -> tuple[str, ...]:
    """``startTime`` and ``start_time`` are *start*, *time*."""
    return tuple(word.lower() for word in _WORDS.findall(name.replace("E164", "e164").replace("e164", "_e_164")))


def phrase(words: Iterable[str]) -> str:
    return _LETTERS_AND_DIGITS.sub("e164", " ".join(words))


def singular(word: str) -> str:
    if word == "people":
        return "person"
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us")) else word


def without(words: Iterable[str], nouns: Collection[str]) -> tuple[str, ...]:
    return tuple(word for word in words if word not in nouns)


def weight(name: str, weights: Mapping[str, int], *nouns: Collection[str]) -> int:
    """How much the name speaks for these words: as it is, or without the words of ``nouns``. 0: not at all."""
    words = name_words(name)
    forms = [words, *(without(words, some) for some in nouns)]
    return max((weights.get(phrase(form), 0) for form in forms), default=0)


@dataclass(frozen=True, slots=True)
class Weighed:
    """A column, and how much its name speaks for it."""

    column: SeenColumn
    weight: int


def by_weight(columns: Iterable[SeenColumn], weights: Mapping[str, int], *nouns: Collection[str]) -> list[Weighed]:
    """Those whose name is among the words, the best first; of equals, the one that comes first in the table."""
    found = [Weighed(column, weight(column.name, weights, *nouns)) for column in columns]
    return sorted((one for one in found if one.weight > 0), key=lambda one: -one.weight)


def best(columns: Iterable[SeenColumn], weights: Mapping[str, int], *nouns: Collection[str]) -> SeenColumn | None:
    found = by_weight(columns, weights, *nouns)
    return found[0].column if found else None
