"""Reads cron.yaml: YAML 1.2 with the line of every key. Its mistakes are described in plain words."""

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from reconciler.settings.file.form import form_mistakes
from reconciler.settings.file.model import CronFile
from reconciler.settings.file.renamed import MOVED, conflicts, rename, renamed
from reconciler.settings.file.secrets import without_secrets

LARGEST = 256 * 1024
"""Bytes. A larger file cannot be a cron.yaml."""
_SHOWN = 60
"""How many characters of a wrong value, or of a key, a message quotes."""
_READ = 10 * _SHOWN
"""How many are searched for a secret: a part of one must not be shown either."""

KeyPath = tuple[str | int, ...]
"""Keys and list indexes, from the top level of the file down."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file as read and not validated yet: its name for messages, and its data."""

    name: str
    data: Any
    warnings: tuple[str, ...] = ()
    """One sentence for each key that is written under its old name, and one if there is no file."""
    missing: bool = False
    """There is no file: every key has its default."""

    def line(self, path: KeyPath) -> int | None:
        """The line number, from 1, of the deepest part of ``path`` that is in the file."""
        lines = self._lines(path)
        return lines[-1] if lines else None

    def has(self, path: KeyPath) -> bool:
        """Whether the file has the key."""
        return len(self._lines(path)) == len(path)

    def mistake(self, path: KeyPath, what: str, *elsewhere: KeyPath) -> str:
        """``cron.yaml:14: rules.sms.missing.quiet_hour: ..``

        If the file does not have the key, the message gives the line of the first key of ``elsewhere`` that it has.
        """
        there = next((other for other in (path, *elsewhere) if self.has(other)), path)
        line = self.line(there)
        place = f"{self.name}:{line}" if line else self.name
        return f"{place}: {'.'.join(map(_named, path))}: {what}" if path else f"{place}: {what}"

    def _lines(self, path: KeyPath) -> list[int]:
        """The line of each step of ``path``, up to the last step that is in the file."""
        lines, node = [], self.data
        for step in path:
            try:
                if isinstance(node, CommentedSeq):
                    found, node = node.lc.item(step)[0], node[step]
                else:
                    key = next(key for key in node if key == step or str(key) == step)
                    found, node = node.lc.key(key)[0], node[key]
            except (StopIteration, LookupError, TypeError, AttributeError):
                break
            lines.append(found + 1)
        return lines


class _Unreadable(Exception):
    """The file cannot be read. ``args[0]`` is the part of the message after the file's name."""


class _Constructor(RoundTripConstructor):
    """Keeps dates as text, since YAML 1.2 has none: validation then reports a 30 February with all other mistakes."""


_Constructor.add_constructor("tag:yaml.org,2002:timestamp", RoundTripConstructor.construct_yaml_str)


def read(path: Path) -> tuple[Source, list[str]]:
    """The file's data, and the mistakes that prevented reading it."""
    try:
        source = Source(path.name, _parsed(_text(path)))
    except _Unreadable as error:
        return Source(path.name, None), [f"{path.name}{error}"]
    if source.data is None:
        return source, []
    both = list(conflicts(source.data))
    mistakes = [source.mistake(old, f"is called {new} now, and {new} is here too: remove one") for old, new in both]
    # Otherwise validation would report the old key as a second mistake.
    for old, _ in both:
        reduce(getitem, old[:-1], source.data).pop(old[-1])
    changed = list(rename(source.data))
    warnings = [_warning(source, old, new) for old, new in changed]
    warnings += [source.mistake(path, what) for path, what in MOVED.items() if source.has(path)]
    return replace(source, warnings=tuple(warnings)), mistakes


def _warning(source: Source, path: tuple[str, ...], new: str) -> str:
    # The new key has the line of the old one.
    return f"{source.name}:{source.line((*path[:-1], new))}: {renamed('.'.join(path), new)}"


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise _Unreadable(f": cannot be read: {error.strerror or type(error).__name__}") from None
    if len(content) > LARGEST:
        raise _Unreadable(f": cannot be read: larger than {LARGEST // 1024} KiB, this is another file")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _Unreadable(f":{line}: cannot be read: it is not UTF-8 text") from None


def _parsed(text: str) -> CommentedMap | None:
    yaml = YAML(typ="rt")
    yaml.Constructor = _Constructor
    try:
        for line, mistake in form_mistakes(text):
            raise _Unreadable(f":{line}: {mistake}")
        data = yaml.load(text)
    except MarkedYAMLError as error:
        raise _Unreadable(_syntax(error)) from None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _Unreadable(f":{line}: a character that may not stand here (U+{ord(text[error.position]):04X})") from None
    except YAMLError as error:
        raise _Unreadable(f": not YAML ({type(error).__name__})") from None
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError) as error:
        # A border: the parser makes Python objects of values, and fails in any way.
        raise _Unreadable(f": not YAML that can be read ({type(error).__name__})") from None
    if data is not None and not isinstance(data, CommentedMap):
        raise _Unreadable(":1: the file must hold keys and values")
    return data


def _syntax(error: MarkedYAMLError) -> str:
    line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
    # For a duplicate key, the parser quotes both values at any length: they are cut off.
    problem = (error.problem or "not YAML").splitlines()[0].partition(" with value ")[0]
    return f"{line}: {', '.join(part for part in (error.context, problem) if part)}"


def validate(source: Source) -> tuple[CronFile | None, list[str]]:
    """The typed file, or every mistake in it in the order of its lines."""
    try:
        return CronFile.model_validate(source.data if source.data is not None else {}), []
    except ValidationError as error:
        found = [(_path(detail), detail) for detail in error.errors(include_url=False)]
        found.sort(key=lambda mistake: source.line(mistake[0]) or 0)
        return None, [source.mistake(path, _what(path, detail)) for path, detail in found]


def _path(detail: Mapping[str, Any]) -> KeyPath:
    return tuple(step for step in detail["loc"] if step != "[key]")


_BELONGS = {
    "keys and values belong here": ("model_type", "dict_type"),
    "a list belongs here, such as [one, two]": ("tuple_type",),
    "a text belongs here": ("string_type",),
    "a whole number belongs here": ("int_type",),
    "a number belongs here": ("float_type",),
    "true or false belongs here": ("bool_type", "bool_parsing"),
    "a key is a text: put it in quotes": ("invalid_key",),
    "must not be empty": ("string_too_short",),
    "missing, and has no default": ("missing",),
}
_WORDS = {kind: words for words, kinds in _BELONGS.items() for kind in kinds}
"""Pydantic's error type -> our words for it."""


def _what(path: KeyPath, detail: Mapping[str, Any]) -> str:
    kind, seen = detail["type"], detail.get("input")
    if detail["loc"][-1] == "[key]":
        kind = "invalid_key"
    if kind == "extra_forbidden":
        return f"unknown key{_did_you_mean(str(path[-1]), _keys(path[:-1]))}"
    if kind in ("enum", "literal_error"):
        expected = str(detail["ctx"]["expected"])
        words = re.findall(r"'(\w+)'", expected) or [expected]
        what = f"not one of the words for this{_did_you_mean(str(seen), words)}"
    else:
        said = str(detail["msg"]).removeprefix("Value error, ").removeprefix("Input ")
        what = _WORDS.get(kind, said)
    return f"{_shown(seen)}: {what}" if isinstance(seen, str | int | float) else what


def _named(step: str | int) -> str:
    name = str(step)
    return name if len(name) <= _SHOWN else f"{without_secrets(name[:_READ])[:_SHOWN]}.."


def _shown(value: str | float) -> str:
    if isinstance(value, str):
        value = value[:_READ]
    written = without_secrets(json.dumps(value, ensure_ascii=False))  # before it is cut to what is shown
    return written if len(written) <= _SHOWN else f"{written[:_SHOWN]}.."


def _did_you_mean(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    if close:
        return f", did you mean {close[0]}?"
    return f"; known: {', '.join(sorted(known))}" if known else ""


def _keys(path: KeyPath) -> list[str]:
    model: type[BaseModel] | None = CronFile
    for step in path:
        model = _below(model, str(step)) if model else None
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _below(model: type[BaseModel], step: str) -> type[BaseModel] | None:
    for name, field in model.model_fields.items():
        if step in (name, field.alias):
            return next(_models(field.annotation), None)
    return model  # a key of a mapping (messages, jobs), whose values already gave the model


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
