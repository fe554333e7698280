"""Text templates: sandboxed Jinja2, strict about variables, independent of locale and machine time zone."""

import difflib
import re
import unicodedata
from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, Undefined, UndefinedError, meta
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment

from reconciler.domain.bookings import Booking, BookingId
from reconciler.domain.decide.sms import Draft
from reconciler.domain.decide.sms_settlement import contains_reference
from reconciler.ports import Unwritable
from reconciler.text.segments import segments

MAX_SMS_LENGTH = 1600
"""Characters that Twilio accepts (Message resource, Body; error 21617 beyond)."""
MAX_NAME_LENGTH = 40
WEEKDAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTH_NAMES = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_INVISIBLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+")


def _plain(value: Any) -> Any:
    """Allow only text and numbers in a text; any other value would be printed as a Python object."""
    if isinstance(value, str | int | Undefined):
        return value
    raise TypeError(f"{type(value).__name__} is neither text nor a number")


_PADDING = frozenset({"center", "expandtabs", "format", "format_map", "indent", "ljust", "rjust", "zfill"})
"""Filters and methods that fill a text up to any length."""


class _Environment(SandboxedEnvironment):
    """Without the operators, filters and methods that make a short template a text, or a number, without end."""

    intercepted_binops = frozenset(["*", "**", "%"])

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" or not (isinstance(left, int) and isinstance(right, int)):
            raise TypeError(f"{operator} does not belong in a text")
        return super().call_binop(context, operator, left, right)

    def getattr(self, obj: Any, attribute: str) -> Any:
        if attribute in _PADDING:
            raise TypeError(f"{attribute} does not belong in a text")
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if argument in _PADDING:  # {{ ref["ljust"](9) }} is the same
            raise TypeError(f"{argument} does not belong in a text")
        return super().getitem(obj, argument)


# Plain text, not HTML: escaping would put &amp; on a phone. The sandbox keeps templates away from Python objects.
_ENVIRONMENT = _Environment(undefined=StrictUndefined, autoescape=False, finalize=_plain)
_ENVIRONMENT.globals.clear()  # range, lipsum and the like: a text contains only data of its booking
for _name in _PADDING & _ENVIRONMENT.filters.keys():
    del _ENVIRONMENT.filters[_name]
_FAILURES = (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, RecursionError)
"""Errors that rendering a template can raise."""


@dataclass(frozen=True, slots=True)
class MessageTemplate:
    """The text for one booking status: the queue's trigger and the template's source."""

    trigger: str
    template: str


class Templates:
    """``ports.MessageTemplate`` over the messages of cron.yaml."""

    def __init__(self, messages: Mapping[str, MessageTemplate], zone: ZoneInfo) -> None:
        self._zone = zone
        self._messages = {
            status: (message.trigger, _ENVIRONMENT.from_string(message.template), _used(message.template))
            for status, message in messages.items()
        }

    def write(self, booking: Booking, number: str) -> Draft:
        if booking.status not in self._messages:
            raise Unwritable("status")
        trigger, template, used = self._messages[booking.status]
        known = variables(booking, self._zone)
        body = _render(template, known, used - set(known))
        if not contains_reference(body, booking.reference):
            raise Unwritable("ref")
        if len(body) > MAX_SMS_LENGTH:
            raise Unwritable("length")
        return Draft(number=number, body=body, trigger=trigger, segments=segments(body))


def variables(booking: Booking, zone: ZoneInfo) -> dict[str, str | int]:
    """The variables for a template. A value that the booking lacks is absent, and a template that uses it fails.

    Raises:
        Unwritable: the booking has no date.
    """
    if booking.starts_at is None:
        raise Unwritable("date")
    local = booking.starts_at.astimezone(zone)
    name = _clean(booking.name)
    known: dict[str, str | int | None] = {
        "first_name": _clean(booking.first_name) or name.partition(" ")[0] or "there",
        "name": name or None,
        "date": f"{WEEKDAY_NAMES[local.weekday()]} {local.day} {MONTH_NAMES[local.month - 1]}",
        "weekday": WEEKDAY_NAMES[local.weekday()],
        "year": local.year,
        "time": f"{local:%H:%M}",
        "guests": booking.guests,
        "occasion": _clean(booking.occasion or "") or None,
        "ref": booking.reference,
    }
    return {variable: value for variable, value in known.items() if value is not None}


def check_template(source: str) -> list[str]:
    """Problems of a template, one sentence each; empty if it is valid."""
    try:
        used = _used(source)
        template = _ENVIRONMENT.from_string(source)
    except TemplateSyntaxError as error:
        return [f"line {error.lineno} of the template: {error.message}"]
    except RecursionError:
        return ["it is nested too deeply"]
    known = sorted(variables(_SAMPLE, ZoneInfo("UTC")))
    problems = [_unknown(name, known) for name in sorted(used - set(known))]
    if "ref" not in used:
        problems.append("the reference is missing: add {{ ref }}, by which a text is found again at the provider")
    if problems:
        return problems
    try:
        body = template.render(variables(_SAMPLE, ZoneInfo("UTC"))).strip()
    except _FAILURES as error:
        return [f"it cannot be filled: {error}"]
    if not contains_reference(body, _SAMPLE.reference):
        problems.append("the reference must appear unchanged and as a separate word: {{ ref }} without a filter")
    if len(body) > MAX_SMS_LENGTH:
        problems.append(f"{len(body)} characters for a typical booking; Twilio accepts {MAX_SMS_LENGTH}")
    return problems


def _used(source: str) -> set[str]:
    return meta.find_undeclared_variables(_ENVIRONMENT.parse(source))


def _render(template: Template, values: Mapping[str, str | int], absent: Set[str]) -> str:
    try:
        return template.render(values).strip()
    except UndefinedError as error:
        raise Unwritable(type(error).__name__, sorted(absent)) from None
    except _FAILURES as error:
        # The message may quote a value; the error's type does not.
        raise Unwritable(type(error).__name__) from None


def _unknown(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"available: {', '.join(known)}"
    return f"unknown variable {name}, {hint}"


def _clean(name: str) -> str:
    """A name on one line, without invisible characters, cut to ``MAX_NAME_LENGTH``."""
    folded = " ".join(_INVISIBLE.sub(" ", unicodedata.normalize("NFC", name)).split())
    return folded[:MAX_NAME_LENGTH].strip()


_SAMPLE = Booking(
    id=BookingId("1a2b3c4d-0000-4000-8000-000000000000"),
    status="confirmed",
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    starts_at=datetime(2026, 12, 12, 19, 30, tzinfo=UTC),
    ends_at=datetime(2026, 12, 12, 19, 30, tzinfo=UTC) + timedelta(hours=4),
    event_id=None,
    first_name="Ana",
    name="Ana Lima",
    phones=(),
    guests=40,
    occasion="Birthday",
)
