"""The options of ``reconciler once``."""

import click

from reconciler.cli.options import config_option, defaults_option


@click.command("once")
@click.argument("jobs", nargs=-1, metavar="[JOB]...")
@click.option("--do", "act", is_flag=True, help="Repair. Without it, nothing is written anywhere.")
@click.option(
    "--max",
    "max_repairs",
    type=click.IntRange(min=0),
    metavar="N",
    help="Continue for one run although the breaker refuses. It refuses again if more than N new repairs are found.",
)
@click.option(
    "--max-removals",
    type=click.IntRange(min=0),
    metavar="N",
    help="The same for events that are to be removed. --max approves no removal.",
)
@click.option(
    "--scheduled",
    is_flag=True,
    help="With --do: check in at Sentry and call the heartbeats. For runs that a scheduler such as Kubernetes starts.",
)
@config_option
@defaults_option
def command(
    jobs: tuple[str, ...],
    act: bool,
    max_repairs: int | None,
    max_removals: int | None,
    scheduled: bool,
    config: str | None,
    defaults: bool,
) -> int:
    """Run the named jobs once. Without JOB, run all but the fire drill.

    A job scans, plans, and shows the plan. With --do it also records, repairs and alerts. Without --do it needs
    DATABASE_URL and SELECT privileges only, and works before `reconciler migrate`. It checks in at Sentry only with
    --scheduled.
    """
    from reconciler.cli.once import run
    from reconciler.ports import Mandate

    mandate = Mandate(act=act, max_repairs=max_repairs, max_removals=max_removals)
    return run(jobs, mandate, scheduled=scheduled, config=config, defaults=defaults)
