"""Empty copies of the mapped tables in our own schema, into which a fire drill inserts its bookings.

A copy has the columns, types and CHECKs of its table, and the key of its id. It has no defaults, so that the drill
draws nothing from the application's sequences, and no foreign keys, triggers or policies. The queue's copy also has
every unique index and NOT NULL, because our own rows have to satisfy them. A copy is named after its table, so that
installations with different mappings on one database do not share copies.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection, text

from reconciler.errors import DatabaseBusy, DatabaseDisagrees
from reconciler.store.app.mapping import AppMapping, MappedTable
from reconciler.store.database import Database
from reconciler.store.ledger.check import LEDGER_SCHEMA, LOCK
from reconciler.store.printed import script
from reconciler.store.schema.catalog import CatalogTable
from reconciler.text.sql_quoting import identifier, literal

PREFIX = "drill"
MAX_IDENTIFIER_BYTES = 63
"""Bytes to which PostgreSQL truncates a name."""
_SHOWN_DIFFERENCES = 3

_CALLS_THEIRS = """EXISTS (
            SELECT FROM pg_catalog.pg_depend
            WHERE classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND objid = {index}
              AND refclassid IN ('pg_catalog.pg_proc'::pg_catalog.regclass,
                                 'pg_catalog.pg_operator'::pg_catalog.regclass,
                                 'pg_catalog.pg_type'::pg_catalog.regclass))"""
"""Whether an index calls a function that is not PostgreSQL's own: it keeps no dependency on those."""
_IS_KEY = """EXISTS (
        SELECT FROM pg_catalog.pg_index AS u
        WHERE u.indrelid = {table} AND u.indisunique AND u.indisvalid AND u.indpred IS NULL AND NOT EXISTS (
            SELECT FROM pg_catalog.generate_series(0, u.indnkeyatts - 1) AS place(number)
            LEFT JOIN pg_catalog.pg_attribute AS k ON k.attrelid = u.indrelid AND k.attnum = u.indkey[place.number]
            WHERE k.attname IS NULL OR k.attname <> ALL ({names})))"""
"""Whether no two rows are equal in these columns. An expression of an index is no column."""
_HAS_KEY = text(f"SELECT {_IS_KEY.format(table=':oid', names='CAST(:names AS name[])')}")
_SHAPE = text(f"""
    SELECT quote_ident(attname) || ' ' || format_type(atttypid, atttypmod) AS part
    FROM pg_attribute WHERE attrelid = :oid AND attnum > 0 AND NOT attisdropped
    UNION
    SELECT 'CHECK (' || pg_get_expr(conbin, conrelid) || ')' FROM pg_constraint WHERE conrelid = :oid AND contype = 'c'
    UNION
    SELECT pg_get_constraintdef(oid) FROM pg_constraint
    WHERE :exact AND conrelid = :oid AND contype IN ('p', 'u', 'x') AND NOT {_CALLS_THEIRS.format(index="conindid")}
    UNION
    SELECT quote_ident(attname) || ' NOT NULL' FROM pg_attribute AS a
    WHERE :exact AND attrelid = :oid AND attnum > 0 AND NOT attisdropped AND attnotnull
      AND NOT (atthasdef OR attidentity <> '' OR attgenerated <> '')
      AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = a.attrelid AND indisprimary AND a.attnum = ANY(indkey))
""")
# One block per table, executed by us or printed as a script. No percent sign: it would be doubled.
# A superuser may run it: an index with a function of the application's is left out, as PostgreSQL would call it.
_COPY = """
    IF pg_catalog.to_regclass({table_text}) IS NULL THEN
        RAISE NOTICE USING MESSAGE = {table_text} || ' does not exist: no copy of it for the fire drill';
        RETURN;
    END IF;
    IF pg_catalog.has_table_privilege({owner}, pg_catalog.to_regclass({table_text}), 'SELECT') THEN
{act_as_our_owner}    ELSE
        SET LOCAL ROLE NONE;
    END IF;
    exact_indexes := {exact} AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_index AS i
        WHERE i.indrelid = pg_catalog.to_regclass({table_text}) AND {calls_theirs});
    DROP TABLE IF EXISTS {copy};
    IF exact_indexes THEN
        CREATE TABLE {copy} (LIKE {table} INCLUDING CONSTRAINTS INCLUDING INDEXES);
    ELSE
        CREATE TABLE {copy} (LIKE {table} INCLUDING CONSTRAINTS);
    END IF;
    FOR part IN
        SELECT pg_catalog.quote_ident(c.attname) FROM pg_catalog.pg_attribute AS c
        JOIN pg_catalog.pg_attribute AS t
          ON t.attrelid = pg_catalog.to_regclass({table_text}) AND t.attname = c.attname
        WHERE c.attrelid = pg_catalog.to_regclass({copy_text}) AND c.attnum > 0 AND c.attnotnull
          AND (NOT {exact} OR t.atthasdef OR t.attidentity <> '' OR t.attgenerated <> '')
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_index
                          WHERE indrelid = c.attrelid AND indisprimary AND c.attnum = ANY(indkey))
    LOOP
        EXECUTE {alter_text} || 'ALTER COLUMN ' || part || ' DROP NOT NULL';
    END LOOP;
    FOR part IN
        SELECT pg_catalog.pg_get_constraintdef(c.oid) FROM pg_catalog.pg_constraint AS c
        JOIN pg_catalog.pg_index AS i ON i.indexrelid = c.conindid
        WHERE {exact} AND NOT exact_indexes AND c.conrelid = pg_catalog.to_regclass({table_text})
          AND c.contype IN ('p', 'u', 'x') AND NOT {calls_theirs}
    LOOP
        EXECUTE {alter_text} || 'ADD ' || part;
    END LOOP;
{keys}    IF NOT EXISTS (SELECT FROM pg_catalog.pg_class
                   WHERE oid = pg_catalog.to_regclass({copy_text}) AND relowner = {owner}) THEN
        EXECUTE {alter_text} || 'OWNER TO ' || pg_catalog.quote_ident(pg_catalog.pg_get_userbyid({owner}));
    END IF;
{act_as_our_owner}"""
_KEY = """\
    IF NOT {exact} AND {is_key} THEN
        ALTER TABLE {copy} ADD UNIQUE ({columns});
    END IF;
"""


@dataclass(slots=True)
class RefreshResult:
    """What ``refresh`` did."""

    made: int = 0
    problems: list[str] = field(default_factory=list)
    """Why a table still has no correct copy, one sentence each."""


def copy_of(mapped: MappedTable) -> MappedTable:
    """The mapping of a table's copy: same columns, in our schema."""
    name = f"{PREFIX}_{mapped.schema}_{mapped.name}"
    if len(name.encode()) > MAX_IDENTIFIER_BYTES:
        digest = hashlib.sha256(name.encode()).hexdigest()[:12]
        name = f"{name.encode()[: MAX_IDENTIFIER_BYTES - 13].decode(errors='ignore')}_{digest}"
    return replace(mapped, schema=LEDGER_SCHEMA, name=name)


def on_shadow_tables(application: AppMapping) -> AppMapping:
    """The mapping with every table replaced by its copy.

    A planted booking is called by its id: no code that we make up is sure to be one of the application's.
    """
    bookings = copy_of(application.bookings)
    columns = {ours: theirs for ours, theirs in bookings.columns.items() if ours != "reference"}
    return replace(
        application,
        bookings=replace(bookings, columns=columns),
        customers=copy_of(application.customers) if application.customers else None,
        queue=copy_of(application.queue) if application.queue else None,
        joins={name: replace(join, table=copy_of(join.table)) for name, join in application.joins.items()},
    )


def table_names(application: AppMapping) -> dict[str, str]:
    """Name of a copy -> name of its table, both as a label and as SQL."""
    both = [(copy_of(mapped), mapped) for mapped in _mapped(application)]
    said = {copy.label: mapped.label for copy, mapped in both}
    return said | {copy.as_sql: mapped.as_sql for copy, mapped in both}


def shadow_tables_script(application: AppMapping) -> str:
    """SQL that creates the copies, for the owner of our schema; a missing table is skipped."""
    return "".join(_block(mapped, application) for mapped in _mapped(application))


def differences(connection: Connection, application: AppMapping) -> list[str]:
    """One sentence for each table whose copy is missing or differs."""
    return [said for mapped in _mapped(application) if (said := _difference(connection, mapped, application))]


def refresh(database: Database, application: AppMapping) -> RefreshResult:
    """Recreate the copies that are missing or differ. A table that cannot be copied is reported and stops nothing.

    Raises:
        DatabaseUnreachable: no connection.
    """
    refreshed = RefreshResult()
    for mapped in _mapped(application):
        try:
            with database.transaction() as connection:
                script.refuse_event_triggers(connection)
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
                if _difference(connection, mapped, application) is None:
                    continue
                # Escaped: SQLAlchemy reads a colon as the start of a parameter name.
                connection.execute(text(_block(mapped, application).replace(":", r"\:")))
                left = _difference(connection, mapped, application)
        except (DatabaseBusy, DatabaseDisagrees) as error:
            left = f"{mapped.label}: {error}"
        if left:
            refreshed.problems.append(left)
        else:
            refreshed.made += 1
    return refreshed


def _mapped(application: AppMapping) -> list[MappedTable]:
    found: dict[str, MappedTable] = {}
    for one in (*_with_ids(application), *(join.table for join in application.joins.values())):
        found.setdefault(one.label, one)
    return list(found.values())


def _with_ids(application: AppMapping) -> list[MappedTable]:
    return [one for one in (application.bookings, application.customers, application.queue) if one]


def _keys(mapped: MappedTable, application: AppMapping) -> list[tuple[str, ...]]:
    """The columns of each key that passes go by: the id, and what a join to one row goes by."""
    ids = [(one.columns["id"],) for one in _with_ids(application) if one.label == mapped.label]
    joins = [join for join in application.joins.values() if join.table.label == mapped.label and not join.first_by]
    return list(dict.fromkeys([*ids, *(tuple(sorted(join.on)) for join in joins)]))


def _is_exact(mapped: MappedTable, application: AppMapping) -> bool:
    """Whether the copy must hold rows of ours too, not only the drill's fixtures."""
    return mapped is application.queue


def _difference(connection: Connection, mapped: MappedTable, application: AppMapping) -> str | None:
    table, copy = CatalogTable.find(connection, mapped), CatalogTable.find(connection, copy_of(mapped))
    if table is None:
        return f"{mapped.label}: there is no such table, or our role may not use its schema"
    if copy is None:
        return f"{mapped.label}: it has no copy for the drill yet"
    exact = _is_exact(mapped, application)
    keys = _keys(mapped, application)
    wanted, found = (_shape(connection, one, keys, exact=exact) for one in (table, copy))
    if wanted == found:
        return None
    said = [*(f"lacks {part}" for part in sorted(wanted - found)), *(f"has {part}" for part in sorted(found - wanted))]
    more = ", .." if len(said) > _SHOWN_DIFFERENCES else ""
    return f"{mapped.label}: its copy for the drill {', '.join(said[:_SHOWN_DIFFERENCES])}{more}"


def _shape(connection: Connection, table: CatalogTable, keys: Sequence[tuple[str, ...]], *, exact: bool) -> set[str]:
    held = [key for key in keys if connection.scalar(_HAS_KEY, {"oid": table.oid, "names": list(key)})]
    unique = {f"UNIQUE {', '.join(map(identifier, key))}" for key in held}
    return unique | set(connection.scalars(_SHAPE, {"oid": table.oid, "exact": exact}))


def _block(mapped: MappedTable, application: AppMapping) -> str:
    copy, exact = copy_of(mapped), _is_exact(mapped, application)
    statements = _COPY.format(
        table=mapped.as_sql,
        table_text=literal(mapped.as_sql),
        copy=copy.as_sql,
        copy_text=literal(copy.as_sql),
        alter_text=literal(f"ALTER TABLE {copy.as_sql} "),
        exact=str(exact).lower(),
        keys="".join(_key_block(mapped, key, str(exact).lower()) for key in _keys(mapped, application)),
        owner=script.OUR_OWNER,
        act_as_our_owner=script.act_as(script.OUR_OWNER),
        calls_theirs=_CALLS_THEIRS.format(index="i.indexrelid"),
    )
    return "\n" + script.block(statements, "copy", "    part text;\n    exact_indexes boolean;\n")


def _key_block(mapped: MappedTable, key: Sequence[str], exact: str) -> str:
    names = f"ARRAY[{', '.join(map(literal, key))}]::pg_catalog.name[]"
    table = f"pg_catalog.to_regclass({literal(mapped.as_sql)})"
    return _KEY.format(
        exact=exact,
        is_key=_IS_KEY.format(table=table, names=names),
        copy=copy_of(mapped).as_sql,
        columns=", ".join(map(identifier, key)),
    )


def copies_error(problems: Sequence[str]) -> DatabaseDisagrees:
    """The error of a drill whose copies are missing or differ."""
    return DatabaseDisagrees(
        "; ".join(problems),
        "run reconciler migrate to recreate them (or hand `reconciler migrate --sql` to the owner of our schema)",
        code="drill_copies",
    )
