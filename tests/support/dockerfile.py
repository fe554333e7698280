"""The Dockerfile as a program reads it: no engine runs here; its promises are read, and its first stage is played."""

import json
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PYTHON = Path("/usr/bin/python3")
"""Debian's: every user may run it, and it is the image's version."""


@dataclass(frozen=True)
class Instruction:
    name: str
    value: str

    def arguments(self) -> list[str]:
        """The exec form's list.

        Raises:
            ValueError: it has the shell form.
        """
        found: list[str] = json.loads(self.value)
        return found


@dataclass
class Stage:
    base: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, name: str) -> list[Instruction]:
        return [instruction for instruction in self.instructions if instruction.name == name]

    def last(self, name: str) -> Instruction:
        return self.all(name)[-1]

    def environment(self) -> dict[str, str]:
        pairs = [pair for instruction in self.all("ENV") for pair in instruction.value.split()]
        return dict(pair.split("=", 1) for pair in pairs)


def stages() -> list[Stage]:
    found: list[Stage] = []
    text = re.sub(r"(?m)^#.*\n", "", (ROOT / "Dockerfile").read_text()).replace("\\\n", " ")
    for line in filter(None, map(str.strip, text.splitlines())):
        name, value = line.split(None, 1)
        if name == "FROM":
            found.append(Stage(value))
        else:
            found[-1].instructions.append(Instruction(name, value))
    return found


def healthcheck(stage: Stage) -> tuple[dict[str, str], Instruction]:
    """Its options, and its command as an instruction of its own."""
    options, command = re.fullmatch(r"((?:--\S+ )*)CMD (.*)", stage.last("HEALTHCHECK").value).groups()  # type: ignore[union-attr]
    return dict(option.removeprefix("--").split("=") for option in options.split()), Instruction("CMD", command)


def play_first_stage(root: Path) -> None:
    """Do below ``root`` what the first stage does below /: copy what it copies, run what it runs."""
    source = root / "source"
    source.mkdir()
    build = stages()[0]
    for instruction in build.instructions:
        if instruction.name == "COPY":
            *copied, target = instruction.value.split()
            for name in copied:
                _copy(ROOT / name, source / target / name if target.endswith("/") else source / target)
        elif instruction.name == "RUN":
            script = re.sub(r"(?<!\S)python(?= )", str(PYTHON), instruction.value)
            script = re.sub(r"(?<!\S)/(?=opt|wheels)", f"{root}/", script)
            done = subprocess.run(
                ["/bin/sh", "-e", "-c", f"umask 022; {script}"],
                cwd=source,
                env={"PATH": "/usr/bin:/bin", **build.environment()},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise RuntimeError(f"{instruction.value} failed: {done.stdout}{done.stderr}")


def _copy(origin: Path, target: Path) -> None:
    if origin.is_dir():
        shutil.copytree(origin, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copyfile(origin, target)
