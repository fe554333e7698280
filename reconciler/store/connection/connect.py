"""A connection by DATABASE_URL: every address in turn, until one gives a session of the wanted kind."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from psycopg import Error

from reconciler.store.connection.attempt import Failure, FailureKind, attempt
from reconciler.store.connection.limited import LimitedConnection
from reconciler.store.connection.refusals import no_connection
from reconciler.store.connection.target import Target

_SESSION = b"SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only')"
_WANTED: Mapping[str, Callable[[bool, bool], bool]] = {
    "read-write": lambda standby, read_only: not standby and not read_only,
    "read-only": lambda standby, read_only: standby or read_only,
    "primary": lambda standby, _: not standby,
    "standby": lambda standby, _: standby,
}
"""``target_session_attrs`` -> whether a session is of that kind (PostgreSQL docs, Parameter Key Words)."""

_WRITING = ("read-write", "primary")
SESSIONS = frozenset({"any", "prefer-standby", *_WANTED})


def connect(target: Target, own: Mapping[str, Any], timeout: float, answer_within: float) -> LimitedConnection:
    """A connection to the first address that gives one. ``own``: parameters of ours; ``timeout``: seconds, of each;
    ``answer_within``: seconds for each answer of the session.

    Raises:
        DatabaseUnreachable: nobody answers.
        DatabaseRefuses: somebody answers and gives no connection.
    """
    if target.session not in SESSIONS:  # PGTARGETSESSIONATTRS: DATABASE_URL was read before
        raise no_connection([Failure(place="", kind=FailureKind.PARAMETERS)])
    addresses, failures = target.addresses()
    # As libpq does: any server is good enough if there is no standby.
    sessions = ("standby", "any") if target.session == "prefer-standby" else (target.session,)
    for session in sessions:
        for each in addresses:
            made = attempt({**target.of_address(each), **own}, each.place, timeout)
            if isinstance(made, Failure):
                failures.append(replace(made, plaintext=target.requires_tls(each)))
                continue
            made.answer_within = answer_within
            unfit = _unfit(made, session, each.place)
            if unfit is None:
                made.prepare_threshold = None  # a transaction-mode pooler hands each transaction to another backend
                return made
            made.close()
            failures.append(unfit)
    raise no_connection(failures)


def _unfit(made: LimitedConnection, session: str, place: str) -> Failure | None:
    """Why the session is not of the wanted kind; ``None`` if it is."""
    if session not in _WANTED:
        return None
    try:
        made.autocommit = True
        standby, read_only = made.execute(_SESSION).fetchone() or (False, "off")
        made.autocommit = False
    except Error as error:
        state = error.sqlstate or ""
        return Failure(place=place, kind=FailureKind.SQLSTATE if state else FailureKind.HUNG_UP, sqlstate=state)
    if _WANTED[session](standby, read_only == "on"):
        return None
    return Failure(place=place, kind=FailureKind.READ_ONLY if session in _WRITING else FailureKind.SESSION)
