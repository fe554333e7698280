"""Every cron.yaml that stands in the repository: files, pages, and the texts that tests write out."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from reconciler.settings.file import source
from reconciler.settings.file.renamed import RENAMED
from reconciler.settings.model.cron_file import CronFile

ROOT = Path(__file__).parents[2]
FILES = ("cron.yaml", "reconciler/presets/*.yaml", "tests/**/*.yaml")
PAGES = ("*.md", "docs/*.md")
_KEYS = {field.alias or name for name, field in CronFile.model_fields.items()} | {old[0] for old in RENAMED}
_BEGINS_WITH_KEY = re.compile(rf"(?m)^\s*\{{?['\"]?(?:{'|'.join(map(re.escape, _KEYS))})['\"]?\s*:")
_FENCED = re.compile(r"(?ms)^```ya?ml\n(.*?)^```")


def cron_yaml_texts() -> dict[str, str]:
    """Each text once -> where it first stands. Whether it is right is for others to say."""
    found: dict[str, str] = {}
    for place, text in _every_text():
        found.setdefault(text, place)
    return found


def as_written(path: Path) -> Any:
    """The data of a file as an editor hands it to a schema: old names stay, dates are texts, marks of YAML are gone."""
    yaml = YAML(typ="rt")
    yaml.Constructor = source._Constructor
    return _plain(yaml.load(path.read_text(encoding="utf-8")))


def _plain(node: Any) -> Any:
    if isinstance(node, dict):
        return {str(key): _plain(node[key]) for key in node}
    if isinstance(node, list):
        return [_plain(item) for item in node]
    for kind in (str, int, float):
        if isinstance(node, kind) and not isinstance(node, bool):
            return kind(node)
    return node


def _every_text() -> Iterator[tuple[str, str]]:
    for pattern in FILES:
        for path in sorted(ROOT.glob(pattern)):
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
    for pattern in PAGES:
        for path in sorted(ROOT.glob(pattern)):
            for text in _FENCED.findall(path.read_text(encoding="utf-8")):
                yield str(path.relative_to(ROOT)), text
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _BEGINS_WITH_KEY.search(node.value):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node.value
