"""Many scenarios, by two workers, each with a server and a zygote of its own."""

import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.queues import Queue
from typing import Any

from reconciler.sandbox.postgres import EmbeddedPostgres
from tests.chaos import drawing
from tests.chaos.disasters import DISASTERS
from tests.chaos.mutants import MUTANTS
from tests.chaos.playing import Verdict, play
from tests.chaos.stage import Stage, prepare
from tests.chaos.zygote import Zygote
from tests.support.application_db import Venue

WORKERS = 2
HUNTS = 3
WITHIN, ALONE, LAGGING, FROZEN, MUTANT = "within", "ledger alone", "lagging", "frozen", "mutant"
DRAWN = {WITHIN: drawing.drawn, ALONE: drawing.alone, LAGGING: drawing.lagging, FROZEN: drawing.frozen, **DISASTERS}
Job = tuple[str, Any]
"""A run and the seed in it; of mutants, the name."""


@contextmanager
def own_stage() -> Iterator[Stage]:
    with EmbeddedPostgres() as postgres, Zygote() as zygote:
        postgres.create_application("application")
        postgres.create_database("migrated", "application")
        Venue(postgres, "migrated").migrate()
        prepare(postgres, "migrated")
        yield Stage(postgres, zygote)


def play_job(stage: Stage, job: Job) -> Verdict:
    run, which = job
    return hunt(stage, which) if run == MUTANT else play(stage, DRAWN[run](which))


def hunt(stage: Stage, name: str) -> Verdict:
    """Play a mutant until it is caught, three times at most: on a busy machine a pass may come too late for it."""
    mutant = MUTANTS[name]
    for _ in range(HUNTS):
        verdict = play(stage, mutant.scenario, name)
        if mutant.leads_to in {problem.kind for problem in verdict.problems}:
            break
    return verdict


def played(jobs: Sequence[Job]) -> Iterator[tuple[Job, Verdict]]:
    """The verdicts of all workers, as they come."""
    context = multiprocessing.get_context("spawn")
    wanted, verdicts = context.Queue(), context.Queue()
    for job in [*jobs, *[None] * WORKERS]:
        wanted.put(job)
    workers = [context.Process(target=_work, args=(wanted, verdicts), daemon=True) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    running = WORKERS
    while running:
        verdict = verdicts.get()
        if verdict is None:
            running -= 1
        else:
            yield verdict
    for worker in workers:
        worker.join()


def _work(wanted: "Queue[Any]", verdicts: "Queue[Any]") -> None:
    """Play what is wanted until there is no more."""
    try:
        with own_stage() as stage:
            for job in iter(wanted.get, None):
                verdicts.put((job, play_job(stage, job)))
    finally:
        verdicts.put(None)
