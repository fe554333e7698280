"""Which column says how a booking stands, what its words mean, and which rows are no bookings at all."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from reconciler.settings.adopt import words
from reconciler.settings.adopt.facts import CIVIL, INSTANT, WHOLE, SeenColumn, SeenDatabase, SeenTable
from reconciler.settings.adopt.naming import best, by_weight, name_words, phrase, weight
from reconciler.settings.adopt.proposal import Confidence, Question

_LEAST = 4
"""A status whose word weighs less is not proposed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusGuess:
    """The column, and what is proposed for its words."""

    column: SeenColumn
    statuses: tuple[str, ...]
    cancelled: tuple[str, ...]
    confidence: Confidence
    reason: str

    @property
    def is_boolean(self) -> bool:
        return self.column.type == "boolean"

    def question(self) -> Question | None:
        """What is asked; nothing of a boolean, whose two values have one meaning."""
        if self.is_boolean:
            return None
        labels = self.column.labels
        named = ", ".join(
            f"{one} ({self.column.meanings[one]})" if one in self.column.meanings else one for one in labels
        )
        return Question(
            name="statuses",
            asks=f"which values of {self.column.name} call for a text and an event, and which say that the booking is "
            f"off? Seen: {named or 'none'}",
            answers={"statuses": list(self.statuses) or None, "cancelled": list(self.cancelled)},
            options=labels,
            is_closed=self.column.is_closed,
        )

    def made_as(self, statuses: tuple[str, ...]) -> tuple[str, ...]:
        """The statuses that a booking is made with, among those that call for something."""
        if self.is_boolean or not self.column.default:
            return statuses
        return tuple(one for one in statuses if one == self.column.default)


def status_of(table: SeenTable, database: SeenDatabase | None = None) -> StatusGuess | None:
    """A word, a number, or at least a boolean that says that it is off."""
    usable = [one for one in table.columns.values() if one.is_words or one.type in WHOLE]
    found = by_weight(usable, words.STATUS, words.NOUNS)
    if found:
        return _of_words(_with_meanings(found[0].column, table, database), found[0].weight)
    for weights, alive in (
        ({"cancelled": 9, "canceled": 9, "is cancelled": 9, "is canceled": 9}, "false"),
        (words.ACTIVE, "true"),
    ):
        column = best(table.of_type("boolean"), weights, words.NOUNS)
        if column:
            return StatusGuess(
                column=column,
                statuses=(alive,),
                cancelled=("true" if alive == "false" else "false",),
                confidence=Confidence.CONFIRM,
                reason=f"there is no column of words for it; {column.name} is true or false",
            )
    return None


def _of_words(column: SeenColumn, weighed: int) -> StatusGuess:
    meant = {label: column.meanings.get(label, label) for label in column.labels}
    good, off = (_meaning(meant, weights) for weights in (words.GOOD_STATUSES, words.OFF_STATUSES))
    said = "its labels" if column.is_closed else "a sample of its values"
    reason = f"{column.name}: {said} {_says(column)}"
    sure = weighed > _LEAST and (column.labels or column.is_enum)
    return StatusGuess(
        column=column, statuses=good, cancelled=off, reason=reason,
        confidence=Confidence.SURE if sure else Confidence.LIKELY,
    )  # fmt: skip


def _says(column: SeenColumn) -> str:
    verb = "say" if column.is_closed else "says"
    return f"{verb} which" if column.labels else f"{verb} nothing"


def _meaning(meant: Mapping[str, str], weights: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(label for label, word in meant.items() if weights.get(phrase(name_words(word)), 0) >= _LEAST)


def _with_meanings(column: SeenColumn, table: SeenTable, database: SeenDatabase | None) -> SeenColumn:
    """What a small table says of the numbers that lead to it."""
    for link in table.links:
        other = database.tables.get(link.table) if database and link.column == column.name else None
        keys = other.columns.get(link.target) if other else None
        if keys and keys.meanings:
            return replace(column, labels=tuple(keys.meanings), meanings=keys.meanings, is_closed=True)
    return column


def where_of(table: SeenTable, status: StatusGuess) -> tuple[dict[str, Any], str]:
    """Which rows are bookings, and why."""
    gone = best(table.of_type(INSTANT, CIVIL), words.DELETED_AT, words.NOUNS)
    if gone:
        return {gone.name: None}, f"{gone.name} is filled where a row was deleted"
    marked = best(table.of_type("boolean"), words.DELETED, words.NOUNS)
    if marked:
        return {marked.name: {"not": True}}, f"{marked.name} is true where a row was deleted"
    active = best(table.of_type("boolean"), words.ACTIVE)
    if active and active.name != status.column.name:
        return {active.name: {"not": False}}, f"{active.name} is false where a row was put away"
    return {}, ""


def is_status_word(name: str) -> bool:
    return weight(name, words.STATUS, words.NOUNS) > 0
