"""``reconciler status``: the last passes, and what is open."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import click

from reconciler.cli import configuration
from reconciler.cli.output import UNKNOWN, console, removal
from reconciler.cli.together_output import together_lines
from reconciler.domain.alerting.alerts import command_of, continue_command
from reconciler.domain.beacon import acting_fault, beacon_says
from reconciler.domain.decide.verdicts import BY_APPROVAL, LABELS
from reconciler.domain.formatting import ago
from reconciler.domain.intents import State
from reconciler.domain.place import Caution, caution_seen
from reconciler.domain.rules.registry import find_aggregate
from reconciler.engine.reconcile.results import EVENTS_REMOVED, REMOVED
from reconciler.errors import Exit, most_urgent
from reconciler.service.scans import unknown_in_force
from reconciler.settings import Need
from reconciler.settings.file.values import write_duration
from reconciler.store.ledger.installation.beacon import BeaconRow
from reconciler.store.views.status import GapState, LastRun, OpenGaps, StatusSnapshot, status_snapshot
from reconciler.store.views.together import Together
from reconciler.wiring import assembly


def run(*, as_json: bool, config: str | None) -> Exit:
    """Show the last passes and the open gaps; the exit code depends on what is open."""
    settings = configuration.settings(config, Need.DATABASE)
    with assembly.database(settings) as database:
        seen = status_snapshot(database, settings.runner().scope)
    seen = replace(seen, unknown=unknown_in_force(settings.file, seen.unknown))
    if as_json:
        click.echo(json.dumps(as_data(seen, settings.file.bookings.full_scan), indent=2))
    else:
        _show(seen, settings.file.timezone)
        within = write_duration(settings.file.bookings.full_scan)
        console().print(f"full scan every {within}: so late an old booking that becomes due is seen", markup=False)
    return status_exit_code(seen)


def status_exit_code(seen: StatusSnapshot) -> Exit:
    """The most urgent exit code of all open items, by the order that ``once`` uses."""
    if acting_fault(seen.place, seen.beacon.status):
        return Exit.REFUSED_AS_UNSAFE
    codes = set()
    if not seen.runs or seen.unknown or seen.number(GapState.REPAIRABLE) or seen.number(GapState.HELD):
        codes.add(Exit.WORK_LEFT)
    if seen.gaps or seen.unsettled:
        codes.add(Exit.NEEDS_A_HUMAN)
    return most_urgent(codes, human_first=any(gaps.kind.is_integration for gaps in seen.gaps))


def as_data(seen: StatusSnapshot, full_scan: timedelta) -> dict[str, object]:
    """The snapshot for scripts: stable names, times in ISO 8601, UTC."""
    return {
        "at": seen.at.isoformat(),
        # So late an old booking that becomes due is seen.
        "full_scan_seconds": int(full_scan.total_seconds()),
        "place": {"status": seen.place.status.value, **_caution_data(seen.place.caution)},
        "beacon": _beacon_data(seen.beacon),
        "jobs": [
            {
                "job": run.job,
                "started_at": run.started_at.isoformat(),
                "finished_at": run.finished_at.isoformat() if run.finished_at else None,
                "result": run.result,
                "counts": run.counts,
            }
            for run in seen.runs
        ],
        # What earlier runs recorded and did not close; null rather than 0 while a rule could not be scanned.
        "open": {state.name.lower(): seen.number(state) or (None if seen.unknown else 0) for state in GapState},
        "unknown": [{"kind": kind.value, "why": why} for kind, why in seen.unknown.items()],
        "unsettled": dict(seen.unsettled),
        **together_data(seen.together),
        "gaps": [
            {
                "kind": gaps.kind.value,
                "cause": gaps.cause.value,
                "reason": gaps.reason,
                "turn": gaps.state.value,
                "count": gaps.number,
                "oldest": gaps.oldest.isoformat(),
                "command": _command(gaps),
            }
            for gaps in seen.gaps
        ],
    }


def together_data(seen: Together) -> dict[str, object]:
    """The backlog and the coverage for scripts; null before the first count."""
    backlog, coverage = seen.backlog, seen.coverage
    return {
        "backlog": {
            "open": backlog.is_open,
            "before": backlog.since.isoformat(),
            "counted_at": backlog.at.isoformat() if backlog.at else None,
            "counts": {str(kind): number for kind, number in backlog.counts.items()},
            "written_off": seen.written_off,
        }
        if backlog
        else None,
        "coverage": {
            "new_bookings": coverage.of,
            "share": _rounded(coverage.share),
            "usual": _rounded(coverage.usual),
            "counted_at": coverage.at.isoformat(),
        }
        if coverage
        else None,
    }


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)


def _show(seen: StatusSnapshot, zone: ZoneInfo) -> None:
    out = console()
    _show_refusal(seen)
    for line in together_lines(seen.together, seen.at, zone):
        out.print(line, markup=False, soft_wrap=True)
    _show_caution(seen)
    _show_beacon(seen)
    if not seen.runs:
        out.print("no pass has run yet: reconciler once --do")
    for run in seen.runs:
        out.print(f"{run.job:<18} {_when(run, seen.at):<24} {_found(run)}", markup=False, soft_wrap=True)
    for gaps in seen.gaps:
        why = gaps.seen if find_aggregate(gaps.kind) else LABELS.get(gaps.reason, gaps.reason)
        named = f"{gaps.kind} / {gaps.cause}"
        age = ago(seen.at - gaps.oldest)
        out.print(f"{gaps.state:<11} {gaps.number:>4}  {named:<36} {why} (oldest {age})", markup=False, soft_wrap=True)
        if gaps.reason in BY_APPROVAL:
            out.print(f"{'':<17} to continue: {_command(gaps)}", markup=False, soft_wrap=True)
    alone = [gaps for gaps in seen.gaps if gaps.state is GapState.NEEDS_HUMAN]
    if alone:
        out.print("needs a human:")
    for gaps in alone:
        command = command_of(gaps.kind, gaps.reference)
        out.print(f"{gaps.number:>15}  {f'{gaps.kind} / {gaps.cause}':<36} {command}", markup=False, soft_wrap=True)
    for what, number in seen.unsettled.items():
        out.print(f"unsettled  {number:>4}  {what}: {_unsettled(what)}", markup=False, soft_wrap=True)
    for kind, why in seen.unknown.items():
        out.print(f"{'unknown':<11} {'?':>4}  {kind:<36} {why}", markup=False, soft_wrap=True)
    none = UNKNOWN if seen.unknown else "0"
    out.print(" · ".join(f"{seen.number(state) or none} {state}" for state in GapState), markup=False)


def _show_refusal(seen: StatusSnapshot) -> None:
    out, fault = console(), acting_fault(seen.place, seen.beacon.status)
    if fault:
        out.print(f"REFUSED: {fault.seen}", markup=False, soft_wrap=True)
        out.print(f"remedy: {fault.remedy}", markup=False, soft_wrap=True)


def _show_caution(seen: StatusSnapshot) -> None:
    out, caution = console(), seen.place.caution
    if caution:
        began = ago(seen.at - caution.since)
        out.print(f"caution since {began} ago: {caution_seen(caution.reason)}", markup=False, soft_wrap=True)


def _show_beacon(seen: StatusSnapshot) -> None:
    beacon = seen.beacon
    if beacon.status is None:
        return
    renewed = f", renewed {ago(seen.at - beacon.renewed_at)} ago" if beacon.renewed_at else ""
    console().print(f"beacon: {beacon_says(beacon.status, beacon.code)}{renewed}", markup=False, soft_wrap=True)


def _beacon_data(beacon: BeaconRow) -> dict[str, str | None]:
    return {
        "status": beacon.status.value if beacon.status else None,
        "code": beacon.code or None,
        "asked_at": beacon.asked_at.isoformat() if beacon.asked_at else None,
        "renewed_at": beacon.renewed_at.isoformat() if beacon.renewed_at else None,
    }


def _caution_data(caution: Caution | None) -> dict[str, str | None]:
    return {
        "caution_since": caution.since.isoformat() if caution else None,
        "caution_reason": caution.reason.value if caution else None,
    }


def _command(gaps: OpenGaps) -> str:
    """What shows the details, or what ends a hold that waits for a person's approval."""
    if gaps.reason in BY_APPROVAL:
        return continue_command(gaps.kind, gaps.number)
    return command_of(gaps.kind, gaps.reference)


def _unsettled(what: str) -> str:
    if what.endswith(State.NEEDS_HUMAN):
        return "outcome unknown, needs a human: reconciler resolve"
    return "outcome unknown, being settled"


COUNTED = {"repaired": "repaired", "left": "left", "needs_human": "need a human"}


def _when(run: LastRun, at: datetime) -> str:
    if run.finished_at is None:
        return f"UNFINISHED, started {ago(at - run.started_at)} ago"
    return f"{ago(at - run.finished_at)} ago"


def _found(run: LastRun) -> str:
    if run.result is None:
        return "it is running, or it died: the next pass continues its work"
    said = run.result.replace("_", " ")
    removed = {name.removeprefix(REMOVED): number for name, number in run.counts.items() if name.startswith(REMOVED)}
    if removed:
        return f"{said}: {removal('removed', removed)}"
    if "checked" not in run.counts and not any(run.counts.values()):
        return said  # the job checks no bookings, or had no repair to settle
    numbers = ", ".join(f"{run.counts.get(name, 0)} {said}" for name, said in COUNTED.items())
    gone = run.counts.get(EVENTS_REMOVED, 0)
    return f"{said}: {numbers}" + (f", {gone} {'event' if gone == 1 else 'events'} removed" if gone else "")
