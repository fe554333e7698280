"""Every name that the source defines or uses, every key that it writes, and where each first stands."""

import ast
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

from tests.repo.banned_words import OLD_NAMES_MAY_STAND

ROOT = Path(__file__).parents[2]
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

Places = dict[str, str]
"""A name or key -> where it first stands, as ``path:line``."""


@cache
def words(text: str) -> str:
    """The words of a snake_case or CamelCase name, or of a sentence, in lower case, with one space around each."""
    return f" {' '.join(part.lower() for part in _PART.findall(text))} "


def contains(text: str, banned: str) -> bool:
    return words(banned) in words(text)


def modules(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    """The parsed modules below folders of the repository, without those where old names may stand."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if not any(fnmatch(name, pattern) for pattern in OLD_NAMES_MAY_STAND):
                yield name, parsed(path)


@cache
def parsed(path: Path) -> ast.Module:
    """Read once per process: several tests go through the whole source."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def identifiers(*folders: str) -> Places:
    """Names of folders, modules, classes, functions, arguments, attributes and variables."""
    found: Places = {}
    for path, tree in modules(*folders):
        for part in Path(path).with_suffix("").parts:
            found.setdefault(part, path)
        for node in ast.walk(tree):
            for name in names_in(node):
                found.setdefault(name, f"{path}:{getattr(node, 'lineno', 1)}")
    return found


def keys(*folders: str) -> Places:
    """Keys of dictionaries that the source writes out, and values of enumerations: what JSON and tables show."""
    found: Places = {}
    for path, tree in modules(*folders):
        for node in ast.walk(tree):
            for constant in _shown(node):
                if isinstance(constant, ast.Constant) and isinstance(constant.value, str):
                    found.setdefault(constant.value, f"{path}:{constant.lineno}")
    return found


def keys_of(document: object, path: str) -> Places:
    """All keys of a nested mapping."""
    if not isinstance(document, Mapping):
        return {}
    found: Places = {}
    for key, value in document.items():
        found |= {str(key): path} | keys_of(value, path)
    return found


def names_in(node: ast.AST) -> Iterator[str]:
    """The names that this one node defines or uses."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.keyword(arg=str(name)) | ast.alias(asname=str(name)):
            yield name
        case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.ExceptHandler(name=str(name)):
            yield name


def _shown(node: ast.AST) -> Iterator[ast.AST | None]:
    match node:
        case ast.Dict(keys=own):
            yield from own
        case ast.ClassDef(bases=bases, body=body) if any("Enum" in ast.unparse(base) for base in bases):
            yield from (member.value for member in body if isinstance(member, ast.Assign))
