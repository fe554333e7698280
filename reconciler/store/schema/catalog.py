"""One table in PostgreSQL's catalogue: columns, privileges, value checks, row-level security."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, TextClause, text
from sqlalchemy.exc import ProgrammingError

from reconciler.store.app.mapping import MappedTable
from reconciler.store.schema import privileges

_COLUMNS = text("""
    SELECT a.attname AS name, format_type(a.atttypid, NULL) AS type, a.attnotnull AS required,
           a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> '' AS has_default,
           t.typtype = 'e' AS is_enum,
           t.typtype = 'b' AND t.typnamespace = CAST('pg_catalog' AS regnamespace) AS is_built_in,
           t.typcategory = 'S' AS is_text, a.atttypid AS type_oid, a.attnum AS number,
           CASE WHEN a.atttypid IN (CAST('varchar' AS regtype), CAST('bpchar' AS regtype)) AND a.atttypmod > 4
                THEN a.atttypmod - 4 END AS length,
           ARRAY(SELECT privilege FROM unnest(CAST(:privileges AS text[])) AS privilege
                 WHERE has_column_privilege(a.attrelid, a.attnum, privilege)) AS privileges
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = :oid AND NOT a.attisdropped
""")
_UNIQUE = text("""
    SELECT EXISTS (SELECT FROM pg_index
                   WHERE indrelid = :oid AND indisunique AND indisvalid AND indimmediate AND indpred IS NULL
                     AND indnkeyatts = 1 AND indkey[0] = :number)
""")
_INDEXED = text("""
    SELECT EXISTS (SELECT FROM pg_index WHERE indrelid = :oid AND indisvalid AND indkey[0] = :number)
""")
_FOREIGN_KEYS = text("""
    SELECT conname FROM pg_constraint
    WHERE conrelid = :oid AND contype = 'f' AND CAST(:number AS int2) = ANY (conkey)
""")
_HAS_ROW_TRIGGER = text("""
    SELECT EXISTS (SELECT FROM pg_trigger
                   WHERE tgrelid = :oid AND NOT tgisinternal AND tgenabled <> 'D' AND tgtype & 7 = 7)
""")
"""Bits of tgtype: for each row, before, insert (PostgreSQL, catalog/pg_trigger.h)."""
_CHECKED_COLUMNS = text("""
    SELECT a.attname FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
    WHERE c.conrelid = :oid AND c.contype = 'c' AND c.conname = :name
""")
_TRIGGERS = text("""
    SELECT tgname FROM pg_trigger WHERE tgrelid = :oid AND NOT tgisinternal AND tgenabled <> 'D' ORDER BY tgname
""")
_POLICIES = text("""
    SELECT polname AS name, polpermissive AS permissive, polcmd AS command,
           pg_get_expr(polqual, polrelid) AS shows, pg_get_expr(polwithcheck, polrelid) AS accepts
    FROM pg_policy
    WHERE polrelid = :oid
      AND EXISTS (SELECT FROM unnest(polroles) AS role
                  WHERE role = 0 OR pg_has_role(current_user, role, 'USAGE'))
""")
_SEQUENCES = text("""
    SELECT a.attname AS column, n.nspname AS schema, s.relname AS sequence, pg_get_userbyid(s.relowner) AS owner
    FROM pg_attrdef d
    JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    JOIN pg_depend needs ON needs.classid = 'pg_attrdef'::regclass AND needs.objid = d.oid
                            AND needs.refclassid = 'pg_class'::regclass
    JOIN pg_class s ON s.oid = needs.refobjid
    JOIN pg_namespace n ON n.oid = s.relnamespace
    -- CASE keeps the order: the function fails for anything but a sequence.
    WHERE d.adrelid = :oid AND CASE WHEN s.relkind = 'S' THEN NOT has_sequence_privilege(s.oid, 'USAGE') END
""")
_OF_ROWS, _JOINED = ["r", "p", "v"], ["r", "p", "v", "m", "f"]
_COMMAND = {"SELECT": "r", "INSERT": "a", "UPDATE": "w"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogColumn:
    name: str
    type: str
    required: bool
    has_default: bool
    is_enum: bool
    is_built_in: bool
    """Whether the type is one of PostgreSQL's own."""
    is_text: bool
    """Whether the type is text or like it, such as varchar, citext or a domain over them."""
    type_oid: int
    number: int
    length: int | None
    """Maximum characters of a text column, ``None`` if unlimited."""
    privileges: Collection[str]
    """What our role may do with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogTable:
    """An existing table or view. Its methods read the catalogue; only ``appears_empty`` reads rows.

    What every pass asks for is read with the table, and then as often as wanted.
    """

    connection: Connection
    oid: int
    quoted: str
    """The table's name as SQL, as it is."""
    as_sql: str
    """The table's name for SQL that is printed."""
    owner: str
    schema_owner: str
    role: str
    """Our role's name."""
    is_view: bool
    may_use_schema: bool
    has_row_security: bool
    """Whether row-level security applies to our role on this table."""
    estimate: int
    """Rows by the table's statistics; 0 or less if it has none."""
    columns: Mapping[str, CatalogColumn]
    system_columns: Mapping[str, CatalogColumn]
    """PostgreSQL's own, such as ``ctid``."""
    policies: Sequence[Mapping[Any, Any]]
    """Those for our role; none are read where row-level security does not apply."""

    @classmethod
    def find(cls, connection: Connection, mapped: MappedTable) -> "CatalogTable | None":
        """The table or view of that name, ``None`` if none is visible to us.

        A materialized view does not count: it shows what was. Neither does a foreign table.
        """
        found = connection.execute(
            text("""
                SELECT c.oid, quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS quoted,
                       pg_get_userbyid(c.relowner) AS owner, pg_get_userbyid(n.nspowner) AS schema_owner,
                       current_user AS role, has_schema_privilege(n.oid, 'USAGE') AS may_use_schema,
                       c.relkind = 'v' AS is_view, row_security_active(c.oid) AS has_row_security,
                       CAST(c.reltuples AS bigint) AS estimate
                FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = :schema AND c.relname = :name AND c.relkind = ANY(:kinds)
            """),
            {"schema": mapped.schema, "name": mapped.name, "kinds": _JOINED if mapped.may_be_view else _OF_ROWS},
        ).first()
        if found is None:
            return None
        rows = connection.execute(_COLUMNS, {"oid": found.oid, "privileges": list(_COMMAND)}).mappings()
        columns = [CatalogColumn(**row) for row in rows]
        policies = connection.execute(_POLICIES, {"oid": found.oid}).mappings().all() if found.has_row_security else ()
        return cls(
            connection=connection,
            oid=found.oid,
            quoted=found.quoted,
            as_sql=mapped.as_sql,
            owner=found.owner,
            schema_owner=found.schema_owner,
            role=found.role,
            is_view=found.is_view,
            may_use_schema=found.may_use_schema,
            has_row_security=found.has_row_security,
            estimate=found.estimate,
            columns={column.name: column for column in columns if column.number > 0},
            system_columns={column.name: column for column in columns if column.number < 0},
            policies=policies,
        )

    def lacks(self, privilege: str, columns: Iterable[str]) -> Sequence[str]:
        """Those of ``columns`` for which our role lacks ``privilege``."""
        every = {**self.system_columns, **self.columns}
        return [name for name in columns if privilege not in every[name].privileges]

    def grants_by_column(self, privilege: str) -> bool:
        """Whether our role has ``privilege`` only on single columns, so that added columns are not covered."""
        query = text("""
            SELECT has_any_column_privilege(CAST(:oid AS oid), :privilege)
                   AND NOT has_table_privilege(CAST(:oid AS oid), :privilege)
        """)
        return bool(self.connection.scalar(query, {"oid": self.oid, "privilege": privilege}))

    def may_lock(self) -> bool:
        """Whether our role may ``SELECT .. FOR UPDATE``, which needs UPDATE on at least one column."""
        return any("UPDATE" in column.privileges for column in self.columns.values())

    def compares(self, column: CatalogColumn, other: CatalogColumn) -> bool:
        """Whether PostgreSQL has an equality operator for the two types.

        Nothing is evaluated: a cast may call a function of the application's.
        """
        if column.type == other.type:
            return True
        return self._prepares(f"SELECT CAST(NULL AS {column.type}) = CAST(NULL AS {other.type})")

    def _prepares(self, statement: str) -> bool:
        """Whether PostgreSQL knows the operators of a statement; it is not run."""
        trial = self.connection.begin_nested()
        try:
            self.connection.execute(text(f"PREPARE reconciler_trial AS {statement}".replace(":", r"\:")))
            self.connection.exec_driver_sql("DEALLOCATE reconciler_trial")
        except ProgrammingError:
            return False
        finally:
            trial.rollback()
        return True

    def orders(self, column: CatalogColumn) -> bool:
        """Whether PostgreSQL can sort by the type. Nothing is evaluated."""
        return self._prepares(f"SELECT CAST(NULL AS {column.type}) AS value ORDER BY value")

    def is_unique(self, column: str) -> bool:
        """Whether the column alone is unique, so that ``ON CONFLICT`` can use it."""
        return self._column_query(_UNIQUE, column)

    def is_indexed(self, column: str) -> bool:
        """Whether an index begins with this column."""
        return self._column_query(_INDEXED, column)

    def foreign_keys(self, column: str) -> Collection[str]:
        """Names of the foreign keys that include this column."""
        number = self.columns[column].number
        return set(self.connection.scalars(_FOREIGN_KEYS, {"oid": self.oid, "number": number}))

    def checked_by(self, constraint: str) -> Sequence[str]:
        """The columns that a CHECK of this table reads."""
        return self.connection.scalars(_CHECKED_COLUMNS, {"oid": self.oid, "name": constraint}).all()

    def has_row_trigger(self) -> bool:
        """Whether a BEFORE INSERT trigger runs for each row, which may fill columns that we do not."""
        return bool(self.connection.scalar(_HAS_ROW_TRIGGER, {"oid": self.oid}))

    def triggers(self) -> Sequence[str]:
        """Names of the application's enabled triggers on this table."""
        return self.connection.scalars(_TRIGGERS, {"oid": self.oid}).all()

    def default(self, column: str) -> str:
        """The column's default as PostgreSQL writes it, '' without one."""
        query = text("SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = :oid AND adnum = :number")
        return self.connection.scalar(query, {"oid": self.oid, "number": self.columns[column].number}) or ""

    def _column_query(self, query: TextClause, column: str) -> bool:
        return bool(self.connection.scalar(query, {"oid": self.oid, "number": self.columns[column].number}))

    def closed_sequences(self) -> Sequence[Row[Any]]:
        """The columns whose default draws from a sequence that our role may not use; its schema, name and owner."""
        return self.connection.execute(_SEQUENCES, {"oid": self.oid}).all()

    def has_open_policy(self, command: str) -> bool:
        """Whether a permissive policy lets our role use ``command`` on every row."""
        return any(row["permissive"] and _covers_every_row(row, command) for row in self._policies(command))

    def has_policy_of_own_rows(self, error: str) -> bool:
        """The same of an update of the rows whose column ``error`` says that they are ours."""
        found = [row for row in self._policies("UPDATE") if row["permissive"] and row["accepts"] == "true"]
        return any(privileges.covers_own_rows(row["shows"], error) for row in found)

    def restrictive_policies(self, command: str) -> Sequence[str]:
        """Names of the restrictive policies that may keep our role from using ``command`` on some rows."""
        policies = self._policies(command)
        return [row["name"] for row in policies if not row["permissive"] and not _covers_every_row(row, command)]

    def _policies(self, command: str) -> list[Mapping[Any, Any]]:
        return [row for row in self.policies if row["command"] in ("*", _COMMAND[command])]

    def appears_empty(self) -> bool:
        """Whether our role sees no row of the table."""
        statement = f"SELECT NOT EXISTS (SELECT FROM {self.quoted})"
        return bool(self.connection.scalar(text(statement.replace(":", r"\:"))))


@dataclass(frozen=True, slots=True)
class CatalogTables:
    """The tables of one check. Each is read once, though two requirements may be about it."""

    connection: Connection
    _found: dict[tuple[str, bool], CatalogTable | None] = field(default_factory=dict, init=False)

    def find(self, mapped: MappedTable) -> CatalogTable | None:
        """As ``CatalogTable.find``."""
        named = mapped.quoted, mapped.may_be_view
        if named not in self._found:
            self._found[named] = CatalogTable.find(self.connection, mapped)
        return self._found[named]


def _covers_every_row(policy: Mapping[Any, Any], command: str) -> bool:
    """USING decides which rows are visible; WITH CHECK which may be written, and it defaults to USING."""
    shows, accepts = policy["shows"], policy["accepts"]
    if command == "SELECT":
        return bool(shows == "true")
    if command == "INSERT":
        return bool((accepts if accepts is not None else shows) == "true")
    return bool(shows == "true" and accepts in (None, "true"))
