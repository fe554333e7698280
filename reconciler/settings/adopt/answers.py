"""What a person answers, or the defaults. A file of answers is YAML: one key for each answer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.settings.adopt.proposal import Question
from reconciler.settings.file.values import parse_zone

UTC_OR_LOCAL = ("utc", "local")
TIMES = ("starts", "created")
"""``times`` may have an answer for each; the end goes with the start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingAnswers:
    """One value for each question that was asked. ``None``: not answered yet."""

    statuses: tuple[str, ...] | None = None
    cancelled: tuple[str, ...] = ()
    timezone: str = "Europe/London"
    times: Mapping[str, str] | str = "utc"
    queue_failed_resent: bool | None = None

    def zone_of(self, key: str) -> str:
        """What a time without a zone is: utc or local."""
        if isinstance(self.times, str):
            return self.times
        return self.times.get("starts" if key == "ends" else key, "utc")


def answers_from(given: Mapping[str, Any], questions: Sequence[Question]) -> tuple[MappingAnswers, list[str]]:
    """The answers, and what is wrong with them: one sentence each."""
    asked = {key: question for question in questions for key in question.answers}
    mistakes = [f"{key}: no question has this answer; known: {', '.join(asked)}" for key in given if key not in asked]
    values: dict[str, Any] = {}
    for key, question in asked.items():
        if key not in given or given[key] is None:
            mistakes.append(f"{key}: not answered: {question.asks}")
            continue
        found = list(_mistakes(key, given[key], question))
        mistakes += [f"{key}: {what}" for what in found]
        if not found:
            values[key] = _value(key, given[key])
    both = sorted(set(values.get("statuses", ())) & set(values.get("cancelled", ())))
    mistakes += [f"cancelled: {', '.join(both)} stands among statuses too"] if both else []
    return MappingAnswers(**values), mistakes


def defaults(questions: Sequence[Question]) -> MappingAnswers:
    """What is proposed before anybody answers."""
    given = {key: value for question in questions for key, value in question.answers.items() if value is not None}
    return MappingAnswers(**{key: _value(key, value) for key, value in given.items()})


def _value(key: str, given: Any) -> Any:
    if key in ("statuses", "cancelled"):
        return tuple(map(_word, given if isinstance(given, list) else [given]))
    return dict(given) if isinstance(given, Mapping) else given


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _mistakes(key: str, value: Any, question: Question) -> Iterator[str]:
    if key in ("statuses", "cancelled"):
        yield from _status_mistakes(key, value, question)
    elif key == "timezone":
        try:
            parse_zone(value)
        except ValueError as error:
            yield str(error)
    elif key == "times":
        parts = value if isinstance(value, Mapping) else {"starts": value, "created": value}
        if not parts.keys() <= set(TIMES) or not set(parts.values()) <= set(UTC_OR_LOCAL):
            yield "utc or local belongs here, or one for each: {starts: local, created: utc}"
    elif not isinstance(value, bool):
        yield "true or false belongs here"


def _status_mistakes(key: str, value: Any, question: Question) -> Iterator[str]:
    words = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str | int) for one in words):
        yield "a list of statuses belongs here"
        return
    if key == "statuses" and not words:
        yield "at least one status belongs here"
    unknown = [one for one in map(_word, words) if one not in question.options]
    if unknown and question.is_closed:
        yield f"the column cannot hold {', '.join(unknown)}; it holds {', '.join(question.options)}"
