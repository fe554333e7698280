"""What a booking lacks, as a template meets it: false in a condition, noted where it is printed."""

import functools
from collections.abc import Callable
from typing import Any

from jinja2 import Undefined

_ITSELF = (
    "__add__", "__radd__", "__sub__", "__rsub__", "__mul__", "__rmul__", "__truediv__", "__rtruediv__", "__floordiv__",
    "__rfloordiv__", "__mod__", "__rmod__", "__neg__", "__pos__", "__call__", "__getitem__",
)  # fmt: skip
_FALSE = ("__lt__", "__le__", "__gt__", "__ge__")


class Absent(Undefined):
    """A known variable without a value. Whatever is made of it is absent too; no comparison with it holds."""

    __slots__ = ("_printed",)

    def __init__(self, name: str, printed: set[str]) -> None:
        super().__init__(name=name)
        self._printed = printed

    def __str__(self) -> str:
        self._printed.add(str(self._undefined_name))
        return ""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self


def _itself(self: Absent, *_: Any, **__: Any) -> Absent:
    return self


def _false(_self: Absent, _other: object) -> bool:
    return False


for _name in _ITSELF:
    setattr(Absent, _name, _itself)
for _name in _FALSE:
    setattr(Absent, _name, _false)


class Nameless(str):
    """The word that stands in place of a first name. In a condition there is none."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False


def passing_absent(filter_: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, which makes nothing of what is absent."""

    @functools.wraps(filter_)  # keeps the mark by which Jinja passes its context first
    def filtered(*values: Any, **options: Any) -> Any:
        absent = next((value for value in values[:2] if isinstance(value, Absent)), None)
        return filter_(*values, **options) if absent is None else absent

    return filtered
