"""Kinds of texts and of messages, by a part of their wording: ``ignore`` and ``nothing_left_if``."""

from typing import Annotated, Any

import re2
from pydantic import AfterValidator

from reconciler.domain.decide.policies import TextPattern

_OPTIONS = re2.Options()
_OPTIONS.case_sensitive = False
_OPTIONS.log_errors = False


def parse_text_pattern(value: str) -> TextPattern:
    """``one-time code``: part of a text, in any case; ``/code \\d{4}/``: a regular expression, in any case.

    The syntax is RE2's, which has no backreferences and no lookaround. It takes a time in proportion to the text: with
    Python's own expressions ``/(a+)+$/`` and a customer's text could keep a pass busy for ever.

    Raises:
        ValueError: a pattern that is none, or that matches every text: it would make every text one of this kind.
    """
    written = value.strip()
    is_pattern = len(written) > 1 and written.startswith("/") and written.endswith("/")
    try:
        pattern = _Pattern(re2.compile(written[1:-1] if is_pattern else re2.escape(written), _OPTIONS))
        matches_all = pattern.search("") is not None
    except (re2.error, ValueError) as error:
        raise ValueError(f"not a regular expression: {_said(error)}") from None
    if matches_all:
        raise ValueError("it matches every text; write words that no other text has")
    return pattern


class _Pattern:
    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled

    def search(self, text: str, /) -> object | None:
        # Half of a surrogate pair, as JSON can hold it, has no form in UTF-8.
        found: object | None = self._compiled.search(text.encode(errors="replace").decode())
        return found


def _said(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)


def require_pattern(value: str) -> str:
    """The pattern as it is written.

    Raises:
        ValueError: as ``parse_text_pattern``.
    """
    parse_text_pattern(value)
    return value


PatternText = Annotated[str, AfterValidator(require_pattern)]
"""A pattern, kept as it is written."""
