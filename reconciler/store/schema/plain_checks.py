"""CHECKs that only list values, judged without PostgreSQL: there, one could call the application's functions.

The expression is read as ``pg_get_expr`` writes it under our own search_path: an operator or a type that is not
PostgreSQL's own carries its schema, and is then none of the few words that a plain CHECK has.
"""

import re
from dataclasses import dataclass

from reconciler.text.sql_quoting import exact_identifier

_TOKEN = re.compile(
    r"""\s*(?:(?P<cast>::(?:text|character\ varying|integer|bigint|smallint)(?:\[\])?(?![\w(\[.]))
    |(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?![\w.]))|(?P<word>"(?:[^"]|"")*"|[A-Za-z_][\w$]*)|(?P<sign><>|=|[()\[\],]))""",
    re.VERBOSE,
)
_END = ""


def accepts(expression: str, column: str, value: str) -> bool | None:
    """Whether a CHECK of one column accepts ``value``; ``None`` if it is no plain one."""
    try:
        tokens = _tokens(expression)
        names = {column, exact_identifier(column)} if re.fullmatch(r"[a-z_][a-z0-9_$]*", column) else set()
        return _Reader(tokens=tokens, names=frozenset(names or {exact_identifier(column)}), value=value).whole()
    except (_NotPlainError, RecursionError):
        return None


class _NotPlainError(Exception):
    """The expression has something other than a column, values, and comparisons of the two."""


def _tokens(expression: str) -> list[str]:
    """Without the casts: those between PostgreSQL's own texts, or its own whole numbers, change no value."""
    found, at = [], 0
    while at < len(expression):
        token = _TOKEN.match(expression, at)
        if token is None:
            if expression[at:].strip():
                raise _NotPlainError
            break
        if token["cast"] is None:
            found.append(token[0].strip())
        at = token.end()
    return found


@dataclass(slots=True, kw_only=True)
class _Reader:
    """Reads the tokens from the left, and evaluates what it reads for one value."""

    tokens: list[str]
    names: frozenset[str]
    value: str
    at: int = 0

    def whole(self) -> bool:
        result = self._either()
        if self._next() != _END:
            raise _NotPlainError
        return result

    def _either(self) -> bool:
        results = [self._both()]
        while self._take("OR"):
            results.append(self._both())
        return any(results)

    def _both(self) -> bool:
        results = [self._one()]
        while self._take("AND"):
            results.append(self._one())
        return all(results)

    def _one(self) -> bool:
        before = self.at
        try:
            self._column()
        except _NotPlainError:
            self.at = before
            self._require("(")
            result = self._either()
            self._require(")")
            return result
        return self._comparison()

    def _comparison(self) -> bool:
        if self._take("IS"):
            negated = self._take("NOT")
            self._require("NULL")
            return negated
        if self._take("="):
            return self.value in (self._list() if self._take("ANY") else [self._literal()])
        self._require("<>")
        return self.value not in (self._list() if self._take("ALL") else [self._literal()])

    def _column(self) -> None:
        if self._take("("):
            self._column()
            self._require(")")
        elif self._next() in self.names:
            self.at += 1
        else:
            raise _NotPlainError

    def _list(self) -> list[str]:
        self._require("(")
        if self._take("ARRAY"):
            self._require("[")
            values = [self._literal()]
            while self._take(","):
                values.append(self._literal())
            self._require("]")
        else:
            values = self._list()
        self._require(")")
        return values

    def _literal(self) -> str:
        if self._take("("):
            value = self._literal()
            self._require(")")
            return value
        token = self._next()
        self.at += 1
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        if re.fullmatch(r"-?\d+", token):
            return token
        raise _NotPlainError

    def _next(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else _END

    def _take(self, token: str) -> bool:
        if self._next() != token:
            return False
        self.at += 1
        return True

    def _require(self, token: str) -> None:
        if not self._take(token):
            raise _NotPlainError
