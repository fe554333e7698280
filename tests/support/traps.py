"""What a role that may create in ``public`` can lay in wait there, and whether any of it was called."""

from datetime import timedelta

from tests.support.application_db import Venue
from tests.support.service_process import eventually

TRAPS = """
    CREATE TABLE public.sprung (what text, who text);
    GRANT INSERT ON public.sprung TO PUBLIC;
    CREATE FUNCTION public.spring(what text) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO public.sprung VALUES (what, current_user);
    EXCEPTION WHEN OTHERS THEN
        NULL;  -- In a transaction that only reads it is counted all the same.
    END $$;
"""
OPERATORS = (
    ("=", "name", "varchar"), ("=", "name", "text"), ("=", "text", "varchar"), ("=", "text", "text"),
    ("=", "uuid", "uuid"), ("=", "oid", "oid"), ("=", "timestamptz", "timestamptz"), ("<>", "text", "text"),
    ("~~", "text", "text"), ("<=", "timestamptz", "timestamptz"), (">=", "timestamptz", "timestamptz"),
    (">", "timestamp", "timestamp"), ("=", "oid", "regtype"), ("=", "oid", "regclass"), ("=", "name", "name"),
)  # fmt: skip
FUNCTIONS = {
    "pg_has_role(text, oid, text)": "boolean",
    "pg_has_role(name, oid, text)": "boolean",
    "has_table_privilege(oid, text)": "boolean",
    "has_schema_privilege(oid, text)": "boolean",
    "clock_timestamp()": "timestamptz",
    "statement_timestamp()": "timestamptz",
    "btrim(text)": "text",
    "lower(text)": "text",
    "left(text, integer)": "text",
    "pg_backend_pid()": "integer",
    "current_database()": "name",
    "to_regclass(text)": "regclass",
    "quote_ident(text)": "text",
    "current_schema()": "name",
    "to_regtype(text)": "regtype",
    "version()": "text",
}


def trap(name: str, arguments: str, returns: str) -> str:
    body = f"BEGIN PERFORM public.spring('{name}'); RETURN NULL; END"
    return f'CREATE FUNCTION public."{name}"({arguments}) RETURNS {returns} LANGUAGE plpgsql AS $${body}$$;'


def traps() -> str:
    """What the application's role may create where it may CREATE in ``public``, as it could up to PostgreSQL 14."""
    made = [TRAPS]
    for number, (operator, left, right) in enumerate(OPERATORS):
        made.append(trap(f"operator_{number}", f"{left}, {right}", "boolean"))
        made.append(
            f"CREATE OPERATOR public.{operator} "
            f"(LEFTARG = {left}, RIGHTARG = {right}, FUNCTION = public.operator_{number});"
        )
    for called, returns in FUNCTIONS.items():
        name, _, arguments = called.partition("(")
        made.append(trap(name, arguments.removesuffix(")"), returns))
    return "\n".join(made)


_OTHERS = """
    FROM pg_catalog.pg_stat_activity WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
    AND pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid()
"""


def count_calls(venue: Venue, *, but_of: str | None = None) -> None:
    """From now on, of every role but one, which calls some of it by itself.

    The application's own triggers follow the path that the application sets, which is theirs to answer for.
    """
    for trigger in ("touch_updated_at", "keep_texted_bookings"):
        venue.alter(f"ALTER FUNCTION public.{trigger}() SET search_path = pg_catalog, public")
    venue.alter(f"ALTER DATABASE {venue.name} SET track_functions = 'all'")
    if but_of:
        venue.alter(f"ALTER ROLE {but_of} IN DATABASE {venue.name} SET track_functions = 'none'")
    venue.close()


def called(venue: Venue) -> list[str]:
    """The traps that were called, in transactions that were rolled back as well. A session counts when it ends."""
    venue.sql(f"SELECT pg_catalog.pg_terminate_backend(pid) {_OTHERS}")
    eventually(lambda: venue.sql(f"SELECT pid {_OTHERS}") == [], timedelta(seconds=10))
    names = {name.partition("(")[0] for name in FUNCTIONS} | {"spring"}
    counted = venue.sql("SELECT funcname, calls FROM pg_catalog.pg_stat_user_functions")
    return [name for name, calls in counted if calls and (name in names or name.startswith("operator_"))]
