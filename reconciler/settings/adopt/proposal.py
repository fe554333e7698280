"""What is proposed: keys of cron.yaml with values, each with a confidence and a reason, and what a person is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Confidence(StrEnum):
    SURE = "sure"
    """The catalog says so: a type, a key, an enum."""
    LIKELY = "likely"
    """The name says so."""
    CONFIRM = "to confirm"
    """It is a guess: a person should read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One key of cron.yaml."""

    path: tuple[str, ...]
    value: Any
    """As YAML has it: words, numbers, lists, mappings, ``None``."""
    confidence: Confidence
    reason: str

    @property
    def key(self) -> str:
        return ".".join(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the catalog cannot say. One question may have two answers."""

    name: str
    asks: str
    answers: Mapping[str, Any]
    """Key of the answers' file -> the default; ``None``: there is no sensible one."""
    options: tuple[str, ...] = ()
    """What an answer may name; empty: anything of its form."""
    is_closed: bool = False
    """Whether nothing but the options can be true."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A whole mapping."""

    table: str
    choices: tuple[Choice, ...]
    """In the order of the file."""
    questions: tuple[Question, ...]
    others: tuple[str, ...] = ()
    """Other tables that might be the bookings, the likeliest first."""
    warnings: tuple[str, ...] = ()

    def at(self, *path: str) -> Choice | None:
        return next((choice for choice in self.choices if choice.path == path), None)

    def mapping(self) -> dict[str, Any]:
        """The file as data."""
        tree: dict[str, Any] = {}
        for choice in self.choices:
            node = tree
            for step in choice.path[:-1]:
                node = node.setdefault(step, {})
            node[choice.path[-1]] = choice.value
        return tree


def listed(words: Sequence[str]) -> str:
    return ", ".join(words)
