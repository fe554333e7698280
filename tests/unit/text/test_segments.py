"""How many segments a text is billed as, against a second way of counting that is slow and shares no code."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.text.segments import segments

ROWS = (
    "@£$¥èéùìòÇ\nØø\rÅå",
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ",  # the escape has a place in the table, and is no character of a text
    " !\"#¤%&'()*+,-./",
    "0123456789:;<=>?",
    "¡ABCDEFGHIJKLMNO",
    "PQRSTUVWXYZÄÖÑÜ§",
    "¿abcdefghijklmno",
    "pqrstuvwxyzäöñüà",
)
"""3GPP TS 23.038, 6.2.1: the default alphabet, sixteen at a time."""
BEHIND_ESCAPE = {"\f": 0x0A, "^": 0x14, "{": 0x28, "}": 0x29, "\\": 0x2F, "[": 0x3C, "~": 0x3D, "]": 0x3E, "|": 0x40}
BEHIND_ESCAPE["€"] = 0x65
"""6.2.1.1: its extension."""


def encoded(text: str) -> tuple[list[int], int, int]:
    """The width of each character in units, and how many units a segment holds alone and joined to others."""
    basic = {character: place for place, character in enumerate("".join(ROWS)) if character != "\x1b"}
    assert len(basic) == 127
    if set(text) <= basic.keys() | BEHIND_ESCAPE.keys():
        return [1 if character in basic else 2 for character in text], 160, 153
    return [len(character.encode("utf-16-le")) // 2 for character in text], 70, 67


def slowly_counted(text: str) -> int:
    """The fewest segments into which the characters can be dealt, none of them cut: every way is tried."""
    widths, alone, joined = encoded(text)
    if sum(widths) <= alone:
        return 1
    units = list(accumulate(widths, initial=0))
    fewest = [0]  # for the first n characters
    for end in range(1, len(widths) + 1):
        begins = [start for start in range(end) if units[end] - units[start] <= joined]
        fewest.append(1 + min(fewest[start] for start in begins))
    return fewest[-1]


ALPHABETS = ["ab €", "aé[]{}", "a😀", "ab\u2019ç", "".join(ROWS).replace("\x1b", ""), "€😀a"]
phrases = st.sampled_from(ALPHABETS).flatmap(lambda letters: st.text(st.sampled_from(letters), min_size=1, max_size=7))


@given(st.one_of(phrases, st.text(min_size=1, max_size=7)), st.integers(1, 100))
def test_the_count_is_the_slow_one(phrase: str, times: int) -> None:
    assert segments(phrase * times) == slowly_counted(phrase * times)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("€" * 152, 2),  # 76 fit: the 77th would be cut
        ("€" * 153, 3),
        ("ç" * 70, 1),
        ("ç" * 71, 2),
        ("ç" * 134, 2),
        ("ç" * 135, 3),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("😀" * 66, 2),
        ("😀" * 67, 3),
        ("\uffff" * 70, 1),  # the last character of one unit
        ("\U00010000" * 36, 2),  # the first of two
        ("a" * 69 + "\u2019", 1),
        ("a" * 70 + "\u2019", 2),  # one typographic apostrophe more than doubles the price
        ("\u2019" + "a" * 159, 3),
    ],
)
def test_where_a_segment_ends(text: str, count: int) -> None:
    assert segments(text) == count
