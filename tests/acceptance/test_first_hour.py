"""An operator's first hour in the sandbox, typed as a person types it: real commands, real exit codes."""

import json
import re
from pathlib import Path
from typing import Any

import psycopg
import requests
from psycopg.sql import SQL, Identifier

from reconciler.engine.jobs import available
from reconciler.errors import Exit
from reconciler.store.ledger.schema import REVISION
from tests.support.application_db import LEDGER, TABLES
from tests.support.command import reconciler, sandbox

MIGRATED = f"""\
schema reconciler: created at {REVISION}
copies of the application's tables for the fire drill: 3 created
"""


def connect(exported: dict[str, str]) -> psycopg.Connection[Any]:
    """As the server's superuser: nothing is hidden from it."""
    url = exported["DATABASE_URL"].replace("+psycopg", "").replace("reconciler_job@", "postgres@")
    return psycopg.connect(url, autocommit=True)


def rows(exported: dict[str, str]) -> list[Any]:
    """The application's rows with their ``xmin``: any write shows, also one of the same values."""
    query = SQL("SELECT md5(coalesce(string_agg(t.xmin::text || t::text, '|' ORDER BY id), '')) FROM {} t")
    with connect(exported) as connection:
        return [connection.execute(query.format(Identifier(table))).fetchone() for table in TABLES]


def ledger(exported: dict[str, str]) -> list[Any]:
    with connect(exported) as connection:
        there = connection.execute("SELECT to_regclass('reconciler.intent')").fetchone() != (None,)
        tables = LEDGER if there else ()
        query = SQL("SELECT count(*) FROM {}")
        return [connection.execute(query.format(Identifier("reconciler", table))).fetchone() for table in tables]


def writes(exported: dict[str, str]) -> list[int]:
    hosts = (exported["TWILIO_API_URL"], exported["GOOGLE_API_URL"].removesuffix("/calendar/v3/"))
    return [requests.get(f"{host}/_sandbox/state", timeout=5).json()["writes"] for host in hosts]


def test_look_migrate_repair_and_look_again(tmp_path: Path) -> None:
    with sandbox(tmp_path) as exported:
        reader = exported | {"DATABASE_URL": exported["READER_DATABASE_URL"]}
        before = rows(exported), writes(exported)
        for variables in (reader, exported):
            looked = reconciler("once", folder=tmp_path, **variables)
            assert (looked.code, looked.err) == (Exit.WORK_LEFT, "")
            assert re.search(r"^would: \d+ texts to \d+ people \(\d+ segments\), \d+ events; nothing was written$",
                             looked.out, re.MULTILINE)  # fmt: skip
        assert ((rows(exported), writes(exported)), ledger(exported)) == (before, [])

        unmigrated = reconciler("once", "--do", folder=tmp_path, **exported)
        assert (unmigrated.code, "remedy: reconciler migrate" in unmigrated.err) == (Exit.NEEDS_A_HUMAN, True)
        assert reconciler("status", folder=tmp_path, **exported).code == Exit.NEEDS_A_HUMAN
        assert (rows(exported), writes(exported)) == before

        migrated = reconciler("migrate", folder=tmp_path, **exported)
        assert (migrated.code, migrated.out) == (0, MIGRATED)
        assert (
            reconciler("migrate", folder=tmp_path, **exported).out == f"schema reconciler is up to date ({REVISION})\n"
        )
        empty = ledger(exported)
        assert reconciler("once", folder=tmp_path, **exported).code == Exit.WORK_LEFT
        assert (rows(exported), writes(exported), ledger(exported)) == (*before, empty), "looking writes nothing"

        first = reconciler("once", "--do", folder=tmp_path, **exported)
        assert re.search(r"^texts repaired: \d\d sent$", first.out, re.MULTILINE)
        assert "\nsms.stuck: 1 queued, but not sent by the application\nsms.unproven: 1 marked as sent" in first.out
        assert all(now > then for now, then in zip(writes(exported), before[1], strict=True))

        after = rows(exported), writes(exported)
        second = reconciler("once", "--do", folder=tmp_path, **exported)
        assert "repaired" not in second.out
        assert (rows(exported), writes(exported)) == after, "a second pass writes nothing"

        for_people = reconciler("status", folder=tmp_path, **exported).out.partition("needs a human:\n")[2]
        assert re.search(
            r"^ +2  sms.missing / refused_recipient +reconciler explain [0-9a-f]{8}$", for_people, re.MULTILINE
        )
        status = reconciler("status", "--json", folder=tmp_path, **exported)
        seen = json.loads(status.out)
        assert (status.code, seen["open"]["repairable"]) == (second.code, 0) == (Exit.WORK_LEFT, 0)
        assert {run["job"] for run in seen["jobs"]} == set(available())
        readable = reconciler("status", folder=tmp_path, **exported)
        assert "0 repairable" in readable.out

        before = rows(exported), writes(exported), ledger(exported)
        drill = reconciler("drill", folder=tmp_path, **exported)
        assert re.match(
            r"scheduler ok · scan ok · repair ok · report ok · sink ok · oncall off · heartbeats off \(\d\.\d s\)\n",
            drill.out,
        )
        assert (drill.code, rows(exported), writes(exported), ledger(exported)) == (0, *before)
        everything = "".join(ran.out + ran.err for ran in (looked, first, second, status, readable))
        assert not re.search(r"\+?\d{10,}|Ana|Lima|Noah", everything), "no phone and no name on the terminal"


def test_the_sandbox_leaves_nothing_behind(tmp_path: Path) -> None:
    with sandbox(tmp_path) as exported:
        folder = Path(exported["RECONCILER_CONFIG"]).parent
        assert folder.exists()
    assert not folder.exists()
    assert list(tmp_path.iterdir()) == []
