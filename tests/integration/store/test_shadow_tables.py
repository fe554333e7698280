"""The copies that `reconciler migrate` makes for the fire drill: like their tables, and nobody's loss if it cannot."""

from pathlib import Path

import pytest

from reconciler.cli.main import run
from reconciler.domain.drill import LinkStatus
from reconciler.settings import load
from reconciler.store.app.mapping import MappedTable
from reconciler.store.drill import shadow_tables
from reconciler.store.ledger.schema import REVISION
from reconciler.wiring import assembly
from tests.support.application_db import Venue

READY = f"schema reconciler is up to date ({REVISION})\n"
REPORT_ONLY = "rules: {sms.missing: {policy: report}, calendar.missing: {policy: report}}"


class Migrate:
    """The command in this process, as one role or another."""

    def __init__(self, venue: Venue, folder: Path, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
        self.venue, self._patch, self._capsys = venue, patch, capsys
        self.file = folder / "cron.yaml"
        self.file.write_text(REPORT_ONLY)
        venue.altered = True

    def __call__(self, *options: str, role: str = "reconciler_job") -> str:
        self._patch.setenv("DATABASE_URL", self.venue.url(role))
        self._capsys.readouterr()
        assert run(["migrate", "--config", str(self.file), *options]) == 0
        return self._capsys.readouterr().out

    def scanned(self, role: str = "reconciler_job") -> LinkStatus:
        """What came of a drill's second link."""
        return assembly.run_fire_drill(load(self.file, {"DATABASE_URL": self.venue.url(role)})).links[1].status


@pytest.fixture
def migrate(
    bare_venue: Venue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Migrate:
    return Migrate(bare_venue, tmp_path, monkeypatch, capsys)


def test_they_are_made_once_and_anew_where_a_table_has_changed(migrate: Migrate) -> None:
    assert migrate().endswith("for the fire drill: 3 created\n")
    assert migrate() == READY
    for change in (
        "ALTER TABLE customers ADD COLUMN allergies text",
        "ALTER TABLE customers ADD CHECK (first_name <> '')",
        "ALTER TABLE customers ALTER COLUMN allergies TYPE varchar(20)",
        "ALTER TABLE private_booking_sms_queue ALTER COLUMN priority SET NOT NULL, ALTER COLUMN priority DROP DEFAULT",
        "ALTER TABLE private_booking_sms_queue ADD UNIQUE (booking_id, trigger_type)",
    ):
        migrate.venue.alter(change)
        assert migrate() == f"{READY}copies of the application's tables for the fire drill: 1 created\n", change
        assert migrate() == READY
    migrate.venue.alter("ALTER TABLE customers ADD CHECK (last_name <> '') NOT VALID, ALTER first_name SET DEFAULT ''")
    migrate()
    assert migrate() == READY, "what the copy cannot have does not keep it different for ever"


def test_it_migrates_where_the_tables_are_not_there_or_not_readable(migrate: Migrate) -> None:
    migrate.venue.alter("ALTER TABLE customers RENAME TO guests")
    migrate.venue.alter("REVOKE SELECT ON private_bookings FROM reconciler_job")
    first, uncounted, *said, remedy, caution = migrate().splitlines()
    assert first == f"schema reconciler: created at {REVISION}"
    assert uncounted.startswith("backlog: unknown: ")
    assert said[0] == "copies of the application's tables for the fire drill: 1 created"
    assert said[1].startswith("no fire drill yet: public.private_bookings: PostgreSQL rejected a statement")
    assert "InsufficientPrivilege" in said[1]
    assert said[2:] == [
        "no fire drill yet: public.customers: there is no such table, or our role may not use its schema"
    ]
    assert caution.startswith("caution"), "rows of ours in tables that cannot be read would not be seen"
    assert remedy.startswith("remedy: ")
    assert caution.startswith("caution begins: "), "a table that cannot be read may show what an earlier ledger made"
    assert migrate.scanned() is LinkStatus.BROKEN


def test_the_owner_of_the_schema_makes_them_by_the_script_and_the_jobs_role_drills(migrate: Migrate) -> None:
    migrate.venue.alter("DROP SCHEMA reconciler")
    migrate.venue.sql("ALTER TABLE customers RENAME TO guests")
    script = migrate("--sql", "--role", "reconciler_job")
    with migrate.venue.postgres.connect(migrate.venue.name) as owner:
        owner.execute(script)
        owner.execute("ALTER TABLE guests RENAME TO customers")
        assert migrate.scanned() is LinkStatus.BROKEN, "it had no table to copy"
        owner.execute(script[script.index("DO $copy$") :])
    assert migrate() == READY
    assert migrate.scanned() is LinkStatus.OK


def test_the_script_needs_no_variable(migrate: Migrate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert run(["migrate", "--sql", "--config", str(migrate.file)]) == 0


def test_a_copy_is_called_after_its_table() -> None:
    long = MappedTable(schema="a" * 40, name="b" * 40, columns={})
    other = MappedTable(schema="a" * 40, name="b" * 39 + "c", columns={})
    names = [
        shadow_tables.copy_of(table).name
        for table in (long, other, MappedTable(schema="shop", name='a "b"', columns={}))
    ]
    assert (names[2], len(names[0]), len(set(names))) == ('drill_shop_a "b"', 63, 3)
