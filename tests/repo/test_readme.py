"""The README is true: its commands exist, and the demo prints what it shows."""

import re
from pathlib import Path

from reconciler.cli.main import COMMANDS
from tests.support.command import reconciler

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def shown(command: str) -> list[str]:
    """What the README shows below ``$ command``."""
    found = re.search(rf"```\n\$ {command}\n(.*?)```", README, re.DOTALL)
    assert found, command
    return found[1].rstrip().splitlines()


def timeless(lines: list[str]) -> list[str]:
    """Without the one text that is quoted: its date and its person depend on the day."""
    return [re.sub(r'e\.g\. ".*', 'e.g. ".."', line).rstrip() for line in lines]


def test_the_demo_prints_what_is_shown(tmp_path: Path) -> None:
    """Line by line and in this order; `..` stands for lines that the README leaves out."""
    ran = reconciler("demo", folder=tmp_path)
    assert (ran.code, ran.err, list(tmp_path.iterdir())) == (0, "", [])
    lines = ran.out.rstrip().splitlines()
    assert re.fullmatch(r"demo: \d+ repaired, \d+ alerted, 0 silent, second pass 0 writes", lines[-1])
    assert int(lines[2].split()[0]) >= 40
    printed = iter(timeless(lines))
    for line in timeless(shown("make demo")):
        assert line.strip() == ".." or line in printed, f"the demo does not print, or not there: {line}"


def test_every_command_that_is_named_is_there() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"^\$ make ([a-z-]+)", README, re.MULTILINE)) <= set(targets)
    commands = set(re.findall(r"(?:^|`)reconciler ([a-z]+)", README, re.MULTILINE))
    assert commands <= set(COMMANDS)
    assert {"once", "migrate", "status", "run", "sandbox"} <= commands


def test_every_command_stands_in_some_page() -> None:
    pages = README + "".join(page.read_text() for page in (ROOT / "docs").glob("*.md"))
    assert [name for name in COMMANDS if f"reconciler {name}" not in pages and f"make {name}" not in pages] == []


def test_what_is_linked_is_there() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links {target}"


def test_the_drawing_of_the_ledger_is_the_one_in_the_code() -> None:
    drawing = re.search(r"```\n(.*?)```", (ROOT / "reconciler/domain/intents.py").read_text(), re.DOTALL)
    assert drawing
    assert drawing[1] in (ROOT / "docs/how-it-works.md").read_text()
