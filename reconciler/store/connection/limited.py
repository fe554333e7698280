"""A connection that does not wait for an answer for ever.

PostgreSQL ends a statement that takes too long. It cannot if it is frozen, if a pooler holds the statement, or if a
COMMIT waits for a standby: the peer's machine acknowledges every packet, so that no TCP timeout fires either.
"""

from typing import Any, TypeVar

from psycopg import Connection, OperationalError
from psycopg.abc import PQGen

_Result = TypeVar("_Result")
SLACK = 3.0
"""Seconds beyond the server's own limit: the server's words are better than ours."""


class AnswerOverdue(OperationalError):
    """No answer came in time. The connection is closed, and what became of the statement is unknown."""


class LimitedConnection(Connection[Any]):
    """A connection of psycopg whose every wait for an answer has a limit."""

    answer_within: float | None = None
    """Seconds for each answer; ``None``: no limit."""

    def wait(self, gen: PQGen[_Result], *arguments: Any, **options: Any) -> _Result:
        options.setdefault("timeout", self.answer_within)
        try:
            return super().wait(gen, *arguments, **options)
        except OperationalError as error:
            # psycopg has a name for it, but keeps it to itself.
            if error.sqlstate is not None or "Timeout" not in type(error).__name__:
                raise
            self.pgconn.finish()
            raise AnswerOverdue("no answer in time") from None
