"""How each kind of value is written, as JSON schema. What reads the kind is its name here, and says what is wrong.

A schema accepts whatever the reader accepts. Where it cannot say all that the reader wants (a February, a template, a
regular expression), it accepts more, and `reconciler check` says the rest. Patterns are those that Python's ``re`` and
ECMAScript with the flag ``u`` read alike.
"""

from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import available_timezones

from reconciler.settings.file.crontab import parse_cron
from reconciler.settings.file.text_patterns import require_pattern
from reconciler.settings.file.values import (
    DATE,
    DURATION,
    RATE,
    TABLE,
    not_nothing,
    parse_duration,
    parse_hours,
    parse_locale,
    parse_per,
    parse_region,
    parse_since,
    parse_table,
    parse_zone,
)
from reconciler.settings.model.bookings import text_or_number
from reconciler.settings.model.fields import FIELD, WORD, parse_field, parse_word
from reconciler.settings.model.where import parse_matching
from reconciler.text.localized import LOCALE_NAME
from reconciler.text.phones import REGIONS

Form = dict[str, Any]
Reader = Callable[[Any], Any]

OFF: Form = {"const": False}
"""YAML 1.1 reads ``off`` as this, and so does a person who writes ``false``."""
_TRUTHS = ("yes", "no", "on", "off", "true", "false", "y", "n", "t", "f")
_CLOCK = "(?:[01]?[0-9]|2[0-3]):[0-5][0-9]"
_NUMBERS = "[0-9*,/-]+"
_WEEKDAY = "[A-Za-z*-]+(?:/[0-9]+)?"


def _text(pattern: str, example: str) -> Form:
    """A text, with blanks around it or without."""
    return {"type": "string", "pattern": rf"^\s*(?:{pattern})\s*$", "examples": [example]}


def _one_of(words: list[str]) -> Form:
    """One of many words. Blanks around it are taken; then an editor leaves the word to `reconciler check`."""
    return {"type": "string", "anyOf": [{"enum": words}, {"pattern": r"^\s|\s$"}]}


def _any_case(word: str) -> str:
    return "".join(f"[{letter.upper()}{letter}]" for letter in word)


def _said_by(read: Reader) -> str:
    """What the reader says of a value that is none of its own."""
    try:
        read(None)
    except ValueError as error:
        return str(error)
    raise TypeError(f"{read.__name__} takes nothing for a value")


def _explained(read: Reader, form: Form) -> Form:
    """The form with the reader's own words: editors of the VS Code family show them instead of the pattern."""
    said = _said_by(read)
    return form | {"patternErrorMessage": said, "errorMessage": said}


def _keyed(key: str, form: Form) -> Form:
    return {"type": "object", "properties": {key: form}, "required": [key], "additionalProperties": False}


_SCALAR: Form = {"type": ["string", "number", "boolean", "null"]}
_SCALARS: Form = {"type": "array", "items": _SCALAR, "minItems": 1}
_DURATION = _text(DURATION.pattern, "10m")
_POSITIVE = _text(rf"(?!0+\s*[a-z]){DURATION.pattern}", "10m")
BOOLEAN: Form = {
    "anyOf": [
        {"enum": [True, False, "yes", "no", 0, 1]},
        {"type": "string", "pattern": f"^(?:{'|'.join(map(_any_case, _TRUTHS))}|0|1)$"},
    ]
}
FORMS: Mapping[Reader, Form] = {
    parse_duration: _explained(parse_duration, _DURATION),
    not_nothing: _explained(parse_duration, _POSITIVE),
    parse_per: _explained(parse_per, _text(rf"(?!0+\s*/)(?!.*/\s*0+\s*[a-z]){RATE.pattern}", "3/24h")),
    parse_hours: _explained(parse_hours, _text(rf"off|{_CLOCK}\s*-\s*{_CLOCK}", "21:00-09:00")),
    parse_since: _explained(parse_since, _text(f"installed|{DATE.pattern}", "2026-05-01")),
    parse_table: _explained(parse_table, _text(TABLE.pattern, "public.bookings")),
    parse_zone: _explained(parse_zone, _one_of(sorted(available_timezones()))),
    parse_region: _explained(parse_region, _one_of(sorted(REGIONS))),
    parse_locale: _explained(parse_locale, _text(LOCALE_NAME.pattern, "en_GB")),
    parse_cron: _explained(
        parse_cron, _text(rf"(?:{_NUMBERS}\s+){{3}}[0-9A-Za-z*,/-]+\s+{_WEEKDAY}(?:,{_WEEKDAY})*", "0 10 * * mon")
    ),
    text_or_number: {"type": ["string", "integer"]},
    parse_matching: {
        "anyOf": [
            _SCALAR,
            _SCALARS,
            _keyed("not", {"anyOf": [_SCALAR, _SCALARS]}),
            _keyed("like", {"type": "string", "minLength": 1}),
        ]
    },
    parse_field: _explained(parse_field, _text(FIELD.pattern, "customer.full_name")),
    parse_word: {"type": "string", "pattern": f"^{WORD.pattern}$"},
    require_pattern: {"type": "string", "pattern": r"\S"},
}
"""What reads a kind of values -> how they are written. ``not_nothing`` stands for a duration above zero."""
