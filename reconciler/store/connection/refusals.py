"""What a refusal means: the words, the remedy, and whether it goes away by itself. One table for each side."""

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.errors import SQLSTATE, DatabaseRefuses, DatabaseUnreachable
from reconciler.store.connection.attempt import Failure, FailureKind

URL = "DATABASE_URL"


@dataclass(frozen=True, slots=True)
class Meaning:
    seen: str
    remedy: str
    transient: bool


_NOTHING_LOST = "nothing is lost, try again"
_RUNS = f"check that it runs and that host and port in DATABASE_URL are right; {_NOTHING_LOST}"
_STANDBY = (
    "after a failover it ends by itself once DATABASE_URL leads to the primary; else name the primary, or all hosts: "
    "postgresql://user:password@host1,host2/database?target_session_attrs=read-write"
)
_READ_ONLY = Meaning("the server is a read-only standby", _STANDBY, transient=True)
UNREACHABLE = {
    FailureKind.NO_SUCH_NAME: "the name does not resolve (DNS)",
    FailureKind.NOBODY_LISTENS: "nobody listens there (connection refused)",
    FailureKind.NO_ROUTE: "there is no way to it (no route)",
    FailureKind.SILENT: "no answer in time",
    FailureKind.SOCKET_CLOSED: "this process may not use the socket (permission denied)",
}
"""Nobody answered: only these are *unreachable*."""
ANSWERED = {
    FailureKind.STALLED: Meaning("it answered, and then said nothing more in time", _RUNS, transient=True),
    FailureKind.HUNG_UP: Meaning(
        "something accepted the connection and closed it without an answer", _RUNS, transient=True
    ),
    FailureKind.NOT_POSTGRESQL: Meaning("something answers that is not PostgreSQL", _RUNS, transient=True),
    FailureKind.NO_TLS: Meaning(
        "the server offers no TLS, and sslmode requires it",
        "turn TLS on at the server (ssl = on), or say sslmode=prefer in DATABASE_URL if plaintext is acceptable",
        transient=False,
    ),
    FailureKind.TLS_FILES: Meaning(
        "the files for TLS cannot be used",
        "check that sslrootcert, sslcert and sslkey of DATABASE_URL exist, can be read and belong together",
        transient=False,
    ),
    FailureKind.TLS_UNTRUSTED: Meaning(
        "the server's certificate is not trusted, or is for another name",
        "give the certificate of its authority as sslrootcert, and the host as the certificate names it",
        transient=False,
    ),
    FailureKind.TLS_FAILED: Meaning(
        "TLS with the server fails",
        "check the versions of TLS that both accept, and whether it wants a client's certificate (sslcert, sslkey)",
        transient=False,
    ),
    FailureKind.NO_PASSWORD: Meaning(
        "the server asks for a password, and there is none", "write the password into DATABASE_URL", transient=False
    ),
    FailureKind.LOGIN_METHOD: Meaning(
        "the server asks for a login that is not possible or not allowed here",
        "compare require_auth and channel_binding of DATABASE_URL with the server's pg_hba.conf",
        transient=False,
    ),
    FailureKind.PARAMETERS: Meaning(
        "PostgreSQL's library cannot use a parameter",
        "compare the parameters of DATABASE_URL, and this process's variables that begin with PG, with the PostgreSQL "
        "docs, Parameter Key Words and Environment Variables",
        transient=False,
    ),
    FailureKind.READ_ONLY: _READ_ONLY,
    FailureKind.SESSION: Meaning(
        "the server is not of the kind that target_session_attrs of DATABASE_URL asks for",
        "after a failover it ends by itself; else correct target_session_attrs",
        transient=True,
    ),
}
_PLAINTEXT = Meaning(
    "the server offers no TLS, and the address is public: password and bookings would pass in plaintext",
    "turn TLS on at the server (ssl = on); only if plaintext is wanted, say sslmode=disable in DATABASE_URL",
    transient=False,
)
_STARTS = "wait until it has started; it goes away by itself"
BY_SQLSTATE = {
    "28P01": Meaning("wrong password", "check user and password in DATABASE_URL", transient=False),
    "28000": Meaning(
        "the role does not exist, may not log in, or pg_hba.conf does not let it in from here",
        "check the user in DATABASE_URL, and the server's pg_hba.conf for this address and for TLS",
        transient=False,
    ),
    "3D000": Meaning("there is no database of this name", "check the database name in DATABASE_URL", transient=False),
    "42501": Meaning("the role may not CONNECT", "GRANT CONNECT ON DATABASE ... TO the role", transient=False),
    "55000": Meaning(
        "the database accepts no connections", "ALTER DATABASE ... ALLOW_CONNECTIONS true", transient=False
    ),
    "53300": Meaning(
        "too many connections",
        "it may go away by itself; if it persists, raise max_connections or use a pooler",
        transient=True,
    ),
    "53100": Meaning("the server's disk is full", "free or add disk space", transient=False),
    "53200": Meaning(
        "the server is out of memory", "it may go away by itself; if it persists, give it more memory", transient=True
    ),
    "53400": Meaning("the server is at a configured limit", f"see the server's log; {_NOTHING_LOST}", transient=True),
    "57P01": Meaning("the server shuts down, or an administrator ended the connection", _STARTS, transient=True),
    "57P02": Meaning("the server crashed and restarts", _STARTS, transient=True),
    "57P03": Meaning("the server is starting up, shutting down or recovering", _STARTS, transient=True),
    "57P04": Meaning("the database was dropped", "check the database name in DATABASE_URL", transient=False),
    "58030": Meaning("the server cannot read or write its files", "see the server's log and disks", transient=False),
    "58P01": Meaning("a file of the server is missing", "see the server's log and disks", transient=False),
    "XX001": Meaning("the server's data are damaged", "see the server's log; restore a backup", transient=False),
    "XX002": Meaning("an index of the server is damaged", "see the server's log; REINDEX", transient=False),
    "08P01": Meaning(
        "a pooler (PgBouncer) answers and gives no connection: one code for a wrong user, password or database "
        "name, for PostgreSQL away behind it and for no free connection",
        f"if it persists, check user, password and database name in DATABASE_URL, and the pooler's log; "
        f"{_NOTHING_LOST}",
        transient=True,
    ),
    "XX000": Meaning(
        "the server or a pooler has an internal error",
        "Supabase's pooler says so if the user in DATABASE_URL is not of the form postgres.PROJECT; see its log; "
        f"{_NOTHING_LOST}",
        transient=True,
    ),
}
"""SQLSTATE (PostgreSQL docs, appendix A) -> what it means for a connection."""
_UNKNOWN = Meaning("it refuses the connection", f"see the server's log; {_NOTHING_LOST}", transient=True)
LATER = frozenset({"53100", "53200", "53300", "53400", "58030", "58P01", "XX001", "XX002"})
"""What a statement may meet at any time, and what is no matter of the mapping."""


def server_refusal(state: str) -> DatabaseRefuses:
    """The error of a server that answers with this SQLSTATE."""
    meaning = BY_SQLSTATE.get(state, _UNKNOWN)
    seen = f"PostgreSQL at {URL} answers: {meaning.seen} (SQLSTATE {state})"
    return _error(seen, meaning, f"{SQLSTATE}{state}")


def standby() -> DatabaseRefuses:
    """The error of a server that refuses to begin a transaction that may write."""
    seen = f"PostgreSQL at {URL} answers: {_READ_ONLY.seen}"
    return DatabaseRefuses(seen, _READ_ONLY.remedy, FailureKind.READ_ONLY.value, transient=True)


def no_connection(failures: Sequence[Failure]) -> DatabaseUnreachable:
    """The error of attempts that all failed. What a human must repair comes first, then who answered, then the rest."""
    failures = list(dict.fromkeys(failures))
    chief = min(failures, key=_rank)
    where = f" at {chief.place}" if chief.place else ""
    several = "; ".join(f"{each.place}: {_words(each)}" for each in failures) if len(failures) > 1 else ""
    if chief.kind in UNREACHABLE:
        said = several or f"{_words(chief)}{where}"
        return DatabaseUnreachable(f"PostgreSQL at {URL} cannot be reached: {said}", _RUNS)
    meaning = _meaning(chief)
    seen = f"PostgreSQL at {URL} gives no connection: {several or _words(chief) + where}"
    code = f"{SQLSTATE}{chief.sqlstate}" if chief.sqlstate else _code(chief)
    return _error(seen, meaning, code)


def no_postgresql() -> DatabaseRefuses:
    """The error where a session goes on as none of PostgreSQL's does."""
    meaning = ANSWERED[FailureKind.NOT_POSTGRESQL]
    return _error(f"PostgreSQL at {URL} gives no answer: {meaning.seen}", meaning, FailureKind.NOT_POSTGRESQL)


def _error(seen: str, meaning: Meaning, code: str) -> DatabaseRefuses:
    remedy = meaning.remedy if meaning.transient else f"{meaning.remedy}; it does not go away by itself"
    return DatabaseRefuses(seen, remedy, code, transient=meaning.transient)


def _rank(failure: Failure) -> int:
    if failure.kind in UNREACHABLE:
        return 3
    return 2 if _meaning(failure).transient else 1


def _meaning(failure: Failure) -> Meaning:
    if failure.plaintext and failure.kind is FailureKind.NO_TLS:
        return _PLAINTEXT
    if failure.kind is FailureKind.SQLSTATE:
        return BY_SQLSTATE.get(failure.sqlstate, _UNKNOWN)
    return ANSWERED[failure.kind]


def _words(failure: Failure) -> str:
    if failure.kind in UNREACHABLE:
        return UNREACHABLE[failure.kind]
    state = f" (SQLSTATE {failure.sqlstate})" if failure.sqlstate else ""
    return _meaning(failure).seen + state


def _code(failure: Failure) -> str:
    return "plaintext" if failure.plaintext and failure.kind is FailureKind.NO_TLS else failure.kind.value
