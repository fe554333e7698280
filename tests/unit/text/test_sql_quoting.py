"""Names and values as SQL; nothing in them ends what they stand in, and nothing of them reaches a terminal as it is."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.text.sql_quoting import dollar_quoted, exact_identifier, identifier, literal
from tests.repo.names import ROOT

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
ESCAPE = re.compile(r"\\(?:\\|u([0-9a-f]{4})|U([0-9a-f]{8})|\+([0-9a-f]{6})|([0-9a-f]{4}))")


def unescaped(text: str) -> str:
    def character(found: re.Match[str]) -> str:
        code = next(filter(None, found.groups()), None)
        return chr(int(code, 16)) if code else "\\"

    return ESCAPE.sub(character, text)


@given(TEXTS)
@example("\x1b[2J\n")
@example("it's \\'; DROP TABLE x; --")
@example("\U000e0001")
def test_a_literal_is_one_printable_token(value: str) -> None:
    found = re.fullmatch(r"(E?)'((?:[^']|'')*)'", literal(value))
    assert found
    assert literal(value).isprintable()
    inside = found[2].replace("''", "'")
    assert (unescaped(inside) if found[1] else inside) == value
    assert found[1] or "\\" not in inside, "it would depend on standard_conforming_strings"


@given(TEXTS.filter(bool))
@example('a"b\\0061')
@example("\x1b[2J\n\\")
def test_an_identifier_is_one_printable_token(name: str) -> None:
    found = re.fullmatch(r'(U&)?"((?:[^"]|"")*)"', identifier(name))
    assert found
    assert identifier(name).isprintable()
    inside = found[2].replace('""', '"')
    assert (unescaped(inside) if found[1] else inside) == name
    assert exact_identifier(name) == '"' + name.replace('"', '""') + '"', "the ledger keeps names in this form"


@given(st.lists(st.sampled_from(["$", "_", "a", "1", "tag", "\n"]), max_size=30))
@example(["$tag$ $tag_1$ $tag_2"])
def test_nothing_ends_a_dollar_quote(parts: list[str]) -> None:
    body = "".join(parts)
    quoted = dollar_quoted(body, "tag")
    opening = re.match(r"\$\w+\$", quoted)
    assert opening
    assert quoted.index(opening[0], len(opening[0])) == len(quoted) - len(opening[0])
    assert quoted[len(opening[0]) : -len(opening[0])] == body


BY_HAND = re.compile(r"""replace\(\s*(?:"'",\s*"''"|'"',\s*'""')\s*\)""")


def test_nothing_else_quotes_sql() -> None:
    quoting = [path for path in (ROOT / "reconciler").rglob("*.py") if BY_HAND.search(path.read_text(encoding="utf-8"))]
    assert quoting == []


@pytest.mark.parametrize("names", [("public", "x"), ("Venue Data", 'a "b"')])
def test_names_are_joined(names: tuple[str, ...]) -> None:
    assert identifier(*names) == exact_identifier(*names) == ".".join(map(identifier, names))
