"""One repeatable SQL script with everything a role needs for the mapping in use, and nothing more."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import indent

from reconciler.domain.gaps import Effect
from reconciler.store.app.mapping import AppMapping, EvidenceColumn, MappedTable
from reconciler.store.printed import script
from reconciler.store.printed.ledger_grants import schema_grants
from reconciler.store.schema import privileges, requirements
from reconciler.store.schema.requirements import TableRequirements
from reconciler.text.sql_quoting import identifier, literal

_HEAD = """\
-- What reconciler needs in this database for the mapping in cron.yaml, and nothing more. Safe to run again.
-- To be run by the owner of the application's tables, before or after `reconciler migrate`. Where a superuser runs it,
-- it acts as the owner of what it changes.

-- The role, if it does not exist yet (in psql, \\password sets its password):
-- CREATE ROLE {role} LOGIN;

"""
_LIMITS = """\
-- Creating a policy locks its table briefly: fail rather than block the application.
SET LOCAL lock_timeout = '5s';
SET LOCAL client_min_messages = 'warning';  -- hides the notices about policies that do not exist yet
"""
_SCHEMAS = "\n-- Their schemas, where not every role may use them already.\n"
_POLICIES = "-- Needed where row-level security is on: without them the role sees no row.\n"
_OURS = """
-- Our own schema: every table, those of later versions included. If the role itself runs `reconciler migrate`, it owns
-- the schema and needs no grant.
"""

_TABLES = {
    "evidence": "What else shows that a text was sent, or that an event was made.",
    "queue": "The text queue: what was sent, and what is about to be sent.",
    "customers": "Customers: a fallback phone number, and whether they accept texts.",
    "bookings": "Bookings: what should exist.",
    "join": "Joined with the bookings: names, numbers and facts.",
}
_WRITES = {
    "queue": {
        "INSERT": "Rows for our own texts. Only the trial row of `reconciler doctor` fills the sent time and the SID.",
        "UPDATE": "The outcome of our own texts. No other row is touched.",
    },
    "bookings": {
        "UPDATE": "The id of an event that we created, or that a text was sent; and locking a row needs UPDATE on one "
        "column.",
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TableGrants:
    """The privileges a role needs on one of the application's tables, each with its columns."""

    part: str
    """A key of ``_TABLES``."""
    mapped: MappedTable
    columns: dict[str, list[str]]

    def lines(self, role: str) -> Iterator[str]:
        yield f"\n-- {_TABLES[self.part]}\n"
        yield script.act_as_owner_of(self.mapped.schema, self.mapped.name)
        for privilege, names in self.columns.items():
            if privilege != "SELECT":
                yield f"-- {_WRITES[self.part][privilege]}\n"
            yield privileges.columns(privilege, names, self.mapped, role) + "\n"
        yield _POLICIES
        policies = "".join(f"{privileges.policy(privilege, self.mapped, role)}\n" for privilege in self.columns)
        yield _unless_view(self.mapped, policies) if self.mapped.may_be_view else policies


def grants_script(
    application: AppMapping, role: str, *, scanned: Collection[Effect], repairs: Collection[Effect], read_only: bool
) -> str:
    """The SQL for ``role``, where rules scan for the effects in ``scanned`` and repair those in ``repairs``.

    ``read_only`` is for commands run by hand: the role may write nothing, not even in our own schema.
    """
    tables = list(_tables(application, _requirements(application, scanned, () if read_only else repairs)))
    schemas = dict.fromkeys(one.mapped.schema for one in tables)
    parts = [
        _HEAD.format(role=identifier(role)),
        script.begin(),
        _LIMITS,
        _SCHEMAS,
        *(_use_of_schema(schema, role) for schema in schemas),
        *(line for one in tables for line in one.lines(role)),
        _OURS,
        script.create_schema(application.bookings.schema, application.bookings.name),
        schema_grants(role, read_only=read_only),
        script.END,
    ]
    return "".join(parts)


def _use_of_schema(schema: str, role: str) -> str:
    named, grantee = literal(identifier(schema)), literal(role)
    owner = f"(SELECT nspowner FROM pg_catalog.pg_namespace WHERE nspname = {literal(schema)})"
    return script.block(
        f"    IF NOT pg_catalog.has_schema_privilege({grantee}, {named}::pg_catalog.regnamespace, 'USAGE') THEN\n"
        f"{indent(script.act_as(owner), '    ')}"
        f"        {privileges.use_of_schema(schema, role)}\n"
        "    END IF;\n",
        "usage",
    )


def _unless_view(mapped: MappedTable, policies: str) -> str:
    named = literal(mapped.as_sql)
    is_table = f"(SELECT relkind IN ('r', 'p') FROM pg_catalog.pg_class WHERE oid = {named}::pg_catalog.regclass)"
    return script.block(f"    IF {is_table} THEN\n{indent(policies, '        ')}    END IF;\n", "policies")


def _requirements(
    application: AppMapping, scanned: Collection[Effect], repairs: Collection[Effect]
) -> list[TableRequirements]:
    """What all jobs need: the repairing ones, the report-only ones, and retention, which reads dates."""
    found = [requirements.of_dates(application)]
    found += [need for kind in application.report_after for need in requirements.of_report_only(application, kind)]
    for effect in scanned:
        wanted = requirements.of_effect(application, effect)
        found += wanted if effect in repairs else [need.read_only() for need in wanted]
    return found


def _tables(application: AppMapping, wanted: Sequence[TableRequirements]) -> Iterator[TableGrants]:
    """All requirements of each table merged, with the columns in the order of the mapping."""
    for part, mapped in _parts(application):
        mine = [need for need in wanted if need.mapped.label == mapped.label]
        if mine:
            columns = {
                privilege: _in_mapping_order(mapped, (need.privileges[privilege] for need in mine))
                for privilege in ("SELECT", "INSERT", "UPDATE")
            }
            columns["INSERT"] += _in_mapping_order(mapped, (need.theirs(need.tried_out) for need in mine))
            yield TableGrants(part=part, mapped=mapped, columns={name: some for name, some in columns.items() if some})


def _parts(application: AppMapping) -> Iterator[tuple[str, MappedTable]]:
    """Each table once, whatever it is for besides."""
    named = {part: getattr(application, part) for part in ("queue", "customers", "bookings")}
    shown = (one for several in application.evidence.values() for one in several if not isinstance(one, EvidenceColumn))
    known: set[str] = set()
    for part, table in (
        *((part, table) for part, table in named.items() if table),
        *(("join", join.table) for join in application.joins.values()),
        *(("evidence", one.table) for one in shown),
    ):
        if table.label not in known:
            known.add(table.label)
            yield part, table


def _in_mapping_order(mapped: MappedTable, several: Iterable[Iterable[str]]) -> list[str]:
    named = dict.fromkeys(name for names in several for name in names)
    known = [name for name in mapped.columns.values() if name in named]
    return [*known, *(name for name in named if name not in known)]
