"""Text templates: sandboxed Jinja2. What a booking lacks is false in a condition, and an error where it is printed."""

import difflib
from collections.abc import Collection, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, Undefined, meta
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment

from reconciler.domain.bookings import Booking, BookingId
from reconciler.domain.decide.sms import Draft
from reconciler.domain.decide.sms_settlement import contains_reference
from reconciler.ports import TemplateTrial, Unwritable
from reconciler.text.absent import Absent, Nameless, passing_absent
from reconciler.text.facts import FACTS, Facts, used_facts
from reconciler.text.greeting import A_LINK, LONGEST_NAME, Greeting, has_link, one_line
from reconciler.text.localized import Localized, Year
from reconciler.text.segments import segments
from reconciler.text.template_limits import excesses

MAX_SMS_LENGTH = 1600
"""Characters that Twilio accepts (Message resource, Body; error 21617 beyond)."""
MOST = 10**6
"""No product in a text is larger: a text could be padded to its length."""
Value = str | int | Decimal | Absent


_PADDING = frozenset({"center", "expandtabs", "format", "format_map", "indent", "ljust", "rjust", "zfill"})
"""Filters and methods that fill a text up to any length."""


class _Environment(SandboxedEnvironment):
    """Without the operators, filters and methods that make a short template a text, or a number, without end."""

    intercepted_binops = frozenset(["*", "**", "%"])

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        numbers = isinstance(left, int | Decimal | Absent) and isinstance(right, int | Decimal | Absent)
        if operator == "**" or not numbers:
            raise TypeError(f"{operator} does not belong in a text")
        product = super().call_binop(context, operator, left, right)
        if not isinstance(product, Absent) and not abs(product) < MOST:
            raise ValueError("a product that is too large")
        return product

    def getattr(self, obj: Any, attribute: str) -> Any:
        if attribute in _PADDING and not isinstance(obj, Facts):
            raise TypeError(f"{attribute} does not belong in a text")
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if argument in _PADDING and not isinstance(obj, Facts):  # {{ ref["ljust"](9) }} is the same
            raise TypeError(f"{argument} does not belong in a text")
        return super().getitem(obj, argument)


def _environment(locale: Localized) -> _Environment:
    """For plain text: escaping as in HTML would put &amp; on a phone. The sandbox keeps Python objects away."""

    def finalize(value: Any) -> Any:
        """Allow only text and numbers in a text; any other value would be printed as a Python object."""
        if isinstance(value, str | Year | bool | Undefined):
            return value
        if isinstance(value, int | float | Decimal):
            return locale.number(value)
        raise TypeError(f"{type(value).__name__} is neither text nor a number")

    environment = _Environment(undefined=StrictUndefined, autoescape=False, finalize=finalize)
    environment.globals.clear()  # range, lipsum and the like: a text contains only data of its booking
    for name in _PADDING & environment.filters.keys():
        del environment.filters[name]
    for name in environment.filters.keys() - {"default", "d"}:
        environment.filters[name] = passing_absent(environment.filters[name])
    return environment


_FAILURES = (
    TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError,
)  # fmt: skip
"""Errors that rendering a template can raise."""
VARIABLES = ("first_name", "name", "date", "weekday", "year", "time", "guests", "occasion", "ref")


@dataclass(frozen=True, slots=True)
class Style:
    """How the venue writes: its time, its language, and how it greets."""

    zone: ZoneInfo
    locale: Localized
    greeting: Greeting


@dataclass(frozen=True, slots=True)
class MessageTemplate:
    """The text for one booking status: the queue's trigger and the template's source."""

    trigger: str
    template: str


class Templates:
    """``ports.MessageWriter`` over the messages of cron.yaml."""

    def __init__(self, messages: Mapping[str, MessageTemplate], style: Style) -> None:
        self._style = style
        environment = _environment(style.locale)
        self._messages = {
            status: (message.trigger, environment.from_string(message.template), _used(environment, message.template))
            for status, message in messages.items()
        }

    def write(self, booking: Booking, number: str) -> Draft:
        if booking.status not in self._messages:
            raise Unwritable("status")
        trigger, template, used = self._messages[booking.status]
        known = variables(booking, self._style)
        body = _render(template, known)
        if booking.code and booking.code.fault:
            raise Unwritable("reference")
        if not contains_reference(body, booking.reference):
            raise Unwritable("ref")
        if len(body) > MAX_SMS_LENGTH:
            raise Unwritable("length")
        left_out = tuple(f"{name} left out: {why}" for name, why in known.left_out.items() if name in used)
        return Draft(number=number, body=body, trigger=trigger, segments=segments(body), left_out=left_out)

    def trials(self) -> Iterator[TemplateTrial]:
        for status, (_, _, used) in self._messages.items():
            for booking, is_full in ((_BAREST, False), (_FULLEST, True)):
                names = sorted(name.removeprefix(f"{FACTS}.") for name in used - set(VARIABLES))
                facts = tuple((name, booking.name) for name in names)
                try:
                    draft = self.write(replace(booking, status=status, facts=facts), "")
                except Unwritable as error:
                    yield TemplateTrial(status=status, is_full=is_full, why=str(error), lacks=error.lacks)
                else:
                    yield TemplateTrial(status=status, is_full=is_full, segments=draft.segments)


@dataclass(frozen=True, slots=True)
class _Known:
    """What a template can print of a booking. A value that the booking lacks is ``Absent``."""

    values: Mapping[str, Value | Facts]
    lacking: Set[str]
    """The absent values that were printed, as soon as they are."""
    left_out: Mapping[str, str]
    """Variable -> why the value that stands there is not used."""


def variables(booking: Booking, style: Style) -> _Known:
    """The variables for a template.

    Raises:
        Unwritable: the booking has no date.
    """
    if booking.starts_at is None:
        raise Unwritable("date")
    local = booking.starts_at.astimezone(style.zone)
    first_name, no_first_name = style.greeting.first_name(booking.first_name, booking.name)
    name, no_name = style.greeting.name(booking.name)
    occasion, no_occasion = _words(booking.occasion or "")
    guests, no_guests = _count(booking.guests)
    known: dict[str, Value | None] = {
        "first_name": first_name or Nameless(style.greeting.nameless),
        "name": name or None,
        "date": style.locale.date(local),
        "weekday": style.locale.weekday(local),
        "year": Year(local.year),
        "time": style.locale.time(local),
        "guests": guests,
        "occasion": occasion or None,
        "ref": booking.reference,
    }
    why = {"first_name": no_first_name, "name": no_name, "occasion": no_occasion, "guests": no_guests}
    facts = {name: _words(written) for name, written in booking.facts}
    why |= {f"{FACTS}.{name}": no_fact for name, (_, no_fact) in facts.items()}
    lacking: set[str] = set()
    of_facts = {name: words or Absent(f"{FACTS}.{name}", lacking) for name, (words, _) in facts.items()}
    return _Known(
        values={
            **{name: Absent(name, lacking) if value is None else value for name, value in known.items()},
            FACTS: Facts(of_facts),
        },
        lacking=lacking,
        left_out={name: reason for name, reason in why.items() if reason},
    )


def _words(written: str) -> tuple[str, str]:
    """A text of the booking on one line, and why it is not used."""
    words = one_line(written)[:LONGEST_NAME].strip()
    return ("", A_LINK) if has_link(written[: 8 * LONGEST_NAME]) else (words, "")


def _count(guests: int | Decimal | str | None) -> tuple[int | Decimal | str | None, str]:
    if not isinstance(guests, str):
        return guests, ""
    words, why = _words(guests)
    return words or None, why


def check_template(source: str, style: Style, facts: Collection[str]) -> list[str]:
    """Problems of a template, one sentence each; empty if it is valid. ``facts``: the names in ``bookings.facts``."""
    environment = _environment(style.locale)
    try:
        used = _used(environment, source)
        template = environment.from_string(source)
    except TemplateSyntaxError as error:
        return [f"line {error.lineno} of the template: {error.message}"]
    except RecursionError:
        return ["it is nested too deeply"]
    except _FAILURES as error:  # what is constant in a template is worked out when it is read
        return [f"it cannot be filled: {error}"]
    beyond = list(dict.fromkeys(excesses(environment.parse(source))))
    if beyond:
        return beyond
    problems = list(_unknown(used, facts))
    if "ref" not in used:
        problems.append("the reference is missing: add {{ ref }}, by which a text is found again at the provider")
    if problems:
        return problems
    try:
        sample = replace(_SAMPLE, facts=tuple((name, "Alex Berg") for name in facts))
        body = template.render(variables(sample, style).values).strip()
    except _FAILURES as error:
        return [f"it cannot be filled: {error}"]
    if not contains_reference(body, _SAMPLE.reference):
        problems.append("the reference must appear unchanged and as a separate word: {{ ref }} without a filter")
    if len(body) > MAX_SMS_LENGTH:
        problems.append(f"{len(body)} characters for a typical booking; Twilio accepts {MAX_SMS_LENGTH}")
    return problems


def _used(environment: _Environment, source: str) -> set[str]:
    template = environment.parse(source)
    used = meta.find_undeclared_variables(template)
    return used - {FACTS} | used_facts(template) if FACTS in used else used


def _render(template: Template, known: _Known) -> str:
    try:
        body = template.render(known.values).strip()
    except _FAILURES as error:
        # The message may quote a value; the error's type does not.
        raise Unwritable(type(error).__name__, sorted(known.lacking)) from None
    if known.lacking:
        raise Unwritable("lacks", sorted(known.lacking))
    return body


def _unknown(used: Set[str], facts: Collection[str]) -> Iterator[str]:
    """A sentence for each name that stands for nothing."""
    known = sorted([*VARIABLES, *(f"{FACTS}.{name}" for name in facts)])
    for name in sorted(used - set(known)):
        if name == FACTS:
            yield "facts are used one by one: write {{ facts.name }} with the name of one"
            continue
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"available: {', '.join(known)}"
        yield f"unknown variable {name}, {hint}"


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
_BAREST = replace(_SAMPLE, first_name="", name="", guests=None, occasion=None)
"""All that a booking must have."""
_FULLEST = replace(
    _SAMPLE,
    starts_at=datetime(2026, 9, 23, 19, 30, tzinfo=UTC),  # Wednesday and September are long
    first_name="Maximiliana-Alexandra",
    name="Maximiliana-Alexandra Featherstonehaugh",
    guests=1200,
    occasion="Retirement and golden wedding anniversary",
)
"""A booking with everything, and much of it."""
