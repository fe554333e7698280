"""Which names a text may say: what people are called, and no link, number, remark or placeholder.

Names come from forms that anybody can fill in. A text that greets with whatever stands there carries strangers' words
under the venue's name.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

LONGEST_NAME = 40
"""Characters."""
MOST_WORDS, MOST_WORDS_IN_FULL = 3, 6
MOST_MARKS = 3
"""Combining marks on one letter: Vietnamese and Indic scripts need up to three."""
_JOINING = frozenset("-\u2010\u2011'\u2019\u2018\u02bc\u02bb\u00b4`\u00b7")
"""Hyphens and apostrophes, typographic ones too, and Catalan's middle dot."""
_ENDING = frozenset(".,")
_NO_WIDTH = re.compile(r"[\xad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]+")
"""Characters that take no room: left out, or they would hide a placeholder within a word."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_LINK = re.compile(r"://|\bwww\.|[\w-]\.[^\W\d_]{2,}|@", re.IGNORECASE)
"""A link, an address, or what a telephone makes one of: letters on both sides of a dot."""
_BETWEEN = re.compile(r"[\s/_.,-]+")
NOT_A_NAME, A_PLACEHOLDER, A_LINK = "not a name", "a placeholder", "has a link"


@dataclass(frozen=True, slots=True)
class Greeting:
    """How customers are greeted."""

    nameless: str
    """What stands in place of a first name."""
    placeholders: frozenset[str]
    """Words that ``words_of`` has made of the settings: nobody's names."""

    @classmethod
    def of(cls, nameless: str, placeholders: Iterable[str]) -> "Greeting":
        return cls(nameless, frozenset(" ".join(words_of(word)) for word in placeholders))

    def first_name(self, first_name: str, name: str) -> tuple[str, str]:
        """The name to greet with, '' for none; and why what stands there is not used, '' if it is."""
        own, why = self._usable(first_name, MOST_WORDS, _JOINING)
        if own:
            return own, ""
        # The first word of a whole name that is one.
        whole, no_name = self.name(name)
        first, no_first = self._usable(whole.partition(" ")[0], MOST_WORDS, _JOINING)
        return first, "" if first else why or no_name or no_first

    def name(self, name: str) -> tuple[str, str]:
        """The same for the whole name."""
        return self._usable(name, MOST_WORDS_IN_FULL, _JOINING | _ENDING)

    def _usable(self, written: str, most_words: int, joining: frozenset[str]) -> tuple[str, str]:
        name = one_line(written)
        if not name:
            return "", ""
        words = words_of(name)
        if " ".join(words) in self.placeholders or (words and all(word in self.placeholders for word in words)):
            return "", A_PLACEHOLDER
        is_name = len(name) <= LONGEST_NAME and len(name.split()) <= most_words and _is_spelled_like_one(name, joining)
        return (name, "") if is_name else ("", NOT_A_NAME)


def one_line(written: str) -> str:
    """The text on one line, composed, without invisible characters."""
    # A text of any length may stand in a row. What is cut off here makes it no name.
    short = written[: 8 * LONGEST_NAME]
    return " ".join(_CONTROL.sub(" ", _NO_WIDTH.sub("", unicodedata.normalize("NFC", short))).split())


def words_of(written: str) -> list[str]:
    """The words for comparing: case, width and what stands between them make no difference."""
    folded = unicodedata.normalize("NFKC", written).casefold()
    return [word for word in _BETWEEN.split(folded) if word]


def has_link(written: str) -> bool:
    return _LINK.search(unicodedata.normalize("NFKC", written)) is not None


def _is_spelled_like_one(name: str, joining: frozenset[str]) -> bool:
    """Letters, marks and blanks, and what may join them; a dot or comma only at the end of a word, as in *Dr. Lima*."""
    if not any(character.isalpha() for character in name):
        return False
    marks = 0
    for at, character in enumerate(name):
        kind = unicodedata.category(character)
        marks = marks + 1 if kind[0] == "M" else 0
        inside = character in _ENDING and name[at + 1 : at + 2] not in ("", " ")
        belongs = kind[0] in "LM" or character == " " or (character in joining and not inside)
        if marks > MOST_MARKS or not belongs:
            return False
    return True
