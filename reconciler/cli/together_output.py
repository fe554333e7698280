"""The backlog and the coverage as lines of the terminal."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from reconciler.domain.decide.backlog import BacklogCount
from reconciler.domain.explain.coverage import coverage_line
from reconciler.domain.formatting import ago
from reconciler.domain.gaps import GapKind
from reconciler.engine.reconcile.results import PassResult
from reconciler.store.views.together import Together

NEXT = "backlog: reconciler open lists it; reconciler backfill repairs, reconciler open --write-off writes off"
TITLES = {GapKind.COVERAGE_DROPPED: ("coverage", "coverage.dropped")}
"""The beginning of the first line and of the others, where it is not the rule's name."""


def together_lines(seen: Together, at: datetime, zone: ZoneInfo) -> Iterator[str]:
    """What ``status`` shows first."""
    if seen.open_backlog:
        yield backlog_line(seen.open_backlog, at, zone)
    elif seen.written_off:
        yield f"{'backlog':<17} none; {seen.written_off:,} written off: reconciler open"
    if seen.coverage:
        counted = seen.coverage
        said = coverage_line(counted.of, counted.share, counted.usual)
        yield f"{'coverage':<17} {said}, counted {ago(at - counted.at)} ago"


def backlog_line(backlog: BacklogCount, at: datetime, zone: ZoneInfo) -> str:
    """The backlog, and the age of the count."""
    age = f" (counted {ago(at - backlog.at)} ago)" if backlog.at else ""
    return f"{'backlog':<17} {backlog.says(zone)}{age}"


def aggregate_lines(results: Sequence[PassResult]) -> Iterable[str]:
    """What ``once`` shows below its table."""
    for result in results:
        if result.kind and result.aggregate:
            first, others = TITLES.get(result.kind, (str(result.kind), str(result.kind)))
            for number, line in enumerate(result.aggregate.lines):
                yield f"{others if number else first:<17} {line}"
