"""Keys of cron.yaml that have a new name: the old one is read, and a warning names the new one."""

from collections.abc import Iterator
from typing import Any

from ruamel.yaml.comments import CommentedMap

RENAMED: dict[tuple[str, ...], str] = {
    ("bookings", "lookback"): "scan_window",
    ("limits", "breaker", "texts"): "sms",
    ("limits", "breaker", "events"): "calendar",
    ("limits", "rate", "texts"): "sms",
    ("limits", "rate", "events"): "calendar",
    ("jobs", "missing_sms"): "sms_missing",
    ("jobs", "missing_events"): "calendar_missing",
}
"""Where a key of 0.1.0 stands -> what it is called since 0.2.0."""
JOBS = {old[1]: new for old, new in RENAMED.items() if old[0] == "jobs"}
"""The same for the names of jobs alone, as the command line takes them."""


def rename(data: CommentedMap) -> Iterator[tuple[tuple[str, ...], str]]:
    """Give each old key of ``data`` its new name, in place: where the old one stood, and the new name.

    A file that has both is left as it is: the old key is then unknown, and a mistake.
    """
    for path, new in RENAMED.items():
        section = _section(data, path[:-1])
        old = path[-1]
        if section is None or old not in section or new in section:
            continue
        line = section.lc.data.pop(old)
        section.insert(list(section).index(old), new, section.pop(old))
        section.lc.data[new] = line
        yield path, new


def _section(data: CommentedMap, path: tuple[str, ...]) -> CommentedMap | None:
    node: Any = data
    for step in path:
        node = node.get(step) if isinstance(node, CommentedMap) else None
    return node if isinstance(node, CommentedMap) else None
