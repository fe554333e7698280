"""DATABASE_URL as platforms write it: what is meant is understood, the rest is named, no secret is shown."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.settings.env.database_url import DatabaseUrl, parse
from reconciler.store.connection.target import DatabaseAddress, Target

SECRET = "s3cret"


def understood(url: str) -> DatabaseUrl:
    parsed, problem = parse(url)
    assert (parsed is not None, problem) == (True, "")
    assert parsed is not None
    return parsed


def problem(url: str) -> str:
    parsed, said = parse(url)
    assert parsed is None
    assert said
    return said


@pytest.mark.parametrize(
    ("query", "named"),
    [
        pytest.param("pgbouncer=true", "pgbouncer", id="D2: ?pgbouncer=true"),
        pytest.param("schema=public", "schema", id="D2: ?schema=public"),
        pytest.param("pgbouncer=true&connection_limit=1&pool_timeout=0", "pgbouncer, connection_limit, pool_timeout"),
        pytest.param("prepareThreshold=0&currentSchema=public", "prepareThreshold, currentSchema", id="pgjdbc"),
        pytest.param("statement_cache_size=0&prepared_statement_cache_size=0", "statement_cache_size", id="asyncpg"),
        pytest.param("workaround=supabase-pooler.vercel&supa=base-pooler.x", "workaround, supa", id="Vercel"),
        pytest.param("pool_max_conns=4&search_path=public", "pool_max_conns, search_path", id="pgx"),
        pytest.param("connect_timeout=30&application_name=me", "connect_timeout, application_name", id="set by us"),
    ],
)
def test_parameters_of_other_drivers_are_dropped_with_one_warning_that_names_them(query: str, named: str) -> None:
    parsed = understood(f"postgresql://job:{SECRET}@db.example:6543/venue?{query}")
    assert str(parsed) == f"postgresql://job:{SECRET}@db.example:6543/venue"
    assert parsed.warning.startswith(f"DATABASE_URL: not used: {named}")
    assert SECRET not in parsed.warning


@pytest.mark.parametrize(
    "query",
    ["sslaccept=strict", "sslaccept=strict&sslidentity=client.p12&sslpassword=x", "sslcert=../ca.pem", "sslfactory=x"],
)
def test_a_dropped_wish_to_verify_the_server_is_told_with_the_way_to_do_it_here(query: str) -> None:
    assert "sslmode=verify-full&sslrootcert=FILE" in understood(f"postgresql://job@db.example/venue?{query}").warning


@pytest.mark.parametrize(
    ("query", "mode"),
    [
        ("ssl=true", "require"),
        ("ssl=require", "require"),
        ("ssl=verify-full", "verify-full"),
        ("ssl=false", "disable"),
        ("sslmode=no-verify", "require"),
        ("ssl=true&sslmode=verify-full&sslrootcert=/ca", "verify-full"),
        ("sslcert=/a&sslkey=/b&sslmode=prefer", "prefer"),
    ],
)
def test_a_wish_for_tls_in_the_words_of_another_driver_is_kept(query: str, mode: str) -> None:
    parsed = understood(f"postgresql://job@db.example/venue?{query}")
    assert (parsed.parameters["sslmode"], parsed.warning) == (mode, "")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("sslmod=require", "sslmod (did you mean sslmode?)"),
        ("colour=blue", "colour"),
        ("target_session_attr=read-write", "did you mean target_session_attrs?"),
        ("sslmode=yes", "the parameter sslmode is none of disable, allow"),
        ("hostaddr=db", "the parameter hostaddr is no IP address"),
        ("service=mine", "service"),
        ("target_session_attrs=master", "the parameter target_session_attrs is none of any, read-write"),
    ],
)
def test_an_unknown_parameter_is_a_named_mistake(query: str, said: str) -> None:
    assert said in problem(f"postgresql://job:{SECRET}@db.example/venue?{query}")


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("postgresql://u@host1,host2:5433/d", (("host1", ""), ("host2", "5433"))),
        ("postgresql://u@a:1,b:2,c:3/d", (("a", "1"), ("b", "2"), ("c", "3"))),
        ("postgresql://u@/d?host=a,b&port=1,2", (("a", "1"), ("b", "2"))),
        ("postgresql://u@/d?host=a:1&host=b:2", (("a", "1"), ("b", "2"))),
        ("postgresql://u@[::1]:5433,[fd00::2]/d", (("::1", "5433"), ("fd00::2", ""))),
        ("postgresql://%2Fvar%2Frun%2Fpostgresql/d", (("/var/run/postgresql", ""),)),
        ("postgresql://u@%2Ftmp:5433/d", (("/tmp", "5433"),)),
        ("postgresql:///d?host=/var/run/postgresql", (("/var/run/postgresql", ""),)),
        ("postgresql://u@/d?host=%2Fvar%2Frun%2Fpostgresql&port=5433", (("/var/run/postgresql", "5433"),)),
    ],
)
def test_several_hosts_and_folders_of_sockets(url: str, hosts: tuple[tuple[str, str], ...]) -> None:
    parsed = understood(url)
    assert parsed.hosts == hosts
    assert understood(str(parsed)) == parsed


@pytest.mark.parametrize(
    ("url", "user", "password"),
    [
        (f"postgres://postgres.abcdefghij:{SECRET}@aws-0-eu.pooler.supabase.com:6543/d", "postgres.abcdefghij", SECRET),
        ("postgresql+asyncpg://job:p%40ss%2Fw%3Fx%23y%25@h/d", "job", "p@ss/w?x#y%"),
        ("postgresql://me%40server:x@h/d", "me@server", "x"),
        ("postgresql://job:with:colon@h/d", "job", "with:colon"),
        ("postgresql://h/d?user=job&password=p%26q", "job", "p&q"),
        ("jdbc:postgresql://h/d?user=job&password=x", "job", "x"),
    ],
)
def test_users_and_passwords(url: str, user: str, password: str) -> None:
    parsed = understood(url)
    assert (parsed.user, parsed.password) == (user, password)
    assert understood(str(parsed)) == parsed
    assert repr(parsed) == object.__repr__(parsed)


@pytest.mark.parametrize(
    "password",
    ["s3cret@x", "s3cret/x", "s3cret?x", "s3cret#x", "s3cret%x", "12/s3cret", "12?s3cret", "@s3cret", "s3cret?a=b&c@"],
)
def test_a_password_that_is_not_percent_encoded_gets_a_remedy_and_is_not_shown(password: str) -> None:
    said = problem(f"postgresql://job:{password}@db.example:5432/venue")
    assert "percent-encoded" in said
    assert SECRET not in said


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://h/d?user=job&password=a&s3cret=1",
        "postgresql://job:1/x?s3cret=z@h",
        "postgresql://job:s3cret@h:port/d",
        "postgresql://job:s3cret@h",
        "mysql://job:s3cret@h/d",
        "postgresql://job:s3cret@db..example/d",
        "postgresql://job:s3cret@h,i,j/d?port=1,2",
        "job:s3cret@h/d",
        "postgresql://job:%FF%FEs3cret@h/d",
    ],
)
def test_no_mistake_shows_a_secret(url: str) -> None:
    assert SECRET not in problem(url)


_PARTS = st.lists(
    st.sampled_from(
        [*"@:/?#%&=,[]", "h", "u", "p", "5432", "%40", "%2F", "%", "[::1]", "d", "host", "sslmode", "\u00b2"]
    )
)


@given(_PARTS.map("".join))
def test_whatever_is_written_is_understood_alike_by_libpq_or_named(rest: str) -> None:
    parsed, said = parse(f"postgresql://{rest}")
    if parsed is None:
        assert said
        return
    assert understood(str(parsed)) == replace(parsed, dropped=())
    Target.of(str(parsed))


@pytest.mark.parametrize(
    ("host", "address", "public"),
    [
        ("db.example.com", "8.8.4.4", True),
        ("db.example.com", "2001:4860:4860::8888", True),
        ("8.8.4.4", "8.8.4.4", True),
        ("134743044", "8.8.4.4", True),
        ("db.example.com", "::ffff:8.8.4.4", True),
        ("db", "8.8.4.4", False),
        ("db", "172.18.0.2", False),
        ("db.internal", "10.0.0.2", False),
        ("db.internal", "fd12::2", False),
        ("db.tailnet.ts.net", "100.64.0.2", False),
        ("localhost", "127.0.0.1", False),
        ("db.example.com", "fe80::1%eth0", False),
        ("/var/run/postgresql", "", False),
    ],
)
def test_which_address_is_public(host: str, address: str, *, public: bool) -> None:
    to = DatabaseAddress(host=host, address=address, port="5432")
    assert to.is_public is public
    for mode in ("", "disable", "prefer"):
        target = Target.of("postgresql://u@h/d" + (f"?sslmode={mode}" if mode else ""))
        assert target.of_address(to).get("sslmode", "") == (mode or ("require" if public else ""))
