"""The drawing of the ledger, read as a person reads it, is the table of legal moves. (The database's: contract tests.)

An arrow is followed from its head back to where it comes from. A label that hangs in the air belongs to the state on
its left, in its own line or the one below; nothing comes out of a final state.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import pytest

from reconciler.domain import intents
from reconciler.domain.intents import LEGAL_MOVES, State

Move = tuple[State, State]
_STATE = re.compile(r"(?<![a-z] )\b({})\b(\*?)".format("|".join(State)))
"""A state's name, but for one that is a word of a label: *certainly not done*."""
_HEAD = re.compile(r"> ?((?:\w+\*?)(?: \| \w+\*?)*)")
"""An arrow to the right, and the states it leads to."""


@dataclass(frozen=True)
class Drawing:
    lines: list[str]

    @cached_property
    def states(self) -> list[list[tuple[int, int, State, bool]]]:
        """Line by line: where a state begins and ends, which one it is, and whether it is marked as final."""
        return [[(m.start(), m.end(), State(m[1]), m[2] == "*") for m in _STATE.finditer(line)] for line in self.lines]

    def moves(self) -> Iterator[Move]:
        for row, line in enumerate(self.lines):
            for head in _HEAD.finditer(line):
                source = self._leftwards(row, head.start() - 1)
                yield from ((source, State(word)) for word in re.findall(r"\w+", head[1]))
            for column, mark in enumerate(line):
                if mark == "^":
                    yield self._from(row, column, 1), self._left_of(row - 1, column)
                elif mark == "v" and self._at(row - 1, column) == "|":
                    yield self._from(row, column, -1), self._left_of(row + 1, column)

    def finals(self) -> dict[State, set[bool]]:
        """How each state is marked, wherever it stands."""
        marked: dict[State, set[bool]] = {}
        for _, _, state, is_final in (found for line in self.states for found in line):
            marked.setdefault(state, set()).add(is_final)
        return marked

    def _at(self, row: int, column: int) -> str:
        return self.lines[row][column : column + 1] if 0 <= row < len(self.lines) else ""

    def _left_of(self, row: int, column: int) -> State:
        """The last state that begins at the column or before; a final one only if there is no other."""
        found = [(state, is_final) for start, _, state, is_final in self.states[row] if start <= column]
        return [state for state, is_final in found if not is_final or all(final for _, final in found)][-1]

    def _on(self, row: int, column: int) -> State | None:
        return next((state for start, end, state, _ in self.states[row] if start <= column < end), None)

    def _leftwards(self, row: int, column: int) -> State:
        """Along the arrow and its label to the state or the corner where it begins."""
        while column >= 0 and self.lines[row][column - 1 : column + 1] != "  " and self._at(row, column) != "+":
            if self._on(row, column):
                return self._left_of(row, column)
            column -= 1
        if self._at(row, column) == "+":
            return self._from(row, column, -1)
        has_one = any(start <= column for start, _, _, _ in self.states[row])
        return self._left_of(row if has_one else row + 1, column + 2)

    def _from(self, row: int, column: int, step: int) -> State:
        """Up or down a line, round a corner on its far end if there is no state."""
        row += step
        while self._at(row, column) in ("|", "+"):
            if self._at(row, column) == "+" and step > 0:
                return self._rightwards(row, column + 1)
            row += step
        found = self._on(row, column)
        assert found, f"an arrow from nowhere at line {row}, column {column}"
        return found

    def _rightwards(self, row: int, column: int) -> State:
        while not (found := self._on(row, column)) and self._at(row, column) not in ("+", ""):
            column += 1
        return found or self._from(row, column, -1)


def drawing(text: str | None = intents.__doc__) -> Drawing:
    found = re.search(r"```\n(.*?)```", text or "", re.DOTALL)
    assert found
    return Drawing(found[1].splitlines())


def test_the_drawing_shows_the_legal_moves_and_no_other() -> None:
    assert sorted(drawing().moves()) == sorted((was, to) for was, moves in LEGAL_MOVES.items() for to in moves)


def test_the_final_states_are_those_with_a_star() -> None:
    assert drawing().finals() == {state: {state.is_final} for state in State}


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("--found--> done*", "--found--> refused*"),
        ("done* | planned | dropped*", "done* | planned"),
        ("+-> needs_human  attempts", "    needs_human  attempts"),
        ("  ^  |  ^", "  ^  |   "),
        ("accepted ------------> done*", ""),
        ("  v timeout", "  | timeout"),
    ],
)
def test_an_arrow_that_is_drawn_otherwise_is_seen(was: str, becomes: str) -> None:
    """The reading itself can fail."""
    assert intents.__doc__
    assert was in intents.__doc__
    changed = drawing(intents.__doc__.replace(was, becomes))
    assert sorted(changed.moves()) != sorted(drawing().moves())
