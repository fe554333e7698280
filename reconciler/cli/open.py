"""``reconciler open``: what needs a human, and the writing off of the backlog."""

import getpass
from collections.abc import Iterator, Sequence

import click

from reconciler.cli import configuration
from reconciler.cli.output import console, counted, plain_reference
from reconciler.domain.alerting.alerts import command_of
from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.backlog import BacklogCount, day_of
from reconciler.domain.decide.verdicts import LABELS
from reconciler.domain.gaps import GapKind
from reconciler.domain.rules.registry import rule_of
from reconciler.engine import backlog
from reconciler.engine.backlog import BacklogList
from reconciler.errors import DatabaseDisagrees, Exit
from reconciler.ports import Mandate, Services
from reconciler.settings import Need, Settings
from reconciler.store.views.status import GapState, OpenGaps, status_snapshot
from reconciler.wiring import assembly

LONGEST = 500
"""Characters of a reason or a name that the ledger keeps."""
NAMED = 10
"""Bookings that are named for each rule; the others are only counted."""


def run(
    bookings: Sequence[str],
    *,
    word: str | None,
    reason: str | None,
    by: str | None,
    act: bool,
    config: str | None,
    defaults: bool,
) -> Exit:
    """List what needs a human; with ``word``, write bookings of the backlog off, or take that back."""
    if word is None and (bookings or reason or by or act):
        raise click.UsageError("BOOKING, --reason, --by and --do need --write-off or --take-back")
    settings = configuration.settings(config, Need.DATABASE, writes=act, defaults=defaults)
    with assembly.services(settings, Mandate(act=act)) as services:
        if word is None:
            return _list(settings, services)
        why, who = _text("--reason", reason), _text("--by", by or _user())
        if word == "write_off":
            return _write_off(bookings, why, who, settings, services, act=act)
        return _take_back(bookings, why, who, services, act=act)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        raise click.UsageError("this system's user has no name: say who decides with --by") from None


def _text(option: str, value: str | None) -> str:
    said = " ".join((value or "").split())
    if not said or not said.isprintable() or len(said) > LONGEST:
        raise click.UsageError(f"{option} needs a text of up to {LONGEST} printable characters")
    return said


def _list(settings: Settings, services: Services) -> Exit:
    with assembly.database(settings) as database:
        seen = status_snapshot(database, settings.runner().scope)
    try:
        known = backlog.read(services)
    except DatabaseDisagrees as error:
        known, lines = BacklogList(count=None), [f"backlog unknown: {error}"]
    else:
        lines = [*_backlog_lines(known, settings)]
    lines += [*map(_gap_line, _gaps(seen.gaps))]
    lines += [f"{number:>5}  {what}: reconciler resolve" for what, number in seen.unsettled.items()]
    out = console()
    for line in lines:
        out.print(line, markup=False, soft_wrap=True)
    for done in known.written_off:
        label = rule_of(done.kind).backlog_label
        day = day_of(done.at, settings.file.timezone)
        out.print(
            f"written off: {done.number:,} {label}, by {done.by} on {day}: {done.reason}", markup=False, soft_wrap=True
        )
    if not lines:
        out.print("nothing needs a human")
    return Exit.NEEDS_A_HUMAN if lines else Exit.AS_DESIRED


def _backlog_lines(known: BacklogList, settings: Settings) -> Iterator[str]:
    if known.count is None or not known.count.is_open:
        return
    yield f"backlog {known.count.says(settings.file.timezone)}"
    for kind, bookings in known.bookings.items():
        if bookings:
            more = f" and {len(bookings) - NAMED:,} more" if len(bookings) > NAMED else ""
            yield f"  {rule_of(kind).backlog_label}: {', '.join(map(plain_reference, bookings[:NAMED]))}{more}"
    yield "  to repair them: reconciler backfill; to write them off: reconciler open --write-off --reason TEXT --do"


def _gaps(gaps: Sequence[OpenGaps]) -> list[OpenGaps]:
    return [one for one in gaps if one.state is GapState.NEEDS_HUMAN and one.kind != GapKind.BACKLOG]


def _gap_line(gaps: OpenGaps) -> str:
    why = gaps.seen or LABELS.get(gaps.reason, gaps.reason)
    return f"{gaps.number:>5}  {gaps.kind}: {why}  {command_of(gaps.kind, gaps.reference)}".rstrip()


def _write_off(
    given: Sequence[str], reason: str, by: str, settings: Settings, services: Services, *, act: bool
) -> Exit:
    known = backlog.read(services, _bookings(given, services) if given else None)
    if known.count is None:
        raise click.UsageError("there is no backlog to write off: our schema does not exist yet, or the rule is off")
    chosen = {kind: bookings for kind, bookings in known.bookings.items() if bookings}
    said = ", ".join(f"{len(bookings):,} {rule_of(kind).backlog_label}" for kind, bookings in chosen.items())
    if not chosen:
        click.echo("nothing to write off" + (": none of these bookings is in the backlog" if given else ""))
        return Exit.AS_DESIRED
    if not act:
        click.echo(f"would write off: {said}. By {by}, because: {reason}. Nothing was written; use --do")
        return Exit.WORK_LEFT
    left = backlog.write_off(chosen, by, reason, services)
    click.echo(f"written off: {said}. By {by}, because: {reason}. To undo it: reconciler open --take-back")
    return _left(left, settings)


def _left(left: BacklogCount | None, settings: Settings) -> Exit:
    if left and left.is_open:
        click.echo(f"backlog {left.says(settings.file.timezone)}")
        return Exit.NEEDS_A_HUMAN
    return Exit.AS_DESIRED


def _take_back(given: Sequence[str], reason: str, by: str, services: Services, *, act: bool) -> Exit:
    bookings = _bookings(given, services) if given else None
    if not act:
        click.echo(
            f"would undo the write-off of {counted(len(given), 'booking') if given else 'all bookings'}; use --do"
        )
        return Exit.WORK_LEFT
    number = backlog.take_back(bookings, by, reason, services)
    click.echo(f"{counted(number, 'write-off')} undone, by {by}: {reason}")
    return Exit.AS_DESIRED


def _bookings(given: Sequence[str], services: Services) -> list[BookingId]:
    found = []
    with services.store.reading() as tx:
        for written in given:
            begin = tx.bookings.beginning_with(written.strip(), 2) if written.strip() else []
            if not begin:
                raise click.UsageError(f"BOOKING {written}: no booking's id begins with this")
            if len(begin) > 1 and begin[0].lower() != written.strip().lower():
                raise click.UsageError(f"BOOKING {written}: several ids begin with this; give more characters")
            found.append(begin[0])
    return found
