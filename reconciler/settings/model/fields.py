"""Where a name, a number or a fact of a booking stands: in its own row, in a joined table, or inside JSON."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from reconciler.settings.file.values import Table
from reconciler.settings.model.section import Column, Section
from reconciler.settings.model.where import Where
from reconciler.text.sql_quoting import exact_identifier

_NAME = r'"(?:[^"]|"")+"|(?:(?!->)[^."\s])+'
_STEP = r"""'(?:[^']|'')+'|(?:(?!->)[^'"\s])+"""
FIELD = re.compile(rf"(?:({_NAME})\.)?({_NAME})((?:\s*->\s*(?:{_STEP}))*\s*->>\s*(?:{_STEP}))?")
_STEPS = re.compile(rf"\s*->>?\s*({_STEP})")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_PLAIN_STEP = re.compile(r"[A-Za-z0-9_$]+")
WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
"""What a join or a fact may be called."""
_SAID = "a column, join.column, or a path into JSON such as meta->contact->>phone belongs here"


@dataclass(frozen=True, slots=True)
class FieldSource:
    """One place of a value."""

    join: str | None
    """The join through which it is read; ``None``: the booking's own row."""
    column: str
    path: tuple[str, ...] = ()
    """The keys that lead to it inside JSON."""

    def __str__(self) -> str:
        """As ``parse_field`` reads it."""
        column = self.column if _PLAIN.fullmatch(self.column) else exact_identifier(self.column)
        steps = [step if _PLAIN_STEP.fullmatch(step) else _quoted(step) for step in self.path]
        arrows = [*["->"] * (len(steps) - 1), "->>"]
        path = "".join(arrow + step for arrow, step in zip(arrows, steps, strict=False)) if steps else ""
        return f"{f'{self.join}.' if self.join else ''}{column}{path}"


def _quoted(step: str) -> str:
    return "'" + "''".join(step.split("'")) + "'"


def parse_field(value: Any) -> FieldSource:
    """``full_name``, ``customer.full_name``, ``meta->contact->>phone``, ``customer."Data"->>phone``.

    Raises:
        ValueError: anything else.
    """
    if isinstance(value, FieldSource):
        return value
    written = value.strip() if isinstance(value, str) else ""
    found = FIELD.fullmatch(written)
    if not found:
        hint = ": the last step of a path is written ->>" if "->" in written and "->>" not in written else ""
        raise ValueError(f"{_SAID}{hint}")
    path = tuple(_unquoted(step) for step in _STEPS.findall(found[3] or ""))
    return FieldSource(_unquoted(found[1]) if found[1] else None, _unquoted(found[2]), path)


def _unquoted(part: str) -> str:
    mark = part[0]
    return part[1:-1].replace(mark * 2, mark) if mark in "\"'" else part


def one_alone(value: Any) -> Any:
    """One place may be given without a list."""
    return [value] if isinstance(value, str | FieldSource) else value


def at_least_one(places: tuple[FieldSource, ...]) -> tuple[FieldSource, ...]:
    """The places as they are.

    Raises:
        ValueError: there is none.
    """
    if not places:
        raise ValueError("at least one belongs here")
    return places


def parse_word(value: Any) -> str:
    """``customer``, ``barber_2``.

    Raises:
        ValueError: anything else.
    """
    if not isinstance(value, str) or not WORD.fullmatch(value):
        raise ValueError("a name of your own is one word of letters, digits and _, such as customer")
    return value


FieldPlace = Annotated[FieldSource, BeforeValidator(parse_field), PlainSerializer(str)]
FieldPlaces = Annotated[tuple[FieldPlace, ...], AfterValidator(at_least_one), BeforeValidator(one_alone)]
Word = Annotated[str, BeforeValidator(parse_word)]


class Join(Section):
    """Another table from which names, numbers or facts of a booking are read."""

    table: Table = Field(description="schema.table; a view will do with `first_by`")
    on: dict[Column, Column] = Field(
        min_length=1, description="the joined table's column: the bookings' column that it equals, e.g. {id: person_id}"
    )
    through: Word | None = Field(
        None, description="optional: another join; then `on` names a column of its row in place of the bookings'"
    )
    where: Where = Field(
        default_factory=dict, description="which of its rows count, as in `bookings.where`; left out: every row"
    )
    first_by: Column | None = Field(
        None,
        description="where a booking may have several such rows: the first by this column counts; without it, `on` "
        "must be a unique key of the joined table",
    )


Joins = dict[Word, Join]
Facts = dict[Word, FieldPlace]


@dataclass(frozen=True, slots=True)
class NamedField:
    """A place, and the key of ``bookings`` that names it."""

    place: tuple[str | int, ...]
    source: FieldSource


def named_fields(several: dict[str, tuple[FieldSource, ...] | None], facts: Facts) -> Iterator[NamedField]:
    """Every place that a file names, in its order."""
    for key, sources in several.items():
        for number, source in enumerate(sources or ()):
            yield NamedField((key, number) if len(sources or ()) > 1 else (key,), source)
    for name, source in facts.items():
        yield NamedField(("facts", name), source)
