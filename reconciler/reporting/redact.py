"""The last scrub of everything that is about to be sent or logged.

Alerts and log lines are built without personal data in the first place; this catches what was overlooked.
"""

import re
from collections.abc import Mapping
from typing import Any

MASK = "[number]"
_PHONE = re.compile(r"%2B\d{9,14}|(?<![\w.:-])\+?\d(?:[\s().-]{0,2}\d){9,14}(?![\w-])")
"""Ten to fifteen digits with the blanks, dots and brackets of phone numbers; not part of an id, a time or a version."""
_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+@")


def masked(text: str) -> str:
    """``text`` without phone numbers and without the credentials of a URL."""
    return _PHONE.sub(MASK, _CREDENTIALS.sub("", text))


def clean(value: Any) -> Any:
    """``value`` with every string in its lists and mappings masked."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, Mapping):
        return {name: clean(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [clean(inner) for inner in value]
    return value
