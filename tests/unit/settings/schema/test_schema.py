"""The JSON schema accepts whatever `check` accepts, in every form, and refuses what a schema can refuse."""

import re
import string
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args, get_origin
from zoneinfo import available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ValidationError

from reconciler.engine.jobs import every_job, unknown
from reconciler.settings.file import source
from reconciler.settings.file.crontab import parse_cron
from reconciler.settings.file.renamed import RENAMED
from reconciler.settings.file.validation import validate
from reconciler.settings.file.values import (
    NoneFor,
    parse_duration,
    parse_hours,
    parse_locale,
    parse_per,
    parse_region,
    parse_since,
    parse_span,
    parse_table,
    parse_zone,
)
from reconciler.settings.model.cron_file import CronFile
from reconciler.settings.model.fields import parse_field
from reconciler.settings.schema.forms import Reader
from reconciler.settings.schema.generate import json_schema
from reconciler.text.phones import REGIONS
from tests.support.cron_yaml_texts import as_written, cron_yaml_texts
from tests.support.wrong_files import SEEN_BY_BOTH, SEEN_BY_CHECK_ALONE

SCHEMA = json_schema(every_job())
VALIDATOR = Draft202012Validator(SCHEMA)
TEXTS = cron_yaml_texts()


def refused(data: Any) -> list[str]:
    return [f"{error.json_path}: {error.message[:100]}" for error in VALIDATOR.iter_errors(data)]


def test_it_is_a_schema_of_the_draft_that_it_names() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == Draft202012Validator.META_SCHEMA["$id"]


def every_form(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for part in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from every_form(part)


def test_it_refers_to_no_other_document() -> None:
    """An editor that is offline can use it."""
    assert [form for form in every_form(SCHEMA) if {"$ref", "$id", "$dynamicRef"} & set(form)] == []


def test_editors_read_its_patterns_as_python_does() -> None:
    """ECMAScript with the flag u knows no possessive quantifier, no inline flag, and no needless escape."""
    only_one = re.compile(r"\(\?(?![:=!])|\\(?![sSdDwWbB.\\/^$*+?()\[\]{}|])|[*+?}]\+|\\[ZA]")
    patterns = {form["pattern"] for form in every_form(SCHEMA) if isinstance(form.get("pattern"), str)}
    assert len(patterns) > 10
    assert [pattern for pattern in patterns if only_one.search(pattern)] == []


# What is right


def test_every_file_of_the_repository_that_is_right_is_accepted(tmp_path: Path) -> None:
    """Every cron.yaml in the files and pages, and every text that a test writes out and `load` accepts.

    A job that is none is refused by `check`, and by the schema.
    """
    path, right = tmp_path / "cron.yaml", set()
    for text, place in TEXTS.items():
        path.write_bytes(text.encode(errors="replace"))
        read, unreadable = source.read(path)
        if unreadable or validate(read)[1]:
            continue
        said = refused(as_written(path))
        if unknown(list((read.data or {}).get("jobs", {}))):
            assert [message.partition(":")[0] for message in said] == ["$.jobs"], place
        else:
            assert said == [], place
            right.add(place)
    assert len(right) > 90
    assert {"cron.yaml", "tests/unit/cron_0_1_0.yaml"} <= right


def test_an_empty_file_is_accepted() -> None:
    assert refused(None) == []
    assert refused({}) == []


def test_each_default_and_example_is_accepted_where_it_stands() -> None:
    stated = [(form, form["default"]) for form in every_form(SCHEMA) if "default" in form and "description" in form]
    stated += [(form, example) for form in every_form(SCHEMA) for example in form.get("examples", ())]
    assert len(stated) > 100
    assert [value for form, value in stated if not Draft202012Validator(form).is_valid(value)] == []


def test_the_defaults_written_out_are_accepted() -> None:
    assert refused(CronFile().model_dump(mode="json", by_alias=True)) == []


@pytest.mark.parametrize(("old", "new"), RENAMED.items(), ids=".".join)
def test_an_old_name_is_accepted_and_marked(old: tuple[str, ...], new: str) -> None:
    form = SCHEMA
    for step in old:
        form = form["properties"][step]
    assert (form["deprecated"], form["description"]) == (True, f"is called {new} now")


# What is wrong


@pytest.mark.parametrize("text", SEEN_BY_BOTH.values(), ids=SEEN_BY_BOTH)
def test_what_a_schema_can_say_it_says(tmp_path: Path, text: str) -> None:
    path = tmp_path / "cron.yaml"
    path.write_text(text)
    assert refused(as_written(path)) != []


@pytest.mark.parametrize("text", SEEN_BY_CHECK_ALONE.values(), ids=SEEN_BY_CHECK_ALONE)
def test_what_a_schema_cannot_say_is_known(tmp_path: Path, text: str) -> None:
    """If the schema learns to say one of these, it moves to the others."""
    path = tmp_path / "cron.yaml"
    path.write_text(text)
    assert refused(as_written(path)) == []


def sections(form: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (
        inner for inner in every_form(form) if isinstance(inner.get("properties"), dict) and "required" not in inner
    )


def test_no_section_takes_an_unknown_key() -> None:
    open_ones = [form for form in every_form(SCHEMA) if "properties" in form and form.get("type") == "object"]
    assert len(open_ones) > 20
    assert [form["description"] for form in open_ones if form["additionalProperties"] is not False] == []


# One source


LISTED = "-"
"""The step from a list to its members."""


def fields(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every key of the model, and below a mapping the keys of its members."""
    for name, field in model.model_fields.items():
        here = (*path, field.alias or name)
        yield here, field
        member = (LISTED,) if get_origin(field.annotation) is tuple else MEMBERS.get(here[-1], ())
        for below in models(field.annotation):
            yield from fields(below, (*here, *member))


MEMBERS = {"jobs": ("sms_missing",), "messages": ("draft",), "join": ("customer",)}
"""A mapping with keys of the venue's own -> one of them."""


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models(part)


FIELDS = dict(fields(CronFile))


def at(path: tuple[str, ...]) -> dict[str, Any]:
    """The schema of a key."""
    form = SCHEMA
    for step in path:
        if step == LISTED:
            form = form["items"]
            continue
        inside = next(
            part
            for part in [form, *form.get("anyOf", [])]
            if step in part.get("properties", {}) or isinstance(part.get("additionalProperties"), dict)
        )
        form = inside.get("properties", {}).get(step) or inside["additionalProperties"]
    return form


@pytest.mark.parametrize("path", FIELDS, ids=".".join)
def test_each_key_says_what_the_model_says(path: tuple[str, ...]) -> None:
    said = FIELDS[path].description or next(models(FIELDS[path].annotation)).__doc__ or ""
    assert at(path)["description"].splitlines()[0] == said.splitlines()[0].replace("``", "`")


# Whatever is accepted

LEAVES = {path: field for path, field in FIELDS.items() if path != ("jobs",)}
blanks = st.text(" \t\n\u00a0", max_size=2)
digits = st.text(string.digits, min_size=1, max_size=13) | st.sampled_from(["0", "00", "1", "090", "3650", "3651"])
units = st.sampled_from(["ms", "s", "m", "h", "d", "d", "M", "w", ""])
clock_forms = st.sampled_from(["{}:{:02}", "{:02}:{:02}", "{}:{}"])
clocks = st.tuples(clock_forms, st.integers(0, 25), st.integers(0, 61)).map(lambda drawn: drawn[0].format(*drawn[1:]))
zone_names = st.sampled_from([*sorted(available_timezones()), "London", "Mars/Base", "europe/london"])
locale_parts = st.sampled_from(["en", "de", "zh", "sr", "gb", "GB", "DE", "Hans", "Latn", "419", "001", "_", "_", "-"])
minutes = st.sampled_from(["0", "59", "60", "*/5", "0,30", "1-5", "*"])
hours = st.sampled_from(["0", "23", "24", "*/4", "9-17/2", "*"])
days = st.sampled_from(["1", "31", "*", "*/2", "1,15", "L"])
months = st.sampled_from(["1", "12", "*", "jan", "DEC", "jan-mar", "*/3", "feb"])
weekday = st.sampled_from(["mon", "FRI", "sun", "*", "*/2", "mon-fri", "Tue-Sat/2", "1", "mon-5", "mon#2", "*-mon"])
weekdays = st.lists(weekday, min_size=1, max_size=3).map(",".join)


def joined(*some: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """The parts, with blanks between them as people leave them."""
    return st.tuples(*(part for each in some for part in (blanks, each)), blanks).map("".join)


KINDS: dict[Reader, tuple[str, st.SearchStrategy[str]]] = {
    parse_duration: ("bookings.grace", joined(digits, units)),
    parse_span: ("bookings.scan_window", joined(digits, units)),
    parse_per: ("limits.rate.sms", joined(digits, st.just("/"), digits | st.just(""), units)),
    parse_hours: ("rules.sms.missing.quiet_hours", joined(clocks, st.just("-"), clocks) | joined(st.just("off"))),
    parse_zone: ("timezone", joined(zone_names)),
    parse_region: ("rules.sms.missing.region", joined(st.sampled_from([*sorted(REGIONS), "UK", "gb"]))),
    parse_locale: ("locale", joined(st.lists(locale_parts, min_size=1, max_size=5).map("".join))),
    parse_since: ("bookings.since", joined(st.dates().map(str) | st.sampled_from(["installed", "2026-02-30"]))),
    parse_table: ("bookings.table", st.text('ab"." \u00e9$_', max_size=8)),
    parse_field: (
        "bookings.phone",
        st.lists(st.sampled_from(["a", ".", "->", "->>", '"', '""', "'", " ", "é", "-", "0"]), max_size=8).map("".join),
    ),
    parse_cron: (
        "jobs.sms_missing.cron",
        st.tuples(minutes, hours, days, months, weekdays, blanks.filter(bool)).map(
            lambda line: line[5].join(["", *line[:5], ""])
        ),
    ),
}
"""What reads a value -> one of its keys, and values that are often right."""


@pytest.mark.parametrize("reader", KINDS, ids=[read.__name__ for read in KINDS])
def test_whatever_a_reader_accepts_its_key_accepts(reader: Reader) -> None:
    path, values = KINDS[reader]
    keys = next(leaf for leaf in LEAVES if ".".join(leaf) == path)
    form = Draft202012Validator(at(keys))
    right = 0

    @settings(max_examples=500)
    @given(value=values)
    def each(value: str) -> None:
        nonlocal right
        with suppress(ValueError):
            reader(value)
            right += 1
            assert form.is_valid(value), value

    each()
    assert right > 25, "hardly any of these values is right: the test shows nothing"


ONE_OF_EACH = [
    *("off", "Off", "any", "yes", "NO", "true", "F", "on", "0", "1", "repair", "report", "one", "each", "restore"),
    *("auto", "plain", "application", "reconciler", "/a/", "/(/", "installed", "10m", "0s", "1/s", "GB", "en_GB", ""),
    *("Europe/London", "2026-05-01", "21:00-09:00", "a.b", "0 10 * * mon", " ", "x"),
    *(None, True, False, -1, 0, 1, 2, 50, 10**9, 10**9 + 1, 0.0, 0.5, 1.0, 1.5),
]
scalars = st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | st.sampled_from(ONE_OF_EACH)


def document(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """A file with one key. Around a key of a message or of a job stands what such a one cannot do without."""
    needed: dict[str, Any] = {}
    if path[-2:-1] == ("draft",):
        needed = {"trigger": "x", "template": "{{ ref }}"}
    elif path[:2] == ("jobs", "sms_missing") and path[-1] not in ("every", "cron"):
        needed = {"every": "5m"}
    elif path[-1] == "statuses" and LISTED in path:
        needed = {"column": "x"}
    inside: Any = needed | {path[-1]: value}
    for step in reversed(path[:-1]):
        if step in NEEDED:
            inside = NEEDED[step] | ({"event_id": "z"} if "calendar" in path else {}) | inside
        inside = [inside] if step == LISTED else {step: inside}
    return inside


NEEDED = {
    "rows": {"table": "x", "on": {"x": "y"}},
    "log": {"table": "x", "number": "y", "at": "z"},
}
"""What a member of a list cannot do without."""


def accepted(data: dict[str, Any]) -> bool:
    try:
        CronFile.model_validate(data)
    except ValidationError:
        return False
    return True


def written_under(path: tuple[str, ...], value: Any, other: Any) -> Iterator[dict[str, Any]]:
    """Files with the value under the key: alone, in a list, and under a key of the venue's own."""
    for written in (value, [value], [value, other], {"venue_id": value}):
        yield document(path, written)


def test_one_of_each_under_every_key() -> None:
    """Every key accepts one of them at least, and the schema whatever the model accepts."""
    seen = set()
    for path in LEAVES:
        for value in ONE_OF_EACH:
            for data in written_under(path, value, value):
                if accepted(data):
                    seen.add(path)
                    assert refused(data) == [], data
    never = {path for path in LEAVES if path not in seen and not next(models(LEAVES[path].annotation), None)}
    times = [("bookings", key) for key in ("starts", "created", "due")]
    times += [("evidence", "sms", LISTED, key, "at") for key in ("rows", "log")]
    together = {(*key, name) for key in times for name in ("date", "time")}
    together |= {("bookings", "join", "customer", name) for name in ("table", "on", "first_by", "through", "where")}
    assert never == together, "one of several is no form"
    first = {"table": "people", "on": {"id": "person_id"}, "first_by": "id", "where": {"kind": {"not": "staff"}}}
    join = {"customer": first, "chief": {"table": "people", "through": "customer", "on": {"id": "chief"}}}
    both = {"bookings": {"starts": {"date": "a", "time": "b"}, "join": join}}
    assert accepted(both)
    assert refused(both) == []


@settings(max_examples=60)
@given(value=scalars, other=scalars)
def test_whatever_the_model_accepts_the_schema_accepts(value: Any, other: Any) -> None:
    for path in LEAVES:
        for data in written_under(path, value, other):
            if accepted(data):
                assert refused(data) == [], data


@pytest.mark.parametrize(
    "word", sorted({mark.word for field in LEAVES.values() for mark in field.metadata if isinstance(mark, NoneFor)})
)
def test_the_word_for_nothing_is_accepted_and_null_is_not(word: str) -> None:
    paths = [
        path
        for path, field in LEAVES.items()
        for mark in field.metadata
        if isinstance(mark, NoneFor) and mark.word == word
    ]
    assert paths
    for path in paths:
        assert refused(document(path, word)) == []
        assert refused(document(path, None)) != []
