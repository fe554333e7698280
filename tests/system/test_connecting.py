"""Connecting to a real PostgreSQL 15: each refusal has its own words and exit code, and most end by themselves."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from sqlalchemy import text

from reconciler.engine.repair.integration_faults import database_fault
from reconciler.errors import DatabaseRefuses, DatabaseUnreachable, Exit
from reconciler.settings.env.database_url import parse
from reconciler.store.connection import server
from reconciler.store.database import READ, Database
from reconciler.store.schema.encoding import encoding_faults
from tests.support.debian import PASSWORD, SYSTEM_USER, DebianPostgres, free_port
from tests.support.pgbouncer import PooledPostgres, Pooler
from tests.support.service_process import eventually
from tests.support.standby import Standby

pytestmark = pytest.mark.system
SECRET = quote(PASSWORD, safe="")
WAIT = timedelta(seconds=5)
SOON = timedelta(seconds=20)


class Full(DebianPostgres):
    """Two places, and both are for superusers."""

    settings = ("max_connections=3", "superuser_reserved_connections=2", "max_wal_senders=0")


class German(DebianPostgres):
    """Its messages are German."""

    settings = ("lc_messages=de_DE.UTF-8",)

    def __init__(self) -> None:
        self._locales = Path(tempfile.mkdtemp(prefix="reconciler-locales-"))
        self._locales.chmod(0o755)
        made = ["localedef", "-i", "de_DE", "-f", "UTF-8", str(self._locales / "de_DE.UTF-8")]
        subprocess.run(made, check=True, capture_output=True)
        self.environment = {"LOCPATH": str(self._locales)}
        super().__init__()

    def close(self) -> None:
        super().close()
        shutil.rmtree(self._locales)


class Encrypted(DebianPostgres):
    """It offers TLS with a self-signed certificate for the name ``db.example``."""

    settings = ("ssl=on", "ssl_min_protocol_version=TLSv1.3")

    def _create(self) -> None:
        super()._create()
        data = self._folder / "data"
        self.certificate = data / "server.crt"
        key = data / "server.key"
        made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=db.example"]
        names = ["-addext", "subjectAltName=DNS:db.example"]
        command = [*made, *names, "-keyout", str(key), "-out", str(self.certificate)]
        subprocess.run(command, check=True, capture_output=True)
        key.chmod(0o600)
        if os.geteuid() == 0:
            shutil.chown(key, SYSTEM_USER)
            shutil.chown(self.certificate, SYSTEM_USER)


@pytest.fixture(scope="module")
def plain() -> Iterator[DebianPostgres]:
    with DebianPostgres() as running:
        running.create_application("venue")
        yield running


@pytest.fixture(scope="module")
def encrypted() -> Iterator[Encrypted]:
    with Encrypted() as running:
        running.create_application("venue")
        yield running


@contextmanager
def opened(url: str) -> Iterator[Database]:
    with Database(url, statement_timeout=WAIT, lock_timeout=WAIT, connect_timeout=2) as database:
        yield database


def refusal(url: str, mode: str | None = None) -> DatabaseUnreachable:
    """The error of a transaction by this URL."""
    with opened(url) as database:
        return refused(database, mode)


def refused(database: Database, mode: str | None = None) -> DatabaseUnreachable:
    with pytest.raises(DatabaseUnreachable) as caught:
        writes(database) if mode is None else reads(database)
    error = caught.value
    assert PASSWORD not in str(error) + error.advice
    assert error.exit_code == (Exit.WORK_LEFT if error.transient else Exit.NEEDS_A_HUMAN)
    assert database_fault(error).kind.value == "integration.database"
    return error


def writes(database: Database) -> bool:
    with database.transaction() as connection:
        return bool(connection.scalar(text("SELECT true")))


def reads(database: Database) -> bool:
    with database.transaction(READ) as connection:
        return bool(connection.scalar(text("SELECT true")))


def backend(database: Database) -> object:
    with database.transaction(READ) as connection:
        return connection.scalar(text("SELECT pg_backend_pid()"))


def works(database: Database) -> bool:
    try:
        return writes(database)
    except DatabaseUnreachable:
        return False


def at(running: DebianPostgres, *, user: str = "reconciler_job", secret: str = SECRET, more: str = "venue") -> str:
    return f"postgresql://{user}:{secret}@{running.host}:{running.port}/{more}"


# Refusals of the server


def test_d2_a_wrong_password_in_german_is_a_wrong_password() -> None:
    with German() as running:
        with pytest.raises(psycopg.OperationalError, match="fehlgeschlagen"):
            psycopg.connect(at(running, user="postgres", secret="wrong", more="postgres"))
        error = refusal(at(running, user="postgres", secret="wrong", more="postgres"))
        nowhere = refusal(at(running, user="postgres", more="nowhere"))
        nobody = refusal(at(running, user="nobody", more="postgres"))
    assert isinstance(error, DatabaseRefuses)
    assert (error.code, error.exit_code, error.transient) == ("sqlstate:28P01", Exit.NEEDS_A_HUMAN, False)
    assert "wrong password" in str(error)
    assert "cannot be reached" not in str(error)
    assert (nowhere.code, nobody.code) == ("sqlstate:3D000", "sqlstate:28P01")


def test_a_role_that_may_not_log_in_and_one_without_the_right_to_connect(plain: DebianPostgres) -> None:
    with plain.connect("venue") as connection:
        connection.execute(f"CREATE ROLE asleep NOLOGIN PASSWORD '{PASSWORD}'")
        connection.execute(f"CREATE ROLE outside LOGIN PASSWORD '{PASSWORD}'")
    with plain.connect("postgres") as connection:
        connection.execute("CREATE DATABASE closed")
        connection.execute("REVOKE CONNECT ON DATABASE closed FROM PUBLIC")
    asleep, outside = refusal(at(plain, user="asleep")), refusal(at(plain, user="outside", more="closed"))
    assert (asleep.code, asleep.exit_code) == ("sqlstate:28000", Exit.NEEDS_A_HUMAN)
    assert (outside.code, outside.exit_code) == ("sqlstate:42501", Exit.NEEDS_A_HUMAN)


def test_without_a_password(plain: DebianPostgres) -> None:
    error = refusal(f"postgresql://reconciler_job@{plain.host}:{plain.port}/venue")
    assert (error.code, error.transient) == ("no_password", False)


def test_too_many_connections_go_away_by_themselves() -> None:
    with Full() as running:
        running.create_application("venue")
        with opened(at(running)) as holder, opened(at(running)) as other:
            assert writes(holder)
            error = refused(other)
            assert (error.code, error.transient, error.exit_code) == ("sqlstate:53300", True, Exit.WORK_LEFT)
            assert "too many connections" in str(error)
            holder.__exit__()
            eventually(lambda: works(other), SOON)


def test_a_server_that_shuts_down_while_it_is_used_comes_back() -> None:
    with DebianPostgres() as running:
        running.create_application("venue")
        with opened(at(running)) as database:
            assert works(database)
            with running.connect("venue") as other:
                other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE 'rec%'")
            assert refused(database).code == "sqlstate:57P01"
            assert works(database)
            running.stop()
            gone = refused(database)
            assert (gone.code, "cannot be reached" in str(gone)) == ("unreachable", True)
            running.start()
            eventually(lambda: works(database), SOON)


# Nobody answers, or something that is no PostgreSQL


def test_unreachable_is_said_only_where_nobody_answers() -> None:
    closed = refusal(f"postgresql://job:{SECRET}@127.0.0.1:{free_port()}/venue")
    name = refusal(f"postgresql://job:{SECRET}@database.invalid/venue")
    folder = refusal("postgresql://job@/venue?host=/nowhere")
    with socket.create_server(("127.0.0.1", 0)) as mute:
        silent = refusal(f"postgresql://job:{SECRET}@127.0.0.1:{mute.getsockname()[1]}/venue")
    for error in (closed, name, folder, silent):
        assert (error.code, error.exit_code) == ("unreachable", Exit.WORK_LEFT)
        assert "cannot be reached" in str(error)
    assert "nobody listens there" in str(closed)
    assert "does not resolve" in str(name)
    assert "nobody listens there" in str(folder)
    assert "no answer in time" in str(silent)


# A read-only standby, and a failover


def test_d2_a_read_only_standby_after_a_failover_is_no_fault_of_the_schema() -> None:
    with DebianPostgres() as primary:
        primary.create_application("venue")
        with Standby(primary) as standby, ExitStack() as stack:
            alone = stack.enter_context(opened(at(standby)))
            eventually(lambda: reads(alone), SOON)
            before = backend(alone)
            error = refused(alone)
            assert backend(alone) != before, "a name may lead to the primary by now: it connects anew"
            assert (error.code, error.exit_code, error.transient) == ("standby", Exit.WORK_LEFT, True)
            assert "read-only standby" in str(error)
            assert "target_session_attrs=read-write" in error.advice
            with pytest.raises(DatabaseRefuses, match="read-only standby"), alone.transaction(READ) as connection:
                server.about(connection)
            pooled = stack.enter_context(ExitStack())
            pooler = Pooler(standby.host, standby.port, "transaction")
            pooled.callback(pooler.close)
            behind = stack.enter_context(opened(at(standby).replace(f":{standby.port}/", f":{pooler.port}/")))
            assert refused(behind).code == "standby"

            both = f"{primary.host}:{primary.port},{standby.host}:{standby.port}"
            url = f"postgresql://reconciler_job:{SECRET}@{both}/venue?target_session_attrs=read-write"
            pair = stack.enter_context(opened(url))
            reader = stack.enter_context(opened(url.replace("read-write", "standby")))
            assert (works(pair), reads(reader)) == (True, True)
            primary.stop()
            refused(pair)  # its connection is lost
            during = refused(pair)
            assert (during.code, during.exit_code) == ("standby", Exit.WORK_LEFT)
            assert "nobody listens there" in str(during)
            assert "read-only standby" in str(during)
            standby.promote()
            for database in (alone, behind, pair):
                eventually(lambda database=database: works(database), SOON)


# PgBouncer


def test_what_a_pooler_says_is_not_taken_for_silence() -> None:
    with PooledPostgres() as running:
        running.create_application("venue")
        url = running.url("reconciler_job", "venue")
        wrong = refusal(url.replace(SECRET, "wrong"))
        assert wrong.code == "sqlstate:08P01"
        assert "a pooler (PgBouncer) answers" in str(wrong)
        assert refusal(url.replace("reconciler_job", "nobody")).code == "sqlstate:08P01"
        assert refusal(url.replace("/venue", "/nowhere")).code.startswith("sqlstate:")
        with opened(url + "?target_session_attrs=read-write&options=") as database:
            assert works(database)


# TLS


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        ("sslmode=verify-full&sslrootcert=/nowhere/ca.pem", "tls_files", "the files for TLS cannot be used"),
        ("sslmode=verify-ca&sslrootcert=/etc/hostname", "tls_files", "the files for TLS cannot be used"),
        ("sslmode=verify-full", "tls_files", "the files for TLS cannot be used"),
        ("sslmode=verify-full&sslrootcert={certificate}", "tls_untrusted", "is not trusted, or is for another name"),
        ("sslmode=verify-ca&sslrootcert=system", "parameters", "cannot use a parameter"),
        ("sslmode=verify-full&sslrootcert=system", "tls_untrusted", "is not trusted, or is for another name"),
        ("sslmode=require&ssl_max_protocol_version=TLSv1.2", "tls_failed", "TLS with the server fails"),
    ],
)
def test_tls_that_fails(encrypted: Encrypted, more: str, code: str, said: str) -> None:
    """A self-signed certificate for another name."""
    more = more.format(certificate=encrypted.certificate)
    error = refusal(at(encrypted, more=f"venue?{more}"))
    assert (error.code, error.exit_code) == (code, Exit.NEEDS_A_HUMAN)
    assert said in str(error)


def test_tls_that_is_required_and_not_offered(plain: DebianPostgres) -> None:
    error = refusal(at(plain, more="venue?sslmode=require"))
    assert (error.code, error.exit_code) == ("no_tls", Exit.NEEDS_A_HUMAN)


def test_tls_that_the_server_requires(encrypted: Encrypted) -> None:
    with encrypted.connect("postgres") as connection:
        before = connection.execute("SELECT pg_read_file('pg_hba.conf')").fetchone()
    hba = encrypted.certificate.with_name("pg_hba.conf")
    hba.write_text("hostssl all all all scram-sha-256\n")
    encrypted._run("pg_ctl", "reload")
    try:
        eventually(lambda: refusal(at(encrypted, more="venue?sslmode=disable")).code == "sqlstate:28000", SOON)
        with opened(at(encrypted)) as database:
            assert works(database)
    finally:
        assert before
        hba.write_text(str(before[0]))
        encrypted._run("pg_ctl", "reload")


@pytest.mark.parametrize(
    "more",
    ["sslmode=require", "sslmode=verify-ca&sslrootcert={certificate}", "sslaccept=accept_invalid_certs&ssl=true"],
)
def test_tls_that_works(encrypted: Encrypted, more: str) -> None:
    parsed, problem = parse(at(encrypted, more="venue?" + more.format(certificate=encrypted.certificate)))
    assert problem == ""
    with opened(str(parsed)) as database, database.transaction(READ) as connection:
        assert connection.scalar(text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"))
        assert server.about(connection).plaintext_to == ""


# Plaintext


PUBLIC, PRIVATE = "8.8.4.4", "10.9.8.7"


def test_d10_plaintext_to_a_remote_host_is_refused_or_warned_about() -> None:
    """In a network of its own, which has a public and a private address, both on this machine."""
    own = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
    ran = subprocess.run(
        [*own, sys.executable, "-m", "tests.system.plaintext", PUBLIC, PRIVATE],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    seen = json.loads(ran.stdout)
    for place in (PUBLIC, "db.example at public", f"first of two: {PUBLIC}"):
        assert seen[place] == ["plaintext", Exit.NEEDS_A_HUMAN], place
    assert seen["sent before the refusal"] == SSL_REQUEST
    for mode in ("disable", "allow", "prefer"):
        assert seen[f"public, sslmode={mode}"] == PUBLIC
    assert seen[PRIVATE] == PRIVATE
    assert seen["db at public"] == PUBLIC, "a name without a dot is one of a private network"
    assert seen["loopback"] == ""
    assert seen["doctor at public"] == ["FAIL", Exit.NEEDS_A_HUMAN]
    assert seen["doctor at private"] == ["OK", "WARN"]


SSL_REQUEST = "0000000804d2162f"
"""Eight bytes that ask for TLS (PostgreSQL docs, Message Formats); no name and no password."""


# The encoding of the database


@pytest.mark.parametrize(
    ("encoding", "wording", "said"),
    [
        ("SQL_ASCII", "", "SQL_ASCII"),
        ("LATIN1", "\N{EURO SIGN}", "U+20AC EURO SIGN"),
        ("LATIN1", "\N{LATIN SMALL LETTER E WITH ACUTE}\N{PARTY POPPER}", "U+1F389 PARTY POPPER"),
        ("LATIN9", "\N{RIGHT SINGLE QUOTATION MARK}\N{EURO SIGN}", "U+2019 RIGHT SINGLE QUOTATION MARK"),
        ("LATIN1", "\N{LATIN SMALL LETTER E WITH ACUTE}\N{POUND SIGN}", None),
        ("UTF8", "\N{PARTY POPPER}", None),
    ],
)
def test_an_encoding_that_cannot_hold_the_wording(
    plain: DebianPostgres, encoding: str, wording: str, said: str | None
) -> None:
    name = f"encoded_{encoding}_{len(wording)}_{said is None}".lower()
    with plain.connect("postgres") as connection:
        made = f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"
        connection.execute(made)
    with opened(at(plain, more=name)) as database, database.transaction(READ) as transaction:
        found = encoding_faults(transaction, frozenset(wording))
    assert len(found) == (said is not None)
    for fault in found:
        assert (fault.kind.value, fault.code, fault.transient) == ("integration.schema", "encoding", False)
        assert said
        assert encoding in fault.seen
        assert said in fault.seen
        assert "UTF8" in fault.remedy
