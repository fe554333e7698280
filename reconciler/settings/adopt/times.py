"""Which columns say when a booking starts, ends, was made and was confirmed, and in which form."""

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.settings.adopt import words
from reconciler.settings.adopt.facts import CIVIL, CLOCK, DAY, INSTANT, LENGTH, NUMBERS, WHOLE, SeenColumn, SeenTable
from reconciler.settings.adopt.naming import Weighed, best, by_weight, name_words
from reconciler.settings.adopt.proposal import Confidence

_LOW = 7
"""A weight below this is a guess."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeGuess:
    """Columns that say a time, and how they are written."""

    form: Mapping[str, str] | str | None
    """As cron.yaml has it; ``None``: it is a timestamp without a zone, and somebody has to say whose."""
    columns: tuple[str, ...]
    confidence: Confidence
    reason: str

    def written(self, zone: str | None) -> Mapping[str, str] | str:
        """The form. ``zone``: what the times without a zone are, utc or local."""
        if self.form is not None:
            return self.form
        return {zone or "utc": self.columns[0]}


def start_of(table: SeenTable) -> TimeGuess | None:
    """The best timestamp, or a day and a time."""
    stamps = _stamps(table, words.STARTS)
    days = [one for one in by_weight(table.of_type(DAY), words.DAYS, words.NOUNS) if not _is_end(one.column)]
    clocks = [one for one in by_weight(table.of_type(CLOCK), words.CLOCKS, words.NOUNS) if not _is_end(one.column)]
    pair = min(days[0].weight, clocks[0].weight) if days and clocks else 0
    if stamps and stamps[0].weight >= pair:
        return _stamp(stamps[0])
    if not pair:
        return None
    day, clock = days[0].column.name, clocks[0].column.name
    reason = f"{day} is a date and {clock} a time: the day and the time on the venue's clock"
    confidence = Confidence.SURE if pair > _LOW else Confidence.LIKELY
    return TimeGuess(form={"date": day, "time": clock}, columns=(day, clock), confidence=confidence, reason=reason)


def end_guess(table: SeenTable, start: TimeGuess) -> TimeGuess:
    """A timestamp, a time of the day, a length, or none."""
    stamps = [one for one in _stamps(table, words.ENDS) if one.column.name not in start.columns]
    if stamps:
        return _stamp(stamps[0])
    return _end_clock(table, start) or _length(table) or TimeGuess(
        form="off", columns=(), confidence=Confidence.LIKELY,
        reason="no column says when it ends or how long it takes",
    )  # fmt: skip


def created_of(table: SeenTable) -> TimeGuess | None:
    stamps = by_weight(table.of_type(INSTANT, CIVIL), words.CREATED, words.NOUNS)
    return _stamp(stamps[0]) if stamps else None


def due_of(table: SeenTable) -> TimeGuess | None:
    stamps = by_weight(table.of_type(INSTANT, CIVIL), words.CONFIRMED_AT, words.NOUNS)
    return _stamp(stamps[0]) if stamps else None


def sent_of(table: SeenTable) -> TimeGuess | None:
    """When a text was sent, in a table of texts."""
    stamps = by_weight(table.of_type(INSTANT, CIVIL), words.SENT_AT, words.NOUNS)
    return _stamp(stamps[0]) if stamps else None


def _stamps(table: SeenTable, weights: Mapping[str, int]) -> list[Weighed]:
    return [
        one
        for one in by_weight(table.of_type(INSTANT, CIVIL), weights, words.NOUNS)
        if not by_weight([one.column], words.CREATED)
    ]


def _stamp(found: Weighed) -> TimeGuess:
    column, name = found.column, found.column.name
    usual = Confidence.SURE if found.weight > _LOW else Confidence.CONFIRM
    if column.type == INSTANT:
        return TimeGuess(form=name, columns=(name,), confidence=usual, reason=f"{name} is a timestamptz")
    if "utc" in name_words(name):
        reason = f"{name} is a timestamp without a zone, and its name says UTC"
        return TimeGuess(form={"utc": name}, columns=(name,), confidence=usual, reason=reason)
    reason = f"{name} is a timestamp without a zone: whose time it is was answered"
    return TimeGuess(form=None, columns=(name,), confidence=min(usual, Confidence.LIKELY, key=_rank), reason=reason)


def _rank(confidence: Confidence) -> int:
    return (Confidence.CONFIRM, Confidence.LIKELY, Confidence.SURE).index(confidence)


def _is_end(column: SeenColumn) -> bool:
    return bool(by_weight([column], words.ENDS, words.NOUNS))


def _end_clock(table: SeenTable, start: TimeGuess) -> TimeGuess | None:
    if not isinstance(start.form, dict) or "date" not in start.form:
        return None
    clock = best(table.of_type(CLOCK), words.ENDS, words.NOUNS)
    if clock is None:
        return None
    day = best(table.of_type(DAY), words.ENDS, words.NOUNS)
    if day is not None:
        reason = f"{day.name} is a date and {clock.name} a time"
        return TimeGuess(
            form={"date": day.name, "time": clock.name}, columns=(day.name, clock.name),
            confidence=Confidence.SURE, reason=reason,
        )  # fmt: skip
    next_day = best(table.of_type("boolean"), words.NEXT_DAY, words.NOUNS)
    form = {"time": clock.name} | ({"next_day": next_day.name} if next_day else {})
    reason = f"{clock.name} is a time on the day it starts" + (
        "" if next_day else "; nothing marks an end after midnight"
    )
    return TimeGuess(form=form, columns=tuple(form.values()), confidence=Confidence.SURE, reason=reason)


def _length(table: SeenTable) -> TimeGuess | None:
    ways = (("length", (LENGTH,), words.LENGTHS), ("hours", NUMBERS, words.HOURS), ("minutes", NUMBERS, words.MINUTES))
    for key, types, weights in ways:
        found = by_weight(table.of_type(*types), weights, words.NOUNS)
        if not found:
            continue
        column = found[0].column
        if key == "minutes" and found[0].weight <= _LOW and column.type not in WHOLE:
            key = "hours"
        guessed = key != "length" and found[0].weight <= _LOW
        reason = f"{column.name} is {_said(column.type)}" + (f"; {key} are a guess" if guessed else "")
        confidence = Confidence.CONFIRM if guessed else Confidence.SURE
        return TimeGuess(form={key: column.name}, columns=(column.name,), confidence=confidence, reason=reason)
    return None


def _said(kind: str) -> str:
    return "an interval" if kind == LENGTH else "a number"
