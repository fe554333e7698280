"""Inputs drawn by seed: what people, editors, platforms and attackers make of a file or of a variable."""

import base64
import random
import string
from collections.abc import Callable, Mapping
from pathlib import Path

SHIPPED = (Path(__file__).parents[2] / "cron.yaml").read_text(encoding="utf-8")
SECRET = "hunter2f00dfeedc0ffee42"
"""Stands in every drawn secret. No message may hold it."""
ODD_VALUES = [
    "!!int x", "!!python/object/apply:os.system [ls]", "!!binary xx", "!!set {a, b}", "!<tag:x> 1", "*nope", "&a [*a]",
    "{<<: *a}", "{<<: {a: 1}}", "~", "''", "[]", "{}", "[[]]", "{1: 2}", "{[1]: 2}", "? [a]", ".inf", "-.nan", "0x1F",
    "0o17", "1e400", "9" * 4000, "-1", "0", "true", "no", "2026-02-30", "0000-00-00", "12:61", "1_000", "00:00-24:00",
    "1ms", "0s", "99999999d", "1/0s", "0/s", "[" * 40 + "]" * 40, "|", ">-", "'", '"', "`", "@x", "%x", "- - - a",
    "installed", "off", "repair", '"\\0"', '"\\ud83d"', '"\\x1b[2J"', "\u202e", "\ufeff", "\x00", "\x1b", "\t",
    "a: b: c", f'"{"a" * 200_000}"', f'"{"a@" * 50_000}"', f'"{"+1 " * 50_000}"', f"!{'t' * 100_000} 1",
    f"*{'t' * 100_000}", f'"{"a." * 50_000}"', f'["/({"a" * 100_000}/"]',
    "{{ ref }}", "{% for a in b %}", "{{ 9 ** 9 ** 9 }}", "{{ ''.__class__ }}", "/(a+)+$/", "/(/", "Europe/London",
    "../../etc/passwd", "/dev/null", SECRET, f"postgresql://u:{SECRET}@h/d",
]  # fmt: skip
_URLS = [
    "postgresql://u:{s}@h/d", "postgres://u:{s}@h:99999/d", "postgresql://u:{s}@[::1/d", "postgresql://u:{s}@h,i:5433/d",
    "postgresql:///d?host=/tmp&password={s}", "postgresql://%2Ftmp/d?password={s}", "postgresql://u:{s}@h/d?sslmode=x",
    "postgresql://u:{s}@h/d?pgbouncer=true&schema=public", "postgresql://u:{s}@h/d?options=-c%20x%3Dy&options=z",
    "postgresql://u:{s}@h/d?connect_timeout=abc", "mysql://u:{s}@h/d", "https://{s}@h/1", "http://{s}@h/1",
    "https://{s}@h/path/", "https://{s}:x@h:port/1", "https://h/{s}", "pagerduty://{s}@{s}", "json://u:{s}@h?verify=no",
    "mailto://u:{s}@h", "slack://{s}", "ftp://{s}", "//{s}", "https:// {s}", "https://{s}.example\\@h/1",
]  # fmt: skip
_WORDS = ["true", "False", "primary", "null", "changeme", "<token>", "AC" + "0a" * 16, "+447700900321", "a@b", "0", "-"]
_CHARACTERS = [*string.printable, "\u200b", "\u00a0", "\u202e", "\ufeff", "\ud83d", "\x00", "é", "𝟙", "\u2028"]

Change = Callable[[random.Random, str], str]


def _insert(chance: random.Random, text: str) -> str:
    at = chance.randint(0, len(text))
    return text[:at] + chance.choice([*_CHARACTERS, *ODD_VALUES]) + text[at:]


def _remove(chance: random.Random, text: str) -> str:
    at = chance.randint(0, len(text))
    return text[:at] + text[at + chance.randint(1, 20) :]


def _cut(chance: random.Random, text: str) -> str:
    return text[: chance.randint(0, len(text))]


def _repeat_lines(chance: random.Random, text: str) -> str:
    lines = text.splitlines(keepends=True) or [""]
    at = chance.randrange(len(lines))
    return "".join([*lines[:at], *lines[at : at + 3] * chance.randint(2, 5), *lines[at:]])


def _swap_lines(chance: random.Random, text: str) -> str:
    lines = text.splitlines(keepends=True)
    chance.shuffle(lines)
    return "".join(lines) if chance.random() < 0.1 else "".join(sorted(lines, key=lambda _: chance.random() < 0.02))


def _indent(chance: random.Random, text: str) -> str:
    lines = text.splitlines(keepends=True) or [""]
    at = chance.randrange(len(lines))
    return "".join([*lines[:at], chance.choice(["  ", "\t", " " * 40]) + lines[at], *lines[at + 1 :]])


def _other_value(chance: random.Random, text: str) -> str:
    """Another value for a key of the file."""
    lines = text.splitlines(keepends=True) or [""]
    keyed = [number for number, line in enumerate(lines) if ": " in line.partition("#")[0]]
    if not keyed:
        return text
    at = chance.choice(keyed)
    key, _, _ = lines[at].partition(": ")
    return "".join([*lines[:at], f"{key}: {chance.choice(ODD_VALUES)}\n", *lines[at + 1 :]])


_CHANGES: list[Change] = [_insert, _remove, _cut, _repeat_lines, _swap_lines, _indent, _other_value, _other_value]


def drawn_file(seed: int) -> bytes:
    """The content of a cron.yaml: the shipped one after some changes, or a heap of values."""
    chance = random.Random(seed)
    if chance.random() < 0.1:
        text = "\n".join(chance.choices([*ODD_VALUES, "a: ", "- ", "  b: &a", "version: 1"], k=chance.randint(0, 12)))
    else:
        text = SHIPPED
        for _ in range(chance.randint(1, 5)):
            text = chance.choice(_CHANGES)(chance, text)
    content = text.encode(errors="surrogatepass")
    return content if chance.random() < 0.95 else chance.randbytes(chance.randint(0, 300)) + content


def drawn_variables(seed: int, valid: Mapping[str, str]) -> dict[str, str]:
    """The valid environment with some values changed, all of which are secrets."""
    chance = random.Random(seed)
    drawn = dict(valid)
    for name in chance.sample(sorted(valid), chance.randint(1, 4)):
        drawn[name] = _value(chance, valid[name])
        if chance.random() < 0.1:
            drawn[f"{name}_FILE"] = chance.choice(
                ["/nonexistent", "/dev/null", "/", "", "'/etc/hostname'", drawn[name]]
            )
    # The operating system allows neither in a variable.
    return {name: value.replace("\x00", "").encode(errors="replace").decode() for name, value in drawn.items()}


def _value(chance: random.Random, valid: str) -> str:
    kind = chance.randrange(7)
    if kind == 0:
        return chance.choice(_URLS).format(s=SECRET)
    if kind == 1:
        return chance.choice([*_WORDS, *ODD_VALUES])
    if kind == 2:
        quote = chance.choice("\"'`“")
        return quote + valid + quote
    if kind == 3:
        return base64.b64encode(valid.encode()).decode()[: chance.randint(0, 5000)]
    if kind == 4:
        return "".join(chance.choices(_CHARACTERS, k=chance.randint(0, 200)))
    if kind == 5:
        return valid * chance.choice([2, 1000])
    for _ in range(chance.randint(1, 3)):
        valid = chance.choice(_CHANGES[:3])(chance, valid)
    return valid
