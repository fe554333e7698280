"""Reading cron.yaml: YAML 1.2 with the line of every key, and what is wrong with it in a person's words."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from reconciler.settings.model import CronFile


@dataclass(frozen=True, slots=True)
class Source:
    """A file as read: its name for messages, its data, nothing checked yet."""

    name: str
    data: Any

    def line(self, path: tuple[str | int, ...]) -> int | None:
        """The line, from 1, of the deepest part of ``path`` that is in the file."""
        found, node = None, self.data
        for step in path:
            try:
                if isinstance(node, CommentedMap):
                    found = node.lc.key(step)[0] + 1
                elif isinstance(node, CommentedSeq):
                    found = node.lc.item(step)[0] + 1
                node = node[step]
            except (KeyError, IndexError, TypeError):
                break
        return found

    def mistake(self, path: tuple[str | int, ...], what: str) -> str:
        """``cron.yaml:14: rules.sms.missing.quiet_hour: ..``"""
        line = self.line(path)
        place = f"{self.name}:{line}" if line else self.name
        return f"{place}: {'.'.join(map(str, path))}: {what}" if path else f"{place}: {what}"


def read(path: Path) -> tuple[Source, list[str]]:
    """The file's data, or what kept it from being read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "it is not UTF-8 text"
        return Source(path.name, None), [f"{path.name}: cannot be read: {why}"]
    yaml = YAML(typ="rt")
    try:
        data = yaml.load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = (error.problem or "not YAML").splitlines()[0]
        return Source(path.name, None), [f"{path.name}:{line}: {problem}"]
    except YAMLError as error:
        return Source(path.name, None), [f"{path.name}: not YAML ({type(error).__name__})"]
    if data is not None and not isinstance(data, CommentedMap):
        return Source(path.name, None), [f"{path.name}:1: the file must hold keys and values"]
    return Source(path.name, data), []


def check(source: Source) -> tuple[CronFile | None, list[str]]:
    """The typed file, or every mistake in it."""
    try:
        return CronFile.model_validate(source.data if source.data is not None else {}), []
    except ValidationError as error:
        return None, [_mistake(source, detail) for detail in error.errors()]


def _mistake(source: Source, detail: Mapping[str, Any]) -> str:
    path = tuple(detail["loc"])
    if detail["type"] == "extra_forbidden":
        return source.mistake(path, f"unknown key{_did_you_mean(str(path[-1]), _keys(path[:-1]))}")
    message = str(detail["msg"]).removeprefix("Value error, ")
    seen = detail.get("input")
    if isinstance(seen, str | int | float) and detail["type"] != "missing":
        message = f"{str(seen)!r}: {message[:1].lower()}{message[1:]}"
    return source.mistake(path, message)


def _did_you_mean(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f", did you mean {close[0]}?"
    return f"; there are: {', '.join(sorted(known))}" if known else ""


def _keys(path: tuple[str | int, ...]) -> list[str]:
    model: type[BaseModel] | None = CronFile
    for step in path:
        model = _below(model, str(step)) if model else None
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _below(model: type[BaseModel], step: str) -> type[BaseModel] | None:
    for name, field in model.model_fields.items():
        if step in (name, field.alias):
            return next(_models(field.annotation), None)
    return model  # a key of a mapping (messages, jobs): the model was taken from the mapping's values already


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
