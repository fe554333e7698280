"""A view in the place of a table: what may hide rows behind it, and why no repair goes by it."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Row, text

from reconciler.domain.gaps import GapKind, IntegrationFault
from reconciler.store.app.mapping import MappedTable
from reconciler.store.schema.catalog import CatalogTable

_BASES = text("""
    WITH RECURSIVE read AS (
        SELECT c.oid, c.relkind, CAST(current_user AS text) AS reader FROM pg_class c WHERE c.oid = :oid
        UNION
        SELECT b.oid, b.relkind, CASE WHEN EXISTS (
                   SELECT FROM pg_options_to_table(v.reloptions) AS given
                   WHERE given.option_name = 'security_invoker' AND CAST(given.option_value AS boolean))
               THEN read.reader ELSE CAST(pg_get_userbyid(v.relowner) AS text) END
        FROM read JOIN pg_class v ON v.oid = read.oid AND v.relkind = 'v'
        JOIN pg_rewrite r ON r.ev_class = v.oid
        JOIN pg_depend d ON d.classid = CAST('pg_rewrite' AS regclass) AND d.objid = r.oid
                            AND d.refclassid = CAST('pg_class' AS regclass) AND d.refobjid <> v.oid
        JOIN pg_class b ON b.oid = d.refobjid AND b.relkind IN ('r', 'p', 'v')
    )
    SELECT n.nspname AS schema, c.relname AS name, read.reader AS reader,
           c.relrowsecurity AND NOT p.rolsuper AND NOT p.rolbypassrls
           AND (c.relforcerowsecurity OR NOT pg_has_role(p.oid, c.relowner, 'USAGE'))
           AND NOT coalesce((
               SELECT bool_or(polpermissive AND shows_all) AND bool_and(polpermissive OR shows_all)
               FROM (SELECT polpermissive, pg_get_expr(polqual, polrelid) = 'true' AS shows_all FROM pg_policy
                     WHERE polrelid = c.oid AND polcmd IN ('r', '*')
                       AND EXISTS (SELECT FROM unnest(polroles) AS role
                                   WHERE role = 0 OR pg_has_role(p.oid, role, 'USAGE'))) AS policy), false) AS hides
    FROM read JOIN pg_class c ON c.oid = read.oid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_roles p ON p.rolname = read.reader
    WHERE c.relkind IN ('r', 'p') ORDER BY 1, 2
""")
"""The tables that a view reads, with whose rights, and whether row-level security may hide rows from that role.

It is its owner, if the view does not say ``security_invoker``.
"""


def hidden_behind(view: CatalogTable, mapped: MappedTable) -> Iterator[IntegrationFault]:
    for base in _bases(view):
        behind = MappedTable(schema=base.schema, name=base.name, columns={})
        if not base.hides:
            continue
        seen = f"row-level security of {behind.label}, which {mapped.label} reads as {base.reader}, may hide rows"
        remedy = f"give {base.reader} a policy that shows every row, or let the owner of {behind.label} own the view"
        yield _fault("row_security", seen, remedy)


def view_to_repair_by(view: CatalogTable, mapped: MappedTable) -> IntegrationFault:
    """Rows of a view have no place to lock them at. And what it leaves out looks missing: a text, or a refusal."""
    named = ", ".join(f"{base.schema}.{base.name}" for base in _bases(view)) or "the one behind it"
    remedy = (
        f"name its table in cron.yaml ({named}), with bookings.where for bookings that the view leaves out; a view "
        "will do for rules that only report (policy: report)"
    )
    seen = f"{mapped.label} is a view: it may leave rows out, and a repair cannot lock or write them"
    return _fault("is_view", seen, remedy)


def _bases(view: CatalogTable) -> Sequence[Row[Any]]:
    return view.connection.execute(_BASES, {"oid": view.oid}).all()


def _fault(code: str, seen: str, remedy: str) -> IntegrationFault:
    return IntegrationFault(kind=GapKind.INTEGRATION_SCHEMA, code=code, seen=seen, remedy=remedy, blinds=True)
