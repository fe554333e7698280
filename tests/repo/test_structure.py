"""The source stays readable: small modules, short functions, short folders, and one meaning for each public name."""

import ast
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.repo.names import ROOT, modules

MODULE_LINES = 300
FUNCTION_LINES = 60
FOLDER_ENTRIES = 15
LONG_FOLDERS = {
    "reconciler": "one folder per floor, and presets/, which is data",
    "reconciler/cli": "one file per command: its listing is the list of commands",
    "reconciler/cli/commands": "the same, their options",
}
SHARED_NAMES: dict[str, str] = {
    "command": "each module of cli/ holds one command; cli.main imports it by this name",
    "run": "each module of cli/ runs one command; its options and help stand in cli/commands/",
    "as_data": "of a command: its answer as JSON data",
    "read": "of a source of settings: its values, and what could not be read",
}
"""Public names that more than one module of reconciler/ may define at its top level, each with the reason."""


def report(found: Mapping[str, object], unit: str) -> None:
    if found:
        lines = [f"{where}: {what} {unit}".rstrip() for where, what in found.items()]
        pytest.fail("\n".join([f"{len(found)} found:", *lines]), pytrace=False)


def test_no_module_is_long() -> None:
    lines = {path: len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path, _ in modules("reconciler")}
    assert len(lines) > 100
    report({path: number for path, number in lines.items() if number > MODULE_LINES}, "lines")


def test_no_function_is_long() -> None:
    lengths = {
        f"{path}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path, tree in modules("reconciler")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert len(lengths) > 1000
    report({where: number for where, number in lengths.items() if number > FUNCTION_LINES}, "lines")


def listed(folder: Path) -> list[Path]:
    return [entry for entry in folder.iterdir() if entry.name not in ("__pycache__", "__init__.py")]


def test_no_folder_has_many_entries() -> None:
    """What a listing shows, apart from ``__init__.py``."""
    entries = {
        folder.relative_to(ROOT).as_posix(): len(listed(folder))
        for folder in [ROOT / "reconciler", *filter(Path.is_dir, (ROOT / "reconciler").rglob("*"))]
        if folder.name != "__pycache__"
    }
    long = {folder: number for folder, number in entries.items() if number > FOLDER_ENTRIES}
    report({folder: number for folder, number in long.items() if folder not in LONG_FOLDERS}, "entries")


def test_a_public_name_has_one_meaning() -> None:
    """No two modules define a public class or function of one name, except those with a reason."""
    defined: dict[str, list[str]] = defaultdict(list)
    for path, tree in modules("reconciler"):
        if "/migrations/versions/" in path:  # every revision defines what Alembic calls
            continue
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name[0] != "_":
                defined[node.name].append(path)
    twice = {name: paths for name, paths in defined.items() if len(set(paths)) > 1}
    report({name: ", ".join(paths) for name, paths in sorted(twice.items()) if name not in SHARED_NAMES}, "")
    assert SHARED_NAMES.keys() <= twice.keys(), "a reason that nothing needs any more"
