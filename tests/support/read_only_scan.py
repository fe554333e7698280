"""A look with SELECT rights only, as an operator's first one."""

from pathlib import Path
from tempfile import TemporaryDirectory

from reconciler.cli.once import run_jobs
from reconciler.engine.jobs import available
from reconciler.engine.reconcile.results import PassResult
from reconciler.ports import Mandate
from reconciler.settings import load
from reconciler.wiring import assembly
from tests.support.application_db import Venue
from tests.support.clock import StandingClock


def scan_as_reader(venue: Venue) -> list[PassResult]:
    clock = StandingClock(venue.now)
    environment = {"DATABASE_URL": venue.url("reconciler_reader")}
    with TemporaryDirectory() as folder:
        file = Path(folder) / "cron.yaml"
        file.write_text("repairs: report\n")
        settings = load(file, environment)
    with assembly.services(settings, Mandate(act=False), clock) as services:
        return run_jobs(available(), services)
