"""``reconciler init`` and ``reconciler schema``: what is written is right, and nothing that is there is overwritten."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from reconciler.cli.init import SCHEMA_FILE, WITH_SCHEMA, WITHOUT_SCHEMA
from reconciler.cli.main import run
from reconciler.errors import Exit
from reconciler.presets import preset_names, preset_text
from tests.support.command import COMMAND, environment

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_reference_is_the_file_of_this_repository() -> None:
    assert "reference" in preset_names()
    assert preset_text("reference") == (ROOT / "cron.yaml").read_text(encoding="utf-8")


def test_each_preset_is_a_file_of_the_folder() -> None:
    assert preset_names() == sorted(path.stem for path in (ROOT / "reconciler" / "presets").glob("*.yaml"))


def test_each_preset_stands_on_the_page() -> None:
    page = (ROOT / "docs" / "cron-yaml.md").read_text(encoding="utf-8")
    table = page.partition("| preset | for |")[2].partition("\n\n")[0]
    assert re.findall(r"(?m)^\| `([\w.-]+)` \|", table) == preset_names()


@pytest.mark.parametrize("preset", preset_names())
def test_what_is_written_passes_the_check(preset: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", "--preset", preset]) == Exit.AS_DESIRED
    said = capsys.readouterr().out
    assert said.startswith(f"cron.yaml: written, from the preset {preset}\nnext: ")
    assert run(["check"]) == Exit.AS_DESIRED
    assert Path("cron.yaml").read_text() == WITHOUT_SCHEMA + preset_text(preset)


@pytest.mark.parametrize("preset", preset_names())
def test_what_is_printed_is_the_same(preset: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", "--preset", preset, "-"]) == Exit.AS_DESIRED
    assert capsys.readouterr().out == WITHOUT_SCHEMA + preset_text(preset)
    assert list(Path().iterdir()) == []


def test_where_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILER_CONFIG", "named.yaml")
    assert run(["init"]) == run(["init", "given.yaml"]) == Exit.AS_DESIRED
    assert sorted(path.name for path in Path().iterdir()) == ["given.yaml", "named.yaml"]


@pytest.mark.parametrize("there", ["a file", "an empty file", "a folder", "a link to nowhere"])
def test_nothing_is_overwritten(there: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path("cron.yaml")
    if there == "a folder":
        path.mkdir()
    elif there == "a link to nowhere":
        path.symlink_to("gone.yaml")
    else:
        path.write_text("version: 1\n" if there == "a file" else "")
    before = path.read_text() if path.is_file() else None
    assert run(["init"]) == Exit.CONFIGURATION
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        "error: cron.yaml: something is there already; it was left as it is\n"
        "remedy: name another file, or print the preset: reconciler init -\n"
    )
    assert (path.read_text() if path.is_file() else None) == before
    assert not Path("gone.yaml").exists()


def test_a_folder_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", "venue/cron.yaml"]) == Exit.CONFIGURATION
    assert capsys.readouterr().err.startswith("error: venue/cron.yaml: cannot be written: no such file or directory\n")


def test_half_a_file_does_not_stay(tmp_path: Path) -> None:
    """As on a full disk. What stayed would be in the way of the next attempt."""
    variables = environment({"PYTHONDONTWRITEBYTECODE": "1"})  # the limit holds for what Python writes, too
    limited = ["sh", "-c", 'ulimit -f 1; exec "$@"', "sh", str(COMMAND), "init"]
    done = subprocess.run(limited, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "cannot be written" in done.stderr) == (Exit.CONFIGURATION, True), done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [("refrence", "did you mean reference?"), ("Reference", "did you mean reference?"), ("qqq", "known: ")],
)
def test_an_unknown_preset(name: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", "--preset", name]) == Exit.CONFIGURATION
    err = capsys.readouterr().err
    assert f"--preset: no preset is called {name}" in err
    assert said in err
    assert list(Path().iterdir()) == []


# The schema


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema"]) == Exit.AS_DESIRED
    printed = capsys.readouterr()
    schema = json.loads(printed.out)
    assert (printed.err, schema["$schema"]) == ("", "https://json-schema.org/draft/2020-12/schema")
    assert {"sms_missing", "fire_drill", "missing_sms"} <= set(schema["properties"]["jobs"]["properties"])


def test_a_file_names_the_schema_where_it_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    """An editor complains of one that is not."""
    run(["schema"])
    Path("venue").mkdir()
    Path("venue", SCHEMA_FILE).write_text(capsys.readouterr().out)
    assert run(["init", "venue/cron.yaml"]) == run(["init", "cron.yaml"]) == Exit.AS_DESIRED
    assert Path("venue/cron.yaml").read_text().startswith(f"# yaml-language-server: $schema={SCHEMA_FILE}\n")
    assert Path("venue/cron.yaml").read_text() == WITH_SCHEMA + preset_text("reference")
    assert "# yaml-language-server" not in Path("cron.yaml").read_text()
    assert run(["check", "venue/cron.yaml"]) == Exit.AS_DESIRED
