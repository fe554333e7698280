"""The options of ``reconciler open``."""

import click

from reconciler.cli.options import config_option, defaults_option


@click.command("open")
@click.argument("bookings", nargs=-1, metavar="[BOOKING]..")
@click.option("--write-off", is_flag=True, help="Write off the backlog, or only the given bookings of it.")
@click.option("--take-back", is_flag=True, help="Undo the write-off of the given bookings; of all, if none is given.")
@click.option("--reason", metavar="TEXT", help="Why. Required with --write-off and --take-back; kept in the ledger.")
@click.option("--by", metavar="NAME", help="Who decides; the user of this system if not given. Kept in the ledger.")
@click.option("--do", "act", is_flag=True, help="Record it. Without --do, only show what would follow.")
@config_option
@defaults_option
def command(
    bookings: tuple[str, ...],
    write_off: bool,
    take_back: bool,
    reason: str | None,
    by: str | None,
    act: bool,
    config: str | None,
    defaults: bool,
) -> int:
    """List what needs a human: the backlog, gaps that only a person can close, and unsettled repairs.

    The backlog is the bookings from before the installation that break a rule. Passes leave them alone. `reconciler
    backfill` repairs them; --write-off says that they stay as they are. BOOKING is a booking's id, or its start.
    """
    from reconciler.cli.open import run

    if write_off and take_back:
        raise click.UsageError("--write-off and --take-back do not go together")
    word = "write_off" if write_off else "take_back" if take_back else None
    return run(bookings, word=word, reason=reason, by=by, act=act, config=config, defaults=defaults)
