"""Many scenarios, by two workers, each with a server and a zygote of its own."""

import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.queues import Queue
from typing import Any

from reconciler.sandbox.postgres import EmbeddedPostgres
from tests.chaos import drawing
from tests.chaos.playing import Verdict, play
from tests.chaos.stage import Stage, prepare
from tests.chaos.zygote import Zygote
from tests.support.venue import Venue

WORKERS = 2
BEYOND = 10
"""Seeds of each run beyond the bounds."""
DRAWINGS = {"within": drawing.drawn, "lagging": drawing.lagging, "frozen": drawing.frozen}


@contextmanager
def stage() -> Iterator[Stage]:
    """A server, a zygote and a template of its own."""
    with EmbeddedPostgres() as postgres, Zygote() as zygote:
        postgres.create_application("application")
        postgres.create_database("migrated", "application")
        Venue(postgres, "migrated").migrate()
        prepare(postgres, "migrated")
        yield Stage(postgres, zygote)


def work(wanted: "Queue[Any]", verdicts: "Queue[Any]") -> None:
    """Play what is wanted until there is no more."""
    with stage() as mine:
        for run, seed in iter(wanted.get, None):
            verdicts.put((run, play(mine, DRAWINGS[run](seed))))
    verdicts.put(None)


def played(jobs: Sequence[tuple[str, int]]) -> Iterator[tuple[str, Verdict]]:
    """The verdicts, as they come, from all workers."""
    context = multiprocessing.get_context("spawn")
    wanted, verdicts = context.Queue(), context.Queue()
    for job in [*jobs, *[None] * WORKERS]:
        wanted.put(job)
    workers = [context.Process(target=work, args=(wanted, verdicts)) for _ in range(WORKERS)]
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
