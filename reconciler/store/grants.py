"""Everything a role needs for the mapping in use, and nothing more, as one script that may be run again."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from reconciler.domain.gaps import Effect
from reconciler.store import migrate
from reconciler.store.app.mapping import AppMapping, MappedTable
from reconciler.store.schema import privileges, requirements
from reconciler.store.schema.requirements import TableRequirements

_HEAD = """\
-- What reconciler needs in this database by the mapping in cron.yaml, and nothing more; it may be run again.
-- For the owner of the application's tables, who also runs `reconciler migrate`, before this or after it.

-- The role, if it is not there yet (in psql, \\password gives it a password):
-- CREATE ROLE {role} LOGIN;

BEGIN;
-- A policy wants its table for itself for a moment: rather fail than let the application wait behind us.
SET LOCAL lock_timeout = '5s';
SET LOCAL client_min_messages = 'warning';  -- a policy that is not there yet is no news
"""
_SCHEMAS = "\n-- Where they are. That nothing was granted is a harmless warning: then everybody may look there.\n"
_POLICIES = "-- Where row-level security is on, a role meets no row without these; where it is off they rest.\n"
_OURS = """
-- Our own schema: every row in it, its tables to come as well. There is nothing to grant where the role itself runs
-- `reconciler migrate` and so owns it.
"""
_TAIL = "\nCOMMIT;\n"

_TABLES = {
    "queue": "The queue of texts: what was sent, and what is about to be.",
    "customers": "Customers: a number to fall back to, and whether they want texts.",
    "bookings": "Bookings: what there should be.",
}
_WRITES = {
    "queue": {
        "INSERT": "The row of a text of ours; when it was sent and Twilio's id only for the trial row of `reconciler "
        "doctor`.",
        "UPDATE": "What became of our text. No other row is touched.",
    },
    "bookings": {"UPDATE": "The id of an event that we made. And who locks a row must be able to UPDATE one column."},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRights:
    """What a role needs of one table of the application's: privileges, and for each the columns by their names."""

    part: str
    """Which part of the mapping it is."""
    mapped: MappedTable
    columns: dict[str, list[str]]

    def lines(self, role: str) -> Iterator[str]:
        yield f"\n-- {_TABLES[self.part]}\n"
        for privilege, names in self.columns.items():
            if privilege != "SELECT":
                yield f"-- {_WRITES[self.part][privilege]}\n"
            yield privileges.columns(privilege, names, self.mapped, role) + "\n"
        yield _POLICIES
        for privilege in self.columns:
            yield privileges.policy(privilege, self.mapped, role) + "\n"


def script(
    application: AppMapping, role: str, *, looks: Collection[Effect], repairs: Collection[Effect], read_only: bool
) -> str:
    """The SQL for ``role``, where rules look for the effects in ``looks``, and those in ``repairs`` are mended.

    ``read_only`` is for looking by hand: nothing may be written, in our own schema neither.
    """
    tables = list(_tables(application, _wanted(application, looks, () if read_only else repairs)))
    schemas = dict.fromkeys(one.mapped.schema for one in tables)
    parts = [
        _HEAD.format(role=privileges.quoted(role)),
        _SCHEMAS,
        *(f"{privileges.use_of_schema(schema, role)}\n" for schema in schemas),
        *(line for one in tables for line in one.lines(role)),
        _OURS,
        migrate.grants(role, read_only=read_only),
        _TAIL,
    ]
    return "".join(parts)


def _wanted(application: AppMapping, looks: Collection[Effect], repairs: Collection[Effect]) -> list[TableRequirements]:
    """What every job needs: those that mend, those that only report, and the one that asks what is over."""
    found = [requirements.of_dates(application)]
    found += [need for kind in application.report_after for need in requirements.of_report_only(application, kind)]
    for effect in looks:
        wanted = requirements.of_effect(application, effect)
        found += wanted if effect in repairs else [need.read_only() for need in wanted]
    return found


def _tables(application: AppMapping, wanted: Sequence[TableRequirements]) -> Iterator[TableRights]:
    """All needs of one table together; their columns in the order of the mapping."""
    for part in _TABLES:
        mapped: MappedTable | None = getattr(application, part)
        mine = [need for need in wanted if mapped and need.mapped.label == mapped.label]
        if mapped and mine:
            columns = {
                privilege: _named(mapped, (need.privileges[privilege] for need in mine))
                for privilege in ("SELECT", "INSERT", "UPDATE")
            }
            columns["INSERT"] += _named(mapped, (need.theirs(need.tried_out) for need in mine))
            yield TableRights(part=part, mapped=mapped, columns={name: some for name, some in columns.items() if some})


def _named(mapped: MappedTable, several: Iterable[Iterable[str]]) -> list[str]:
    named = dict.fromkeys(name for names in several for name in names)
    known = [name for name in mapped.columns.values() if name in named]
    return [*known, *(name for name in named if name not in known)]
