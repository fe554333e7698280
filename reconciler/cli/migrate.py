"""``reconciler migrate``: create or update our own schema."""

import click

from reconciler.cli import configuration
from reconciler.cli.options import ROLE_NAME
from reconciler.domain.beacon import acting_fault
from reconciler.domain.place import (
    CAUTION_MEANS,
    CautionReason,
    PlaceStatus,
    bound_unseen,
    caution_seen,
    place_fault,
)
from reconciler.engine.reconcile.aggregates import refresh_backlog
from reconciler.engine.repair.place import Entry, enter_at_migration
from reconciler.errors import DatabaseDisagrees, Exit
from reconciler.ports import Mandate
from reconciler.settings import Need, Settings
from reconciler.store import migrate
from reconciler.store.drill import shadow_tables
from reconciler.store.ledger import sources
from reconciler.wiring import assembly


def run(*, sql: bool, role: str | None, place: str | None, config: str | None, defaults: bool) -> Exit:
    """Create or update our own schema, `reconciler`, in the database of DATABASE_URL."""
    if role and not sql:
        raise click.UsageError("--role requires --sql: without it, the role of DATABASE_URL owns the schema")
    if place and sql:
        raise click.UsageError("--same-installation and --new-installation are about a database: not with --sql")
    if role is not None and (not role or not role.isprintable()):
        raise click.UsageError(ROLE_NAME)
    if sql:
        wanted = assembly.application(configuration.settings(config, Need.FILE, defaults=defaults))
        click.echo(migrate.schema_script(wanted.bookings, role, shadow_tables.shadow_tables_script(wanted)), nl=False)
        return Exit.AS_DESIRED
    settings = configuration.settings(config, Need.DATABASE, writes=True, defaults=defaults)
    with assembly.database(settings) as database:
        wanted = assembly.application(settings)
        before, after = migrate.upgrade(database)
        with database.transaction() as connection:
            sources.register(connection, wanted.bookings.quoted)
        with assembly.postgres_store(settings, database).writing() as tx:
            entry = enter_at_migration(tx, place, tx.ledger.now())
        refreshed = shadow_tables.refresh(database, wanted)
    if before == after:
        click.echo(f"schema reconciler is up to date ({after})")
    else:
        click.echo(f"schema reconciler: {f'{before} -> {after}' if before else f'created at {after}'}")
    if place or not place_fault(entry.view):  # a copy of another database counts nothing
        _show_backlog(settings)
    _show_copies(refreshed)
    return _show_place(entry, place)


_DECIDED = (CautionReason.ANOTHER_PLACE, CautionReason.BEACON_SETTLED, CautionReason.NEW_INSTALLATION)
"""The cautions that begin with a person's decision."""


def _show_place(entry: Entry, decided: str | None) -> Exit:
    """Whether this is the database that the installation is bound to, or has just become it."""
    view, fault = entry.view, acting_fault(entry.view, entry.beacon)
    if decided and entry.caution in _DECIDED:
        click.echo(
            f"bound to {view.here} as {'the same' if decided == 'same' else 'a new'} installation; caution begins"
        )
        return Exit.AS_DESIRED
    if entry.caution:
        click.echo(f"caution begins: {caution_seen(entry.caution)}. {CAUTION_MEANS}")
    if view.status is PlaceStatus.NEVER_BOUND:
        click.echo(bound_unseen(view.here))
        return Exit.AS_DESIRED
    if fault is None:
        return Exit.AS_DESIRED
    click.echo(f"acting is refused: {fault.seen}\nremedy: {fault.remedy}", err=True)
    return Exit.REFUSED_AS_UNSAFE


def _show_backlog(settings: Settings) -> None:
    """Count and show what the passes will leave alone from now on."""
    with assembly.services(settings, Mandate(act=True)) as services:
        try:
            counted = refresh_backlog(services)
        except DatabaseDisagrees as error:
            click.echo(f"backlog: unknown: {error}")
            return
    if counted and counted.is_open:
        click.echo(f"backlog: {counted.says(settings.file.timezone)}")
        click.echo(
            "they are left alone: repair them with `reconciler backfill`, or write them off with "
            "`reconciler open --write-off`"
        )


def _show_copies(refreshed: shadow_tables.RefreshResult) -> None:
    """Show the state of the copies. Only `reconciler drill` needs them."""
    if refreshed.made:
        click.echo(f"copies of the application's tables for the fire drill: {refreshed.made} created")
    for problem in refreshed.problems:
        click.echo(f"no fire drill yet: {problem}")
    if refreshed.problems:
        click.echo(
            "remedy: run it again once the tables exist and SELECT on them is granted, or give the SQL of "
            "`reconciler migrate --sql --role ROLE` to the owner of our schema"
        )
