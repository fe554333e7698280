"""``rules.sms.missing.ignore``: kinds of texts that are about no booking."""

import re
from typing import Annotated

from pydantic import AfterValidator


def parse_ignored(value: str) -> re.Pattern[str]:
    """``one-time code``: part of a text, in any case; ``/code \\d{4}/``: a regular expression, in any case.

    Raises:
        ValueError: a pattern that is none, or that matches every text: it would make all texts look harmless.
    """
    written = value.strip()
    is_pattern = len(written) > 1 and written.startswith("/") and written.endswith("/")
    try:
        pattern = re.compile(written[1:-1] if is_pattern else re.escape(written), re.IGNORECASE)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    if pattern.search(""):
        raise ValueError("it matches every text; write words that only texts about no booking have")
    return pattern


def _ignored(value: str) -> str:
    parse_ignored(value)
    return value


Ignored = Annotated[str, AfterValidator(_ignored)]
"""A kind of text, kept as it is written."""
