"""Errors that a human can act on: each has what was seen, the remedy and the exit code.

Floor 0: imports nothing of ours. Failed calls to a provider are not here: they are answers, and answers are data
(``domain.intents.Outcome``).
"""

from collections.abc import Iterable, Sequence
from enum import IntEnum


class Exit(IntEnum):
    """The exit codes of every command."""

    AS_DESIRED = 0
    BUG = 1
    CONFIGURATION = 2
    WORK_LEFT = 3
    REFUSED_AS_UNSAFE = 4
    NEEDS_A_HUMAN = 5


_URGENCY = (Exit.BUG, Exit.CONFIGURATION, Exit.REFUSED_AS_UNSAFE, Exit.WORK_LEFT, Exit.NEEDS_A_HUMAN, Exit.AS_DESIRED)


def most_urgent(codes: Iterable[Exit], *, human_first: bool) -> Exit:
    """The most urgent of the codes: bug, configuration, refused as unsafe, work left, needs a human, as desired.

    ``NEEDS_A_HUMAN`` has two meanings. A single booking that waits for a human is less urgent than work that is left.
    A broken integration blocks everything else until a human repairs it: ``human_first`` moves the code up, behind the
    configuration. No codes are as desired.
    """
    present = set(codes)
    order = (Exit.BUG, Exit.CONFIGURATION, Exit.NEEDS_A_HUMAN, *_URGENCY) if human_first else _URGENCY
    return next((code for code in order if code in present), Exit.AS_DESIRED)


class ReconcilerError(Exception):
    """An error that a human can act on: ``str()`` is the place and the finding, ``advice`` the remedy."""

    exit_code: Exit = Exit.BUG

    def __init__(self, seen: str, advice: str) -> None:
        super().__init__(seen)
        self.advice = advice


class ConfigurationError(ReconcilerError):
    """A mistake in cron.yaml, the environment or the command line that is found without the database."""

    exit_code = Exit.CONFIGURATION

    def __init__(self, mistakes: Sequence[str], advice: str) -> None:
        super().__init__("\n".join(mistakes), advice)
        self.mistakes = tuple(mistakes)


class DatabaseUnreachable(ReconcilerError):
    """No connection to PostgreSQL that can be used, or the connection was lost. Try later."""

    exit_code = Exit.WORK_LEFT
    code = "unreachable"
    """A short stable name for alerts and counts."""
    transient = True
    """Whether it goes away by itself."""


class DatabaseRefuses(DatabaseUnreachable):
    """Something answers, but gives no connection or no room to write: not a matter of the mapping."""

    def __init__(self, seen: str, advice: str, code: str, *, transient: bool) -> None:
        super().__init__(seen, advice)
        self.code = code
        self.transient = transient
        self.exit_code = Exit.WORK_LEFT if transient else Exit.NEEDS_A_HUMAN


class DatabaseBusy(DatabaseUnreachable):
    """The database answers, but a lock or a statement took too long, or a deadlock was resolved at our cost."""


class UnsafePlace(ReconcilerError):
    """Acting is refused: the installation is bound to another database."""

    exit_code = Exit.REFUSED_AS_UNSAFE

    def __init__(self, seen: str, advice: str, code: str) -> None:
        super().__init__(seen, advice)
        self.code = code


SQLSTATE = "sqlstate:"
"""The prefix of the code of a refusal by the database, before the SQLSTATE (PostgreSQL, appendix A)."""


class DatabaseDisagrees(ReconcilerError):
    """The database answers, but not in the way the mapping needs (a table, a column, a right, our own schema)."""

    exit_code = Exit.NEEDS_A_HUMAN

    def __init__(self, seen: str, advice: str, code: str = "database") -> None:
        super().__init__(seen, advice)
        self.code = code
        """A short stable name for counts and the ledger, such as ``sqlstate:23514``."""
