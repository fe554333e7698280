"""The answers of a person: from a file, or from the terminal. Nobody is asked where nobody can answer."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from reconciler.errors import ConfigurationError
from reconciler.settings.adopt.answers import MappingAnswers, answers_from
from reconciler.settings.adopt.proposal import Question
from reconciler.settings.adopt.written import flow
from reconciler.settings.file import source

NEEDED = "write the answers into a file, and name it: reconciler adopt --answers FILE"


def obtain_answers(questions: Sequence[Question], path: Path | None) -> MappingAnswers:
    """One answer for each question.

    Raises:
        ConfigurationError: an answer is missing or wrong, or there is neither a file nor a terminal.
    """
    if path is not None:
        return answers_of_file(questions, path)
    if not sys.stdin.isatty():
        mistakes = ["there is no terminal to ask at, and no file of answers. The questions, with what is proposed:"]
        raise ConfigurationError([*mistakes, *template(questions)], NEEDED)
    given = {key: _ask(question, key) for question in questions for key in question.answers}
    return _checked(given, questions, "correct it: run the command again")


def answers_of_file(questions: Sequence[Question], path: Path) -> MappingAnswers:
    """The answers of a YAML file.

    Raises:
        ConfigurationError: an answer is missing or wrong.
    """
    read, mistakes = source.read(path)
    if mistakes:
        raise ConfigurationError([str(mistake.to_show()) for mistake in mistakes], NEEDED)
    return _checked(
        dict(read.data or {}), questions, f"correct {path.name}. What may stand in it:", template(questions)
    )


def template(questions: Sequence[Question]) -> list[str]:
    """A file of answers with the defaults, each below its question."""
    return list(_template(questions))


def _template(questions: Sequence[Question]) -> Iterator[str]:
    for question in questions:
        yield f"# {question.asks}"
        for key, default in question.answers.items():
            yield f"{key}: {flow(default)}" if default is not None else f"{key}:  # to be answered"


def _checked(
    given: dict[str, Any], questions: Sequence[Question], remedy: str, more: Sequence[str] = ()
) -> MappingAnswers:
    answers, mistakes = answers_from(given, questions)
    if mistakes:
        raise ConfigurationError(mistakes, "\n".join([remedy, *more]))
    return answers


def _ask(question: Question, key: str) -> Any:
    """One answer at the terminal. A list is written with commas."""
    if key == next(iter(question.answers)):
        click.echo(question.asks)
    default = question.answers[key]
    if isinstance(default, bool):
        return click.confirm(f"  {key}", default=default)
    is_list = key in ("statuses", "cancelled")
    shown = ", ".join(default) if isinstance(default, list) else default
    said = click.prompt(f"  {key}", default=shown if shown or key != "statuses" else None, type=str)
    return [word.strip() for word in said.split(",") if word.strip()] if is_list else said.strip()
