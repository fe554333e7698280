"""The encoding of the database: it must hold every character of our texts, and know what its bytes mean."""

from collections.abc import Set
from dataclasses import dataclass
from unicodedata import name

from psycopg import errors as pg
from sqlalchemy import Connection, Text, cast, literal, select, text
from sqlalchemy.exc import DBAPIError

from reconciler.domain.gaps import GapKind, IntegrationFault

_ENCODING = text("SELECT pg_catalog.current_setting('server_encoding')")
_WITHOUT_MEANING = "SQL_ASCII"
_REMEDY = "move the application to a database with ENCODING 'UTF8' (pg_dump, createdb -E UTF8 -T template0, restore)"


@dataclass(frozen=True, slots=True)
class _Unfit:
    seen: str
    remedy: str


def encoding_faults(connection: Connection, wording: Set[str]) -> list[IntegrationFault]:
    """The fault if the database cannot hold the ``wording``, the characters of our texts that are not ASCII."""
    encoding = connection.scalar(_ENCODING)
    unfit = _unfit(connection, encoding, wording)
    if unfit is None:
        return []
    return [IntegrationFault(kind=GapKind.INTEGRATION_SCHEMA, code="encoding", seen=unfit.seen, remedy=unfit.remedy)]


def _unfit(connection: Connection, encoding: str, wording: Set[str]) -> _Unfit | None:
    if encoding == _WITHOUT_MEANING:
        return _Unfit("the database has the encoding SQL_ASCII: it stores bytes and does not know letters", _REMEDY)
    lacking = "" if _holds(connection, "".join(sorted(wording))) else _lacking(connection, wording)
    if not lacking:
        return None
    seen = f"the database has the encoding {encoding}, which cannot hold what cron.yaml's texts hold: {lacking}"
    return _Unfit(seen, f"{_REMEDY}, or write the messages of cron.yaml without them")


def _lacking(connection: Connection, wording: Set[str]) -> str:
    """By code point and name: our ledger is in that database, and could not hold the letters either."""
    found = (letter for letter in sorted(wording) if not _holds(connection, letter))
    return ", ".join(f"U+{ord(letter):04X} {name(letter, '')}".rstrip() for letter in found)


def _holds(connection: Connection, letters: str) -> bool:
    if not letters:
        return True
    trial = connection.begin_nested()
    try:
        connection.scalar(select(cast(literal(letters), Text)))
    except DBAPIError as error:
        if not isinstance(error.orig, pg.UntranslatableCharacter):
            raise
        return False
    finally:
        trial.rollback()
    return True
