"""``reconciler doctor`` in this process, over a world of stand-ins, and all that it could have left behind."""

import json
from dataclasses import dataclass

import pytest

from reconciler.cli.main import run
from tests.support.application_db import LEDGER
from tests.support.sandbox_world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandOutput:
    """One run of the command."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, str]]:
        """What ``--json`` says."""
        assert self.out.startswith("["), (self.code, self.out, self.err)
        return list(json.loads(self.out))

    def messages(self, check: str, light: str) -> list[str]:
        """What the lines of one check say in that light."""
        return [line["message"] for line in self.lines if (line["check"], line["status"]) == (check, light)]

    @property
    def statuses(self) -> dict[str, str]:
        """Check -> the light of its first line."""
        firsts: dict[str, str] = {}
        for line in self.lines:
            firsts.setdefault(line["check"], line["status"])
        return firsts


@dataclass
class DoctorRunner:
    """An installation to be examined."""

    world: World
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def doctor(self, *arguments: str) -> CommandOutput:
        """The command; it must leave the application, our ledger, Twilio, the calendar and Sentry's issues alone."""
        before = self.left()
        said = self.command("doctor", *arguments)
        assert self.left() == before, "something outlived the check"
        assert "Traceback" not in said.out + said.err
        return said

    def command(self, *arguments: str) -> CommandOutput:
        self.world.write_settings()
        self.capsys.readouterr()
        with self.monkeypatch.context() as patch:
            for name, value in (self.world.sandbox.environment() | self.world.environment).items():
                patch.setenv(name, value)
            code = run(list(arguments))
        said = self.capsys.readouterr()
        return CommandOutput(code=code, out=said.out, err=said.err)

    def left(self) -> object:
        """Everything that a check could have changed and should not."""
        sandbox = self.world.sandbox
        ledger = {table: self.world.venue.rows(f"reconciler.{table}") for table in LEDGER}
        return (
            self.world.venue.checksum(),
            ledger,
            dict(sandbox.google.calendar.events),
            list(sandbox.twilio.messages),
            list(sandbox.sentry.events),
        )

    def as_owner(self, script: str) -> None:
        """What ``doctor --sql`` printed, or single statements one by one, run as the owner of the tables."""
        self.world.venue.alter("GRANT CREATE ON SCHEMA public TO venue_owner")  # for indexes; it owns tables only
        for statement in [script] if script.startswith("BEGIN;") else filter(str.strip, script.split(";\n")):
            self.world.venue.sql(statement, role="venue_owner")
