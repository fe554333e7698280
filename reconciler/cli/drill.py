"""``reconciler drill``: an end-to-end self-test, from the scheduler to Sentry."""

import json
import logging

import click

from reconciler.cli import configuration
from reconciler.cli.output import console, fault_lines
from reconciler.domain.drill import NOT_PROVEN, DrillResult, LinkResult
from reconciler.domain.formatting import ago
from reconciler.errors import Exit, ReconcilerError
from reconciler.reporting import logs
from reconciler.service.lateness import expected, late
from reconciler.settings import Need, Settings
from reconciler.store.views.status import last_finished
from reconciler.wiring import assembly


def run(*, as_json: bool, config: str | None, defaults: bool) -> int:
    """Run the fire drill and show each link of the chain."""
    logs.set_up_with_first_line(logging.WARNING)
    settings = configuration.settings(config, Need.DRILL, writes=True, defaults=defaults)
    drilled = assembly.run_fire_drill(settings, lambda: _late(settings))
    if as_json:
        click.echo(json.dumps(as_data(drilled), indent=2))
    else:
        _show(drilled)
    return Exit.NEEDS_A_HUMAN if drilled.faults else Exit.AS_DESIRED


def _late(settings: Settings) -> str:
    """The jobs that are late; a job that has never finished a run does not count."""
    try:
        with assembly.database(settings) as database:
            finished, now = last_finished(database, expected(settings.file), settings.runner().scope)
    except ReconcilerError:
        return ""  # the next link reports this failure
    return "; ".join(
        f"{one.job} finished last {ago(now - one.finished_at)} ago, wanted {one.schedule}"
        for one in late(settings.file, finished, now)
        if one.finished_at
    )


def as_data(drilled: DrillResult) -> dict[str, object]:
    """The result for scripts: stable names, durations in seconds."""
    return {
        "ok": not drilled.faults,
        "seconds": round(drilled.took.total_seconds(), 3),
        "links": [_link(tried) for tried in drilled.links],
        "planted": [kind.value for kind in drilled.planted],
        "not_proven": list(NOT_PROVEN),
    }


def _link(tried: LinkResult) -> dict[str, object]:
    said: dict[str, object] = {"link": tried.link.value, "came": tried.status.name.lower()}
    said["seconds"] = round(tried.took.total_seconds(), 3)
    if tried.fault:
        fault = tried.fault
        said |= {"code": fault.code, "seen": fault.seen, "remedy": fault.remedy, "sql": fault.sql}
    return said


def _show(drilled: DrillResult) -> None:
    out = console()
    links = " · ".join(f"{tried.link} {tried.status}" for tried in drilled.links)
    lines = [f"{links} ({drilled.took.total_seconds():.1f} s)"]
    for tried in drilled.links:
        if tried.fault:
            _, *remedy = fault_lines(tried.fault)
            lines += [f"FAIL  {tried.link}  {tried.fault.seen}", *remedy]
    if drilled.planted:
        lines.append(f"planted in empty copies of the tables, and rolled back: {', '.join(drilled.planted)}")
    lines.append(f"not proven by this: {'; '.join(NOT_PROVEN)} (reconciler doctor)")
    for line in lines:
        out.print(line, soft_wrap=True, markup=False)
