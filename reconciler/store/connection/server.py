"""Facts about the database server for the doctor: version, clock, role, and any pooler in between."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

from sqlalchemy import Connection, text

from reconciler.ports import Pooler, ServerInfo
from reconciler.store.connection.refusals import standby

_SERVER_INFO = text("""
    SELECT current_setting('server_version') AS version, current_setting('server_version_num')::integer AS number,
           pg_is_in_recovery() AS standby, current_user AS role, rolsuper AS superuser,
           rolbypassrls AS bypasses_policies
    FROM pg_roles WHERE rolname = current_user
""")


def about(connection: Connection) -> ServerInfo:
    """Facts about the server as our role sees it; a pooler in between is detected by ``pooler``.

    Raises:
        DatabaseRefuses: it is a read-only standby.
    """
    about = connection.execute(_SERVER_INFO).mappings().one()
    if about["standby"]:
        raise standby()
    return ServerInfo(
        version=about["version"].split(" ")[0],
        major=about["number"] // 10_000,
        role=about["role"],
        is_superuser=about["superuser"],
        bypasses_policies=about["bypasses_policies"],
        ahead=clock_skew(connection),
        plaintext_to=_plaintext_to(connection),
    )


def _plaintext_to(connection: Connection) -> str:
    """The real peer of a connection without TLS, whatever the URL says; '' if nothing leaves this machine."""
    driver: Any = connection.connection.driver_connection
    peer = (driver.pgconn.hostaddr or b"").decode()
    if driver.pgconn.ssl_in_use or driver.pgconn.used_gssapi or not peer:
        return ""
    return "" if ip_address(peer.partition("%")[0]).is_loopback else peer


def clock_skew(connection: Connection) -> timedelta:
    """How far the database's clock is ahead of this machine's real clock."""
    before = datetime.now(UTC)
    theirs: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    after = datetime.now(UTC)
    return theirs - (before + (after - before) / 2)


def pooler(one: Connection, other: Connection) -> Pooler:
    """Which pooler is in between, by backend pids.

    A pooler announces pids of its own, and in transaction mode one backend serves both connections.
    """
    seen = _backend(one)
    if seen == _announced_backend(one):
        return Pooler.NONE
    return Pooler.TRANSACTION if _backend(other) == seen else Pooler.SESSION


def _backend(connection: Connection) -> int:
    with connection.begin():
        return int(connection.execute(text("SELECT pg_catalog.pg_backend_pid()")).scalar_one())


def _announced_backend(connection: Connection) -> int:
    """The backend pid that was announced when the connection was made."""
    driver: Any = connection.connection.driver_connection
    return int(driver.info.backend_pid)
