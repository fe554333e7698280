"""One table in PostgreSQL's catalogue: columns, privileges, value checks, row-level security."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, TextClause, text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from reconciler.store.app.mapping import MappedTable
from reconciler.store.schema import privileges

_COLUMNS = text("""
    SELECT a.attname AS name, format_type(a.atttypid, NULL) AS type, a.attnotnull AS required,
           a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> '' AS has_default,
           t.typtype = 'e' AS is_enum, t.typcategory = 'S' AS is_text, a.atttypid AS type_oid, a.attnum AS number,
           CASE WHEN a.atttypid IN (CAST('varchar' AS regtype), CAST('bpchar' AS regtype)) AND a.atttypmod > 4
                THEN a.atttypmod - 4 END AS length
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = :oid AND a.attnum > 0 AND NOT a.attisdropped
""")
_CHECKS = text("""
    SELECT quote_ident(conname) AS name, pg_get_expr(conbin, conrelid) AS expression FROM pg_constraint
    WHERE conrelid = :oid AND contype = 'c' AND conkey = ARRAY[CAST(:number AS int2)]
""")
_LACKING = text("""
    SELECT name FROM unnest(CAST(:names AS text[])) AS name
    WHERE NOT has_column_privilege(CAST(:oid AS oid), name, :privilege)
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
_LABELS = text("SELECT enumlabel FROM pg_enum WHERE enumtypid = :type_oid")
_POLICIES = text("""
    SELECT polname AS name, polpermissive AS permissive, polcmd AS command,
           pg_get_expr(polqual, polrelid) AS shows, pg_get_expr(polwithcheck, polrelid) AS accepts
    FROM pg_policy
    WHERE polrelid = :oid
      AND EXISTS (SELECT FROM unnest(polroles) AS role
                  WHERE role = 0 OR pg_has_role(current_user, role, 'USAGE'))
""")
_SEQUENCES = text("""
    SELECT a.attname AS column, quote_ident(n.nspname) || '.' || quote_ident(s.relname) AS sequence
    FROM pg_attrdef d
    JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    JOIN pg_depend needs ON needs.classid = 'pg_attrdef'::regclass AND needs.objid = d.oid
                            AND needs.refclassid = 'pg_class'::regclass
    JOIN pg_class s ON s.oid = needs.refobjid
    JOIN pg_namespace n ON n.oid = s.relnamespace
    -- CASE keeps the order: the function fails for anything but a sequence.
    WHERE d.adrelid = :oid AND CASE WHEN s.relkind = 'S' THEN NOT has_sequence_privilege(s.oid, 'USAGE') END
""")
_COMMAND = {"SELECT": "r", "INSERT": "a", "UPDATE": "w"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogColumn:
    name: str
    type: str
    required: bool
    has_default: bool
    is_enum: bool
    is_text: bool
    """Whether the type is text or like it, such as varchar, citext or a domain over them."""
    type_oid: int
    number: int
    length: int | None
    """Maximum characters of a text column, ``None`` if unlimited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogTable:
    """An existing table. Its methods read the catalogue; only ``appears_empty`` reads the table's rows."""

    connection: Connection
    oid: int
    quoted: str
    """The table's name as SQL."""
    role: str
    """Our role's name."""
    may_use_schema: bool
    columns: Mapping[str, CatalogColumn]

    @classmethod
    def find(cls, connection: Connection, mapped: MappedTable) -> "CatalogTable | None":
        """The table of that name, ``None`` if none is visible to us.

        A view does not count: we could not detect rows that row-level security hides behind it.
        """
        found = connection.execute(
            text("""
                SELECT c.oid, quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS quoted,
                       current_user AS role, has_schema_privilege(n.oid, 'USAGE') AS may_use_schema
                FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = :schema AND c.relname = :name AND c.relkind IN ('r', 'p')
            """),
            {"schema": mapped.schema, "name": mapped.name},
        ).first()
        if found is None:
            return None
        rows = connection.execute(_COLUMNS, {"oid": found.oid}).mappings()
        columns = {row["name"]: CatalogColumn(**row) for row in rows}
        return cls(
            connection=connection,
            oid=found.oid,
            quoted=found.quoted,
            role=found.role,
            may_use_schema=found.may_use_schema,
            columns=columns,
        )

    def lacks(self, privilege: str, columns: Iterable[str]) -> Sequence[str]:
        """Those of ``columns`` for which our role lacks ``privilege``."""
        values = {"oid": self.oid, "names": list(columns), "privilege": privilege}
        return self.connection.scalars(_LACKING, values).all()

    def grants_by_column(self, privilege: str) -> bool:
        """Whether our role has ``privilege`` only on single columns, so that added columns are not covered."""
        query = text("""
            SELECT has_any_column_privilege(CAST(:oid AS oid), :privilege)
                   AND NOT has_table_privilege(CAST(:oid AS oid), :privilege)
        """)
        return bool(self.connection.scalar(query, {"oid": self.oid, "privilege": privilege}))

    def may_lock(self) -> bool:
        """Whether our role may ``SELECT .. FOR UPDATE``, which needs UPDATE on at least one column."""
        query = text("SELECT has_any_column_privilege(CAST(:oid AS oid), 'UPDATE')")
        return bool(self.connection.scalar(query, {"oid": self.oid}))

    def forbids(self, column: str, values: Iterable[str]) -> Sequence[str]:
        """Those of ``values`` that the column's type, its enum or its single-column CHECKs reject.

        PostgreSQL itself evaluates the CHECK on the value, so the answer is right however the CHECK is written.
        """
        seen = self.columns[column]
        if seen.is_enum:
            labels = set(self.connection.scalars(_LABELS, {"type_oid": seen.type_oid}))
            return [value for value in values if value not in labels]
        checks = self._checks(seen)
        return [
            value
            for value in values
            if not self._can_hold(seen, value)
            or not all(self._accepts(seen, expression, value) for expression in checks.values())
        ]

    def _can_hold(self, column: CatalogColumn, value: str) -> bool:
        """Whether the value is one of the column's type: a number or a boolean never equals a word."""
        if column.is_text:
            return True
        trial = self.connection.begin_nested()
        try:
            self.connection.execute(text(f"SELECT CAST(CAST(:value AS text) AS {column.type})"), {"value": value})
        except DBAPIError:
            return False
        finally:
            trial.rollback()
        return True

    def widen_column_sql(self, column: str, values: Sequence[str]) -> str:
        """SQL that makes the column's enum or single-column CHECKs accept ``values`` too; '' if none is needed."""
        seen = self.columns[column]
        listed = [_literal(value) for value in values]
        if seen.is_enum:
            return "\n".join(f"ALTER TYPE {seen.type} ADD VALUE IF NOT EXISTS {value};" for value in listed)
        parts = []
        for name, expression in self._checks(seen).items():
            if not all(self._accepts(seen, expression, value) for value in values):
                wider = f"({expression}) OR {privileges.quoted(column)} IN ({', '.join(listed)})"
                parts.append(f"DROP CONSTRAINT {name}, ADD CONSTRAINT {name} CHECK ({wider})")
        return f"ALTER TABLE {self.quoted} {', '.join(parts)};" if parts else ""

    def compares(self, column: CatalogColumn, other: CatalogColumn) -> bool:
        """Whether PostgreSQL has an equality operator for the two types."""
        if column.type == other.type:
            return True
        equal = text(f"SELECT CAST(NULL AS {column.type}) = CAST(NULL AS {other.type})".replace(":", r"\:"))
        trial = self.connection.begin_nested()
        try:
            self.connection.execute(equal)
        except ProgrammingError:
            return False
        finally:
            trial.rollback()
        return True

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

    def _checks(self, column: CatalogColumn) -> Mapping[str, str]:
        rows = self.connection.execute(_CHECKS, {"oid": self.oid, "number": column.number})
        return {row.name: row.expression for row in rows}

    def _accepts(self, column: CatalogColumn, check: str, value: str) -> bool:
        expression = check.replace(":", r"\:")
        # The expression comes from the catalogue and was written by the table's owner; the value is bound.
        one = f"(SELECT CAST(:value AS {column.type}) AS {privileges.quoted(column.name)}) one"
        statement = f"SELECT coalesce({expression}, true) FROM {one}"
        return bool(self.connection.scalar(text(statement), {"value": value}))

    def closed_sequences(self) -> Mapping[str, str]:
        """Column -> the sequence (as SQL) that its default draws from and that our role may not use."""
        return {row.column: row.sequence for row in self.connection.execute(_SEQUENCES, {"oid": self.oid})}

    def has_row_security(self) -> bool:
        """Whether row-level security applies to our role on this table."""
        return bool(self.connection.scalar(text("SELECT row_security_active(CAST(:oid AS oid))"), {"oid": self.oid}))

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
        rows = self.connection.execute(_POLICIES, {"oid": self.oid}).mappings()
        return [row for row in rows if row["command"] in ("*", _COMMAND[command])]

    def estimate(self) -> int:
        """Rows by the table's statistics; 0 or less if it has none."""
        query = text("SELECT CAST(reltuples AS bigint) FROM pg_class WHERE oid = :oid")
        return int(self.connection.scalar(query, {"oid": self.oid}) or 0)

    def appears_empty(self) -> bool:
        """Whether our role sees no row of the table."""
        statement = f"SELECT NOT EXISTS (SELECT FROM {self.quoted})"
        return bool(self.connection.scalar(text(statement.replace(":", r"\:"))))


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _covers_every_row(policy: Mapping[Any, Any], command: str) -> bool:
    """USING decides which rows are visible; WITH CHECK which may be written, and it defaults to USING."""
    shows, accepts = policy["shows"], policy["accepts"]
    if command == "SELECT":
        return bool(shows == "true")
    if command == "INSERT":
        return bool((accepts if accepts is not None else shows) == "true")
    return bool(shows == "true" and accepts in (None, "true"))
