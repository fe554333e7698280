"""A report-only rule that is added as one file: scan, explain, doctor, page, metrics, settings and drill have it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from reconciler.errors import Exit
from tests.support.application_db import Venue
from tests.support.command import Ran, environment
from tests.support.status_page import CRON_YAML, Site, site

KIND = "sms.withdrawn"
RULE = """
from datetime import timedelta

from reconciler.domain.decide.verdicts import Condition, Refusal
from reconciler.domain.gaps import Cause, GapKind
from reconciler.domain.rules.rule import TO_REPORT, DrillGap, PlantedText, Report, Rule

RULE = Rule(
    kind=GapKind("sms.withdrawn"),
    order=35,
    summary="A text was sent, and its row says cancelled. This rule only reports.",
    job="sms_delivery",
    effect=None,
    conditions=(*TO_REPORT, Condition.OVERDUE),
    refusals=(Refusal.NOT_SENT,),
    report=Report(
        refusal=Refusal.NOT_SENT,
        statuses=("cancelled",),
        times=("sent_at", "created_at"),
        after=timedelta(hours=3),
        after_means="cancelled this long ago: a gap",
    ),
    remedies={Cause.APP_FAILED: "find out who cancels texts that were sent"},
    backlog_label="with a text that was withdrawn",
    drill=(
        DrillGap(
            kind=GapKind("sms.withdrawn"),
            text=PlantedText(statuses=("cancelled",), is_sent=True, has_proof=True),
            names_event=True,
            events=1,
        ),
    ),
)
"""
COMMAND = """
import sys

from reconciler.domain import rules

rules.__path__.append(sys.argv[1])

from reconciler.cli.main import run

sys.exit(run(sys.argv[2:]))
"""
SERVE = ("serve", "--listen", "127.0.0.1:0")


class Installation:
    """The command with the rule's file among the others, as a child process: a registry is read once per process."""

    def __init__(self, page: Site, folder: Path) -> None:
        self.page, self.folder = page, folder
        (folder / "rules").mkdir()
        (folder / "rules" / "sms_withdrawn.py").write_text(RULE)
        self.variables = environment(page.sandbox.environment() | {"RECONCILER_CONFIG": str(folder / "cron.yaml")})

    def arguments(self, *arguments: str) -> list[str]:
        return [sys.executable, "-c", COMMAND, str(self.folder / "rules"), *arguments]

    def __call__(self, *arguments: str, cron_yaml: str = CRON_YAML) -> Ran:
        (self.folder / "cron.yaml").write_text(cron_yaml)
        done = subprocess.run(
            self.arguments(*arguments), env=self.variables, capture_output=True, text=True, timeout=90, check=False,
        )  # fmt: skip
        return Ran(code=done.returncode, out=done.stdout, err=done.stderr)

    def served(self, *paths: str) -> list[str]:
        """What the page answers."""
        child = subprocess.Popen(
            self.arguments(*SERVE), env=self.variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        try:
            assert child.stdout is not None
            url = child.stdout.readline().split()[-1].rstrip("/")
            return [requests.get(url + path, timeout=20).text for path in paths]
        finally:
            child.kill()
            child.communicate()


@pytest.fixture
def installation(venue: Venue, tmp_path: Path) -> Iterator[Installation]:
    with site(venue, tmp_path) as page:
        yield Installation(page, tmp_path)


def withdrawn(venue: Venue) -> str:
    booking = venue.booking()
    venue.text(booking, status="cancelled", sent_at=venue.now - timedelta(hours=4), twilio_message_sid=f"SM{'4' * 32}")
    return booking


def test_its_gaps_are_found_and_shown_everywhere(installation: Installation) -> None:
    venue = installation.page.venue
    booking = withdrawn(venue)
    scanned = installation("once", "sms_delivery", "--do")
    assert (scanned.code, scanned.err) == (Exit.NEEDS_A_HUMAN, "")
    assert KIND in scanned.out
    assert venue.sql("SELECT kind, about, cause, reason FROM reconciler.gap WHERE closed_at IS NULL") == [
        (KIND, booking, "app_failed", "not_sent")
    ]

    explained = installation("explain", booking).out
    assert f"{KIND}: queued, but not sent by the application, cause app_failed" in explained
    assert "next: " in explained.partition(KIND)[2]

    page, metrics = installation.served("/", "/metrics")
    assert KIND in page
    assert f'reconciler_gaps_open{{kind="{KIND}"}} 1.0' in metrics

    assert KIND in installation("status").out


def test_the_doctor_checks_what_it_needs(installation: Installation) -> None:
    off = "{policy: off}"
    alone = f"rules: {{sms.missing: {off}, sms.stuck: {off}, sms.unproven: {off}, calendar.missing: {off}}}\n"
    installation.page.venue.alter(
        "ALTER TABLE public.private_booking_sms_queue"
        " ADD CONSTRAINT never_cancelled CHECK (status <> 'cancelled') NOT VALID"
    )
    assert "cancelled" in installation("doctor", cron_yaml=alone).out
    silent = alone.replace("rules: {", f"rules: {{{KIND}: {off}, ")
    assert "cancelled" not in installation("doctor", cron_yaml=silent).out


def test_it_has_a_section_of_cron_yaml(installation: Installation) -> None:
    venue = installation.page.venue
    withdrawn(venue)
    patient = f"{CRON_YAML.replace('rules: {', f'rules: {{{KIND}: {{after: 5h}}, ')}"
    assert installation("once", "sms_delivery", cron_yaml=patient).code == Exit.AS_DESIRED
    wrong = installation("once", cron_yaml=f"rules: {{{KIND}: {{aftr: 5h}}, sms.withdrawm: {{after: 5h}}}}\n")
    assert wrong.code == Exit.CONFIGURATION
    assert f"rules.{KIND}.aftr: unknown key, did you mean after?" in wrong.err
    assert f"rules.sms.withdrawm: unknown key, did you mean {KIND}?" in wrong.err


def test_the_drill_plants_and_finds_it(installation: Installation) -> None:
    drilled = installation("drill", "--json")
    assert drilled.code == Exit.AS_DESIRED, drilled.out
    assert KIND in json.loads(drilled.out)["planted"]
