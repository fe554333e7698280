"""``ignore`` is matched against what customers are sent: no pattern and no text may keep a pass busy."""

import pytest

from reconciler.settings.file.text_patterns import parse_text_pattern

LONG = "a" * 50_000 + "!"


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*!!$", "(a|aa)+$", "(.*a){12}$", "([a-zA-Z]+)*b$", "(x+x+)+y"])
def test_a_pattern_that_would_take_for_ever(pattern: str) -> None:
    """With Python's own expressions the test does not end."""
    assert parse_text_pattern(f"/{pattern}/").search(LONG) is None


@pytest.mark.parametrize(
    ("written", "text", "matches"),
    [
        ("one-time code", "Your ONE-TIME CODE is 1234", True),
        ("20% off (today)", "Only now: 20% OFF (today)!", True),
        ("/code \\d{4}/", "Code 1234", True),
        ("/code \\d{4}/", "code 123", False),
        ("\u00c9T\u00c9", "l'\u00e9t\u00e9", True),
        ("/^code/", "the code", False),
        ("code", "\ud83d code", True),  # half an emoji, as JSON can hold it
    ],
)
def test_what_matches(written: str, text: str, matches: bool) -> None:
    assert (parse_text_pattern(written).search(text) is not None) == matches


@pytest.mark.parametrize("pattern", ["(", "(a)\\1", "(?=code)", "a{1000}{1000}", "[z-a]", "*", "\\"])
def test_what_is_no_pattern(pattern: str) -> None:
    with pytest.raises(ValueError, match="not a regular expression"):
        parse_text_pattern(f"/{pattern}/")


@pytest.mark.parametrize("pattern", ["a*", "", "|", "(?:)", "x?"])
def test_what_matches_every_text(pattern: str) -> None:
    with pytest.raises(ValueError, match="matches every text"):
        parse_text_pattern(f"/{pattern}/")
