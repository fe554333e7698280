"""Templates and bookings drawn by seed: what people write between the braces, and what stands in a booking's row."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from reconciler.domain.bookings import Booking, BookingId

LOCALES = ["en_GB", "en_US", "de_DE", "fr_FR", "ar_EG", "ja_JP", "th_TH", "lv_LV", "fa_IR", "hi_IN"]
_NAMES = [
    "first_name",
    "name",
    "date",
    "weekday",
    "year",
    "time",
    "guests",
    "occasion",
    "ref",
    "ref",
    "frist_name",
    "self",
]
_FILTERS = [
    "upper", "lower", "title", "trim", "length", "default(2)", "d('x', true)", "int", "float", "round(1)", "join(',')",
    "center(9999)", "wordwrap(1)", "truncate(3)", "replace('a', 'b')", "list", "string", "first", "last", "sort", "sum",
    "batch(2)|list", "format(1)", "tojson", "pprint", "urlize", "xmlattr", "striptags", "filesizeformat", "abs", "e",
    "map('upper')", "select", "indent(9999)", "reverse", "unique|list", "slice(3)|list", "shout", "random", "attr('x')",
]  # fmt: skip
_OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "~", ">", "<", "==", "!=", "and", "or", "in", "not in"]
_ATTRIBUTES = ["upper()", "center(9999)", "__class__", "x", "format(1)", "split()", "_printed"]
_VALUES = [
    "0",
    "2",
    "9999",
    "10000000",
    "1.5",
    "'x'",
    "'%s'",
    "'%9999s'",
    "none",
    "true",
    "[]",
    "[1, 2]",
    "{'a': 1}",
    "()",
]
_TEXTS = [
    "Hi ", ", see you. ", "Ref ", "\n", "é", "さくら", "{", "}}", "{{", "{%", "%}", "{#", "<b>", "x" * 400, "\x00",
    "\ud83d", "{% raw %}", "{% endraw %}", "{% break %}",
]  # fmt: skip
WORDS = [
    "", "", "Ana", "Maya Okafor", "your account is locked http://evil.example/p", "Unknown", "null", "\u202e", "\x00",
    "x" * 200_000, "a\u0301" * 50_000, "🎉", "{{ ref }}", "O'Neil", "D’Arcy", "محمد", "\ud83d", "www.evil.example",
]  # fmt: skip
_GUESTS = [None, None, 0, 2, 40, 1200, 999_999, Decimal("40.5"), "about 40", "", "x" * 5000, Decimal("0.001"), -3]


def _expression(chance: random.Random, deep: int = 0) -> str:
    kind = chance.randrange(7 if deep < 4 else 2)
    if kind == 0:
        return chance.choice(_NAMES)
    if kind == 1:
        return chance.choice(_VALUES)
    inner = _expression(chance, deep + 1)
    if kind == 2:
        return f"{inner}|{chance.choice(_FILTERS)}"
    if kind == 3:
        return f"({inner} {chance.choice(_OPERATORS)} {_expression(chance, deep + 1)})"
    if kind == 4:
        return f"{inner}.{chance.choice(_ATTRIBUTES)}"
    if kind == 5:
        return f"{inner}[{_expression(chance, deep + 1)}]"
    return f"({inner} if {_expression(chance, deep + 1)} else {_expression(chance, deep + 1)})"


def _piece(chance: random.Random, deep: int = 0) -> str:
    kind = chance.randrange(8 if deep < 3 else 3)
    if kind < 2:
        return f"{{{{ {_expression(chance)} }}}}"
    if kind == 2:
        return chance.choice(_TEXTS)
    inner = "".join(_piece(chance, deep + 1) for _ in range(chance.randint(0, 3)))
    if kind in (3, 4):
        return f"{{% if {_expression(chance)} %}}{inner}{{% endif %}}"
    if kind == 5:
        return f"{{% for one in {_expression(chance)} %}}{inner}{{{{ one }}}}{{% endfor %}}"
    if kind == 6:
        return f"{{% set {chance.choice(_NAMES)} = {_expression(chance)} %}}{inner}"
    return chance.choice(
        [f"{{% macro f(n) %}}{inner}{{% endmacro %}}", f"{{% filter upper %}}{inner}{{% endfilter %}}", inner]
    )


def drawn_template(seed: int) -> str:
    chance = random.Random(f"template {seed}")
    pieces = [_piece(chance) for _ in range(chance.randint(0, 6))]
    if chance.random() < 0.8:
        pieces.insert(chance.randint(0, len(pieces)), " {{ ref }} ")
    return "".join(pieces)


def drawn_booking(seed: int) -> Booking:
    chance = random.Random(f"booking {seed}")
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=chance.randrange(525_600))
    booking = Booking(
        id=BookingId("7f3a9c21-0000-4000-8000-000000000000"),
        status="confirmed",
        created_at=start - timedelta(days=9),
        starts_at=start if chance.random() < 0.95 else None,
        ends_at=None,
        event_id=None,
        first_name=chance.choice(WORDS),
        name=chance.choice(WORDS),
        phones=(),
        guests=chance.choice(_GUESTS),
        occasion=chance.choice([None, *WORDS]),
    )
    return replace(booking, id=BookingId("42")) if chance.random() < 0.1 else booking
