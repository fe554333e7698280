"""Makes the JSON schema (draft 2020-12) from the model of cron.yaml: its keys, defaults and descriptions stand there.

Only keywords that older drafts have too are used for what is checked, since editors know those best.
"""

import types
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from importlib.metadata import version
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

from reconciler.settings.file.renamed import MOVED, RENAMED
from reconciler.settings.file.values import NoneFor, OffWord, not_empty, parse_table
from reconciler.settings.model.bookings import table_alone
from reconciler.settings.model.cron_file import CronFile
from reconciler.settings.model.fields import at_least_one, one_alone, parse_field
from reconciler.settings.model.jobs import Job
from reconciler.settings.model.times import column_alone, column_or_off
from reconciler.settings.schema.forms import BOOLEAN, FORMS, OFF, Form

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_EITHER = {
    "oneOf": [{"required": [key], "properties": {key: {"type": "string"}}} for key in ("every", "cron")],
}
"""Of a job: one of both. Null counts as left out."""
_COLUMN: Form = {"type": "string", "minLength": 1}
_SHORTER: Mapping[Any, Form] = {
    table_alone: FORMS[parse_table],
    one_alone: FORMS[parse_field],
    column_alone: _COLUMN | {"not": {"const": "off"}},
    column_or_off: {"anyOf": [_COLUMN, OFF]},
}
"""What reads a section -> what may stand in its place."""
_BOUNDS = {"ge": "minimum", "le": "maximum", "min_length": "minLength"}
"""An attribute of pydantic's marks -> the keyword for it."""


def json_schema(jobs: Collection[str]) -> Form:
    """The schema of the whole file; ``jobs``: the names that may stand in its section ``jobs``."""
    defaults = CronFile().model_dump(mode="json", by_alias=True)
    whole = _Schema(frozenset(jobs)).section(CronFile, (), defaults)
    return {
        "$schema": DRAFT,
        "$comment": f"Written by `reconciler schema`, version {version('reconciler')}.",
        "title": "cron.yaml of reconciler",
        # An empty file means all defaults.
        **(whole | {"type": ["object", "null"]}),
    }


@dataclass(frozen=True, slots=True)
class _Schema:
    jobs: frozenset[str]

    def section(self, model: type[BaseModel], path: tuple[str, ...], defaults: Any) -> Form:
        """The schema of a section. ``defaults``: those of its keys, where it has any."""
        known = defaults if isinstance(defaults, dict) else {}
        keys, required = {}, []
        for name, field in model.model_fields.items():
            key = field.alias or name
            keys[key] = self._key(field, (*path, key), known.get(key))
            required += [key] if field.is_required() else []
        return {
            "type": "object",
            "description": _first_line(model.__doc__ or ""),
            **_object(keys, path),
            **({"required": required} if required else {}),
            **(_EITHER if model is Job else {}),
        }

    def _key(self, field: FieldInfo, path: tuple[str, ...], default: Any) -> Form:
        written = self._written(field.annotation, field.metadata, path, default)
        default = field.get_default() if default is None else default
        scalar = isinstance(default, str | int | float | list) and not field.is_required()
        said = [_first_line(field.description or ""), written.pop("description", "")]
        return {
            "description": "\n".join(filter(None, said)),
            **written,
            **({"default": default} if scalar else {}),
            **({"deprecated": True} if path in MOVED else {}),
        }

    def _written(self, annotation: Any, metadata: Collection[Any], path: tuple[str, ...], default: Any) -> Form:
        """What may be written for a type with its marks."""
        if get_origin(annotation) is Annotated:
            inner, *more = get_args(annotation)
            marks = [each for mark in more for each in (mark.metadata if isinstance(mark, FieldInfo) else [mark])]
            return self._written(inner, [*marks, *metadata], path, default)
        words = [mark.word for mark in metadata if isinstance(mark, NoneFor)]
        form = self._read_by(metadata) or self._of_type(annotation, metadata, path, default)
        if words:  # the word stands where null would, and an empty key is a mistake
            form = _any_of({"const": words[0]}, _without_null(form))
        for mark in metadata:
            if isinstance(mark, BeforeValidator) and mark.func in _SHORTER:
                form = _any_of(_SHORTER[mark.func], form)
        return _any_of(form, OFF) if OffWord in metadata else form

    def _read_by(self, metadata: Collection[Any]) -> Form | None:
        """The form of what reads the value, if a reader of our own does; of the last one, which asks for most."""
        readers: list[Any] = [mark.func for mark in metadata if isinstance(mark, BeforeValidator | AfterValidator)]
        forms = [FORMS[reader] for reader in readers if reader in FORMS]
        return dict(forms[-1]) if forms else None

    def _of_type(self, annotation: Any, metadata: Collection[Any], path: tuple[str, ...], default: Any) -> Form:
        origin, inside = get_origin(annotation), get_args(annotation)
        if origin in (Union, types.UnionType):
            return _any_of(*(self._written(part, [], path, default) for part in inside))
        if origin is dict:
            return self._mapping(inside[0], inside[1], path)
        if origin is tuple:
            least = (
                {"minItems": 1}
                if any(getattr(mark, "func", None) in (not_empty, at_least_one) for mark in metadata)
                else {}
            )
            return {"type": "array", "items": self._written(inside[0], [], path, None), **least}
        if origin is Literal:
            return {"enum": [word.value if isinstance(word, Enum) else word for word in inside]}
        if annotation is type(None):
            return {"type": "null"}
        if annotation is bool:
            return dict(BOOLEAN)
        if issubclass(annotation, BaseModel):
            return self.section(annotation, path, default)
        if issubclass(annotation, Enum):
            return {"enum": [word.value for word in annotation]}
        return {"type": _PLAIN[annotation], **dict(_bounds(metadata))}

    def _mapping(self, key: Any, value: Any, path: tuple[str, ...]) -> Form:
        """A mapping whose keys are the venue's own; or, of jobs, the names that there are."""
        of_value = self._written(value, [], (*path, "*"), None)
        if path == ("jobs",):
            return {"type": "object", **_object(dict.fromkeys(sorted(self.jobs), of_value), path)}
        of_key = self._written(key, [], path, None)
        names = {"propertyNames": of_key} if of_key != {"type": "string"} else {}
        return {"type": "object", "additionalProperties": of_value, **names}


_PLAIN = {str: "string", int: "integer", float: "number"}


def _object(keys: dict[str, Form], path: tuple[str, ...]) -> Form:
    """The keys of a section: no others, the old names among them, and never a key under both of its names."""
    old = {before[-1]: new for before, new in RENAMED.items() if before[:-1] == path}
    renamed = {name: _renamed(keys[new], new) for name, new in old.items()}
    twice = [{"not": {"required": [name, new]}} for name, new in old.items()]
    return {"properties": keys | renamed, "additionalProperties": False, **({"allOf": twice} if twice else {})}


def _renamed(form: Form, new: str) -> Form:
    said = {"description": f"is called {new} now", "deprecated": True}
    return {keyword: value for keyword, value in form.items() if keyword != "default"} | said


def _bounds(metadata: Collection[Any]) -> Iterator[tuple[str, Any]]:
    for mark in metadata:
        for attribute, keyword in _BOUNDS.items():
            bound = getattr(mark, attribute, None)
            if bound is not None:
                yield keyword, bound


def _any_of(*forms: Form) -> Form:
    """One of the forms; a list of words stays a list, and null joins a plain type, since editors explain those best."""
    flat = [part for form in forms for part in (form["anyOf"] if set(form) == {"anyOf"} else [form])]
    if all(set(form) in ({"enum"}, {"const"}) for form in flat):
        return {"enum": [word for form in flat for word in form.get("enum", [form.get("const")])]}
    if len(flat) == 1:
        return flat[0]
    if len(flat) == 2 and {"type": "null"} in flat:
        (other,) = (form for form in flat if form != {"type": "null"})
        if isinstance(other.get("type"), str) and "anyOf" not in other:
            return other | {"type": [other["type"], "null"]}
    return {"anyOf": flat}


def _without_null(form: Form) -> Form:
    if isinstance(form.get("type"), list):
        (kept,) = (kind for kind in form["type"] if kind != "null")
        return form | {"type": kept}
    if "anyOf" in form:
        return _any_of(*(part for part in form["anyOf"] if part != {"type": "null"}))
    return form


def _first_line(words: str) -> str:
    return words.strip().partition("\n")[0].replace("``", "`")
