"""Names and values as SQL: the one place where they are quoted.

Whatever is printed may pass a terminal on its way to the database. What is not printable is therefore written as an
escape that PostgreSQL reads back as the same character.
"""

import re

from psycopg import sql

_NOT_PRINTABLE = re.compile(r"[^\x20-\x7e]")


def identifier(*names: str) -> str:
    """A name, qualified by the names before it, as SQL."""
    return ".".join(_one_identifier(name) for name in names)


def exact_identifier(*names: str) -> str:
    """The same with every character as it is."""
    return sql.Identifier(*names).as_string(None)


def literal(value: str) -> str:
    """A text as an SQL literal, the same whatever the session's standard_conforming_strings is."""
    plain = sql.Literal(value).as_string(None).strip()
    if plain.isprintable():
        return plain
    # Without a backslash, both forms of a literal mean the same.
    return _escaped(plain if plain.startswith("E") else f"E{plain}", "\\u{:04x}", "\\U{:08x}")


def dollar_quoted(body: str, tag: str) -> str:
    """``body`` between dollar quotes that nothing in it can end."""
    number, free = 0, tag
    while f"${free}" in body:
        number += 1
        free = f"{tag}_{number}"
    return f"${free}${body}${free}$"


def _one_identifier(name: str) -> str:
    plain = sql.Identifier(name).as_string(None)
    if plain.isprintable():
        return plain
    doubled = sql.Identifier(name.replace("\\", "\\\\")).as_string(None)
    return "U&" + _escaped(doubled, "\\{:04x}", "\\+{:06x}")


def _escaped(quoted: str, short: str, long: str) -> str:
    def escape(found: re.Match[str]) -> str:
        character = found[0]
        if character.isprintable():
            return character
        return (short if ord(character) < 0x10000 else long).format(ord(character))

    return _NOT_PRINTABLE.sub(escape, quoted)
