"""The health of a thing, in one word."""

from enum import StrEnum


class Mark(StrEnum):
    """The page gives each a word, a shape and a colour."""

    BROKEN = "broken"
    YOURS = "yours"
    WORKING = "working"
    WELL = "well"
    UNKNOWN = "unknown"
    OFF = "off"


MARK_WORDS = {Mark.YOURS: "your turn", Mark.WORKING: "nothing to do", Mark.UNKNOWN: "not known"}
