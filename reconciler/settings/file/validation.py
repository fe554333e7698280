"""Makes the typed file of what was read. Pydantic's errors become mistakes in plain words, each with its remedy."""

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from reconciler.settings.file.mistake import READ, SHOWN, KeyPath, Mistake
from reconciler.settings.file.secrets import withhold
from reconciler.settings.file.source import Source
from reconciler.settings.model.cron_file import CronFile


def validate(source: Source) -> tuple[CronFile | None, list[Mistake]]:
    """The typed file, or every mistake in it in the order of its lines."""
    try:
        return CronFile.model_validate(source.data if source.data is not None else {}), []
    except ValidationError as error:
        found = [(_path(detail), detail) for detail in error.errors(include_url=False)]
        found.sort(key=lambda mistake: source.line(mistake[0]) or 0)
        return None, [_mistake(source, path, detail) for path, detail in found]


def validate_rest(source: Source) -> tuple[CronFile | None, frozenset[KeyPath]]:
    """The file without its wrong keys, and the paths of the keys whose meaning is unknown therefore.

    ``None``: nothing remains.
    """
    data, doubtful = source.data, set[KeyPath]()
    while True:
        try:
            return CronFile.model_validate(data), frozenset(doubtful)
        except ValidationError as error:
            wrong = [(_path(detail), detail["type"]) for detail in error.errors(include_url=False)]
        before = data
        for path, kind in wrong:
            doubtful |= _may_be_meant(source, path) if kind == "extra_forbidden" else {path}
            # Without the key that is missing, its section cannot stay.
            data = _without(data, path[:-1] if kind == "missing" else path)
        if data == before:
            return None, frozenset(doubtful)


def _may_be_meant(source: Source, unknown: KeyPath) -> set[KeyPath]:
    """The key that is written so by mistake: the one like it, else any of the section that is not in the file."""
    section = unknown[:-1]
    absent = [name for name in keys_of_section(section) if not source.has((*section, name))]
    close = did_you_mean(str(unknown[-1]), absent)
    return {(*section, name) for name in ([close] if close else absent)}


def keys_of_section(path: KeyPath) -> list[str]:
    """The keys that a section knows, as cron.yaml writes them."""
    model = _section(path)
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _without(node: Mapping[Any, Any], path: KeyPath) -> Mapping[Any, Any]:
    """The data without the key; without the whole list where the path leads into one. What stays is not copied."""
    key = next((key for key in node if path and str(key) == str(path[0])), None)
    if key is None:
        return node
    rest, below = {other: value for other, value in node.items() if other is not key}, node[key]
    return {**rest, key: _without(below, path[1:])} if path[1:] and isinstance(below, Mapping) else rest


def _mistake(source: Source, path: KeyPath, detail: Mapping[str, Any]) -> Mistake:
    kind, seen = detail["type"], detail.get("input")
    if detail["loc"][-1] == "[key]" and kind != "value_error":
        kind = "invalid_key"
    if kind == "extra_forbidden":
        known = keys_of_section(path[:-1])
        close = did_you_mean(str(path[-1]), known)
        return source.mistake(path, f"unknown key{_suggested(close, known)}", remedy=_instead(close, "remove the key"))
    shown = _shown(seen) if isinstance(seen, str | int | float) else ""
    if kind in ("enum", "literal_error"):
        expected = str(detail["ctx"]["expected"])
        words = re.findall(r"'(\w+)'", expected) or [expected]
        close = did_you_mean(str(seen), words)
        what, remedy = (
            f"not one of the words for this{_suggested(close, words)}",
            f"write {close or ' or '.join(words)}",
        )
    else:
        said = str(detail["msg"]).removeprefix("Value error, ").removeprefix("Input ")
        what, remedy = _WORDS.get(kind, said), _REMEDIES.get(kind) or _usual(path)
        if kind == "string_type" and shown:
            remedy = f'put it in quotes: "{shown}"'
    return source.mistake(path, f"{shown}: {what}" if shown else what, remedy=remedy, seen=shown)


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
_REMEDIES = {
    "invalid_key": "put the key in quotes",
    "missing": "add the key",
    "tuple_type": "write a list, such as [one, two]",
}


def _usual(path: KeyPath) -> str:
    """The remedy for a wrong value: the default, where the key has one that is short enough for a line."""
    model = _section(path[:-1])
    defaults = model.model_construct() if model else None
    for name, field in (model.model_fields if model else {}).items():
        if path[-1] != (field.alias or name) or field.is_required():
            continue
        default = defaults.model_dump(mode="json", include={name}).get(name) if defaults else None
        if isinstance(default, str | int | float) and default != "":
            shown = default if isinstance(default, str) else json.dumps(default)
            return f"correct the value, or remove the key: then it is {shown}"
        return "correct the value, or remove the key"
    return "correct the value"


def _shown(value: str | float) -> str:
    if isinstance(value, str):
        value = value[:READ]
    written = withhold(json.dumps(value, ensure_ascii=False))  # before it is cut to what is shown
    return written if len(written) <= SHOWN else f"{written[:SHOWN]}.."


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """The known word that the word is probably meant to be; '' if it is like none."""
    return next(iter(difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)), "")


def _suggested(close: str, known: Sequence[str]) -> str:
    if close:
        return f", did you mean {close}?"
    return f"; known: {', '.join(sorted(known))}" if known else ""


def _instead(close: str, otherwise: str) -> str:
    return f"write {close} instead" if close else otherwise


def _section(path: KeyPath) -> type[BaseModel] | None:
    model: type[BaseModel] | None = CronFile
    for step in path:
        model = _below(model, str(step)) if model else None
    return model


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
