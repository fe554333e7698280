"""The proposal as a commented cron.yaml."""

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.settings.adopt.proposal import Choice, Proposal

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:[./][A-Za-z_][A-Za-z0-9_]*)*")
_NOT_PLAIN = frozenset({"true", "false", "null", "yes", "no", "on", "y", "n"})
_WIDEST = 100
_HEAD = """\
# Written by `reconciler adopt` from the catalog of the database. Each line says why, and how sure that is: sure,
# likely, or to confirm. Read each line once. A key that is not here has its default; docs/settings.md lists every key.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class VenuePlace:
    """What the file says of the country, which no catalog knows."""

    region: str
    locale: str = "en_GB"


def file_text(proposal: Proposal, place: VenuePlace) -> str:
    """The whole file."""
    lines = [_HEAD.rstrip("\n")]
    above: tuple[str, ...] = ()
    for choice in proposal.choices:
        path = choice.path[:-1]
        for depth in range(len(path)):
            if path[: depth + 1] != above[: depth + 1]:
                lines += [""] if depth == 0 else []
                lines.append(f"{'  ' * depth}{_scalar(path[depth])}:")
        above = path
        lines += _lines(choice)
        if choice.path == ("timezone",):
            lines.append(f"locale: {place.locale}  # the language of days, months and numbers in texts")
        if choice.key == "rules.sms.missing.queue":
            lines.append(f"    region: {place.region}  # the country of numbers without a country code")
    return "\n".join(lines) + "\n"


def _lines(choice: Choice) -> Iterator[str]:
    indent = "  " * (len(choice.path) - 1)
    # A name may hold a line's end: what follows it would be no comment any more.
    comment = "".join(one if one.isprintable() else "?" for one in f"{choice.confidence}: {choice.reason}")
    key = _scalar(choice.path[-1])
    written = f"{indent}{key}: {flow(choice.value)}"
    if choice.path[-1] == "messages":
        yield from _comment(comment, indent)
        yield f"{indent}{key}:"
        yield from _block(choice.value, indent + "  ")
    elif len(written) + len(comment) > _WIDEST:
        yield from _comment(comment, indent)
        yield from [written] if len(written) <= _WIDEST else [f"{indent}{key}:", *_block(choice.value, indent + "  ")]
    else:
        yield f"{written}  # {comment}"


def _block(value: Any, indent: str) -> Iterator[str]:
    """A mapping or a list, each entry on a line of its own."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            written = f"{indent}{_scalar(str(key))}: {flow(one)}"
            if len(written) <= _WIDEST or not isinstance(one, Mapping | list):
                yield written
            else:
                yield f"{indent}{_scalar(str(key))}:"
                yield from _block(one, indent + "  ")
    else:
        for one in value:
            yield from _entry(one, indent)


def _entry(one: Any, indent: str) -> Iterator[str]:
    """One of a list; what is long has each of its keys on a line."""
    written = f"{indent}- {flow(one)}"
    if len(written) <= _WIDEST or not isinstance(one, Mapping):
        yield written
        return
    first, *rest = _block(one, indent + "  ")
    yield f"{indent}- {first.lstrip()}"
    yield from rest


def _comment(words: str, indent: str) -> Iterator[str]:
    yield from textwrap.wrap(
        words, _WIDEST + 15, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ", break_long_words=False
    )


def flow(value: Any) -> str:
    """A value on one line, as YAML 1.2."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(str(key))}: {flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        is_plain = _PLAIN.fullmatch(value) and value.lower() not in _NOT_PLAIN
        return value if is_plain else json.dumps(value, ensure_ascii=False)
    return json.dumps(value)
