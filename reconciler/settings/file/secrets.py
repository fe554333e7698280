"""Secrets that somebody typed into cron.yaml: a message about a mistake must not repeat them."""

import re

WITHHELD = "[not shown: it looks like a secret or an address]"
_SECRET = re.compile(
    r"""
      -----BEGIN[^"]*                               # a key, on as many lines as it has
    | [A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s"',]*[^\s"',:)] # a URL: it may hold a password, and the routes of on-call do
    | [^\s"'@:/]{1,64}@[^\s"':/]+                   # an e-mail address
    | \+\d[\d ()./-]{6,}\d                          # a telephone number
    | (?<![\w+=-])                                  # a token: a long word of letters and figures
      (?=[\w+=-]*\d)(?=[\w+=-]*[A-Za-z])[\w+=-]{20,}
    """,
    re.VERBOSE,
)
"""Each part has a longest length where it could begin at every character: a long value must not take quadratic time."""
_PLACE = re.compile(r"^[^:]*(?::\d+)?: ")


def without_secrets(message: str) -> str:
    """The message with what looks like a secret or an address withheld. The file and the line stay."""
    place = _PLACE.match(message)
    begin = place.end() if place else 0
    return message[:begin] + withhold(message[begin:])


def withhold(said: str) -> str:
    """Words that have no place before them, with what looks like a secret or an address withheld."""
    return _SECRET.sub(WITHHELD, said)
