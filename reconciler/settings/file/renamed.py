"""Renamed keys of cron.yaml. The old name is still read, and a warning gives the new one."""

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
"""Path of a key in 0.1.0 -> the key's name since 0.2.0."""
MOVED: dict[tuple[str, ...], str] = {
    ("rules", "sms.missing", "satisfied_by"): "each message has its own now, "
    "rules.sms.missing.messages.<status>.satisfied_by; this one still works for messages that have none",
}
"""Path of a key that is still read -> the warning that names its new place."""
JOBS = {old[1]: new for old, new in RENAMED.items() if old[0] == "jobs"}
"""Job names on the command line: name in 0.1.0 -> name since 0.2.0."""


def renamed(old: str, new: str) -> str:
    """The warning for an old name."""
    return f"{old} is called {new} now; the old name still works, but use the new one"


def conflicts(data: CommentedMap) -> Iterator[tuple[tuple[str, ...], str]]:
    """The old keys whose section also has the new key, each as the path of the old key and the new name."""
    for path, new in RENAMED.items():
        section = _section(data, path[:-1])
        if section is not None and path[-1] in section and new in section:
            yield path, new


def rename(data: CommentedMap) -> Iterator[tuple[tuple[str, ...], str]]:
    """Rename each old key of ``data`` in place. Yields the path of the old key and the new name.

    A section that has both names is a mistake and stays unchanged: see ``conflicts``.
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
