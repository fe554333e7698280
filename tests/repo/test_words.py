"""The vocabulary holds: no banned word in a name, in a key or in the text of a command's ``--help``."""

import ast
from collections.abc import Mapping

import click
import pytest

from reconciler.cli.main import COMMANDS, cli
from reconciler.settings.model.cron_file import CronFile
from tests.repo.banned_words import BANNED, BANNED_AS_NAMES, NOT_OURS
from tests.repo.names import Places, contains, identifiers, keys, keys_of, names_in, words

ALL = BANNED | BANNED_AS_NAMES


def is_sentence(name: str) -> bool:
    """The name of a test function or of a test module is a sentence or its subject."""
    return name.startswith("test_") and name.count("_") > 2


def findings(places: Mapping[str, str], banned: Mapping[str, str]) -> str:
    """One message, grouped by word: what to say instead, and every name that contains it with its first place."""
    lines: list[str] = []
    for word, instead in banned.items():
        found = [f"    {name!r} ({place})" for name, place in sorted(places.items()) if contains(name, word)]
        if found:
            lines += [f"{word!r}, {len(found)} times; use: {instead}", *found]
    return "\n".join(lines)


def assert_none(places: Places, banned: Mapping[str, str]) -> None:
    report = findings({name: place for name, place in places.items() if name not in NOT_OURS}, banned)
    if report:
        pytest.fail(f"banned words (tests/repo/banned_words.py):\n{report}", pytrace=False)


def test_no_name_contains_a_banned_word() -> None:
    names = identifiers("reconciler", "jobs", "tests")
    assert len(names) > 2000, "the names were not read"
    strict = {name: place for name, place in names.items() if not is_sentence(name)}
    sentences = {name: place for name, place in names.items() if is_sentence(name)}
    report = "\n".join(filter(None, (findings(strict, ALL), findings(sentences, BANNED))))
    if report:
        pytest.fail(f"banned words (tests/repo/banned_words.py):\n{report}", pytrace=False)


def test_no_key_contains_a_banned_word() -> None:
    """Keys of cron.yaml, and of what the commands and the page write as JSON."""
    of_cron_yaml = keys_of(CronFile().model_dump(mode="json", by_alias=True), "cron.yaml")
    written = keys("reconciler", "jobs")
    assert {"timezone", "bookings"} <= set(of_cron_yaml)
    assert {"sms.missing", "status"} <= set(written)
    assert_none(of_cron_yaml | written, ALL)


def test_no_help_contains_a_banned_word() -> None:
    pages = {"reconciler --help": help_of(cli, "reconciler")}
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command
        pages[f"reconciler {name} --help"] = help_of(command, name)
    assert all("Usage: " in page for page in pages.values())
    assert_none({line: where for where, page in pages.items() for line in page.splitlines()}, BANNED)


def help_of(command: click.Command, name: str) -> str:
    """On lines too long to break, so that no phrase is split."""
    return command.get_help(click.Context(command, info_name=name, terminal_width=10_000, max_content_width=10_000))


@pytest.mark.parametrize(
    ("name", "word"),
    [("mend_all", "mend"), ("Mender", "mender"), ("look_at_it", "look"), ("lastLook", "look"), ("a (stray)", "stray")],
)
def test_a_banned_word_is_found(name: str, word: str) -> None:
    assert f"{name!r} (here)" in findings({name: "here"}, ALL)
    assert f"{word!r}, 1 times" in findings({name: "here"}, ALL)


@pytest.mark.parametrize("name", ["lookup", "recommend", "insight", "clever", "amended", "department"])
def test_a_word_that_only_contains_one_is_not(name: str) -> None:
    assert findings({name: "here"}, ALL) == ""


def test_the_names_are_read() -> None:
    """Each kind of name in one line of source."""
    source = (
        "class Aa:\n  bb: int\n  def cc(self, dd): self.ee = ff(gg=1)\nimport x as hh\ntry: pass\nexcept E as ii: 1"
    )
    found = {name for node in ast.walk(ast.parse(source)) for name in names_in(node)}
    assert {"Aa", "bb", "cc", "dd", "ee", "ff", "gg", "hh", "ii"} <= found
    assert words("HTTPServer_look2at") == " http server look at "
