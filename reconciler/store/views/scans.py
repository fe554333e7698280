"""Which rules the last finished run of their job could not scan: how many gaps they have is unknown."""

from collections.abc import Mapping

from sqlalchemy import Connection, text

from reconciler.domain.gaps import UNSCANNED, GapKind
from reconciler.domain.rules.registry import ALL_RULES, JOBS

NEVER, NOT_DONE = "not scanned yet", "the last run could not scan"
# One index entry per job, however many runs there were.
_LAST = text("""
    SELECT job.name, last.counts FROM unnest(CAST(:jobs AS text[])) AS job(name),
    LATERAL (SELECT counts FROM reconciler.run AS run
             WHERE run.job = job.name AND run.scope = :scope AND finished_at IS NOT NULL
             ORDER BY started_at DESC, id DESC LIMIT 1) AS last
""")


def unknown_kinds(connection: Connection, scope: str) -> Mapping[GapKind, str]:
    """The kinds whose number of gaps is unknown, each with the reason; rules that are off are among them."""
    rows = connection.execute(_LAST, {"jobs": list(JOBS), "scope": scope})
    counts: dict[str, dict[str, int]] = {name: found or {} for name, found in rows}
    return {
        kind: NEVER if rule.job not in counts else NOT_DONE
        for rule in ALL_RULES
        for kind in rule.kinds
        if rule.job not in counts or UNSCANNED + rule.kind in counts[rule.job]
    }
