"""Any YAML becomes a list of mistakes with their lines: never a traceback, and never a hang. D9."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import ConfigurationError
from reconciler.settings import Need, load
from reconciler.settings.file.form import DEEPEST, form_mistakes

DATABASE = {"DATABASE_URL": "postgresql://job:secret@localhost/venue"}
FORMS = {
    "a tag that cannot be made": ("limits: {pass: !!int x}\n", ":1: a tag"),
    "binary that is none": ("bookings: {statuses: !!binary xx}\n", ":1: a tag"),
    "an object": ("version: 1\na: !!python/object/apply:os.system [ls]\n", ":2: a tag"),
    "a tag of somebody's own": ("bookings: !foo {}\n", ":1: a tag (!foo)"),
    "a mapping in itself": ("bookings: &self\n  <<: *self\n", ":2: *self is inside &self"),
    "a list in itself": ("version: 1\nbookings:\n  statuses: &all [draft, *all]\n", ":3: *all is inside &all"),
    "a number without end": (f"limits: {{pass: {'9' * 5000}}}\n", ":1: 99999999999999999999.. has 5000 characters"),
    "a number that no column holds": ("limits: {attempts: 123456789012345678901234567890}\n", "less than or equal to"),
    "deep lists": (f"a: {'[' * 3000}{']' * 3000}\n", "nested too deeply"),
    "deep mappings": ("".join(f"{' ' * level}a:\n" for level in range(60)), "nested too deeply"),
    "an alias of nothing": ("bookings: *nope\n", ":1: found undefined alias"),
    "half of a character": ('timezone: "\\ud83d"\n', ":1: a character that may not stand here (U+D83D)"),
    "a NUL": ('bookings: {table: "a\\0b"}\n', ":1: a character that may not stand here (U+0000)"),
    "an escape in a key": ('"a\\e[2J": 1\n', ":1: a character that may not stand here (U+001B)"),
    "a merge of numbers": ("bookings:\n  <<: [1, 2]\n", ":2: while constructing a mapping"),
    "a list as a key": ("? [a, b]\n: 1\n", ":1: ('a', 'b'): a key is a text"),
    "a number without end in hexadecimal": (f"limits: {{pass: 0x{'F' * 300}}}\n", "should be less than or equal to"),
    "a version of YAML that is none": ("%YAML 9.9\n---\nversion: 1\n", ":1: found incompatible YAML document"),
    "no number at all": ("limits: {breaker: {ratio: .nan}}\n", ":1: limits.breaker.ratio: NaN"),
    "a folder as a time zone": ("timezone: ../../etc/passwd\n", ":1: timezone: "),
    "a day that never comes": ("jobs: {sms_missing: {cron: '0 0 30 2 *'}}\n", ":1: jobs.sms_missing.cron: "),
    "a year before all years": ("bookings: {since: 0000-01-01}\n", ":1: bookings.since: "),
    "two documents": ("version: 1\n---\nversion: 1\n", ":2: expected a single document"),
}
SHARED = {
    "in the bookings": (
        "bookings:\n  columns:\n    name: full_name\n    first_name: full_name\n",
        ":4: bookings.columns.first_name: first_name and name (line 3) both name the column full_name",
    ),
    "one by its default": (
        "bookings:\n  columns: {phone: customer_name}\n",
        ":2: bookings.columns.phone: phone and name, by its default both name the column customer_name",
    ),
    "the first by the file": (
        "bookings:\n  columns: {name: contact_phone}\n",
        ":2: bookings.columns.name: phone and name (line 2) both name the column contact_phone",
    ),
    "a name that is quoted in the file": (
        "bookings:\n  columns:\n    name: 'full name'\n    first_name: \"full name\"\n",
        ":4: bookings.columns.first_name: first_name and name (line 3) both name the column full name",
    ),
    "a name in other letters": (
        "bookings:\n  columns: {name: n\u00e4me, phone: n\u00e4me}\n",
        ":2: bookings.columns.phone: phone and name (line 2) both name the column n\u00e4me",
    ),
    "in the queue": (
        "rules: {sms.missing: {queue: {table: q, columns: {status: trigger_type}}}}\n",
        "status and trigger, by its default both name the column trigger_type",
    ),
    "in the customers": (
        "bookings: {customers: {columns: {mobile_number: mobile_e164}}}\n",
        "mobile_number and mobile_e164, by its default both name the column mobile_e164",
    ),
}


def mistakes(folder: Path, content: str) -> list[str]:
    path = folder / "cron.yaml"
    path.write_text(content)
    with pytest.raises(ConfigurationError) as caught:
        load(path, DATABASE, Need.DATABASE)
    return list(caught.value.mistakes)


@pytest.mark.parametrize(("content", "said"), FORMS.values(), ids=FORMS.keys())
def test_d9_what_yaml_allows_and_no_setting_is(tmp_path: Path, content: str, said: str) -> None:
    (mistake,) = mistakes(tmp_path, content)
    assert said in mistake


@pytest.mark.parametrize(("content", "said"), SHARED.values(), ids=SHARED.keys())
def test_d9_two_names_on_one_column(tmp_path: Path, content: str, said: str) -> None:
    (mistake,) = mistakes(tmp_path, content)
    assert said in mistake


def test_aliases_and_merges_of_others_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "cron.yaml"
    path.write_text("bookings: {statuses: &some [draft, confirmed], made_as: *some}\n")
    assert load(path, DATABASE, Need.DATABASE).file.bookings.made_as == ("draft", "confirmed")


def test_the_deepest_level_is_allowed() -> None:
    assert list(form_mistakes("[" * DEEPEST + "]" * DEEPEST)) == []
    assert len(list(form_mistakes("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1)))) == 1


_TEXT = st.text(alphabet="abz019.:-{}[]&*!|>'\"\n \t#%@`,?~<", max_size=80)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=12,
)
_KEYS = ["bookings", "rules", "limits", "record", "reporting", "jobs", "columns", "statuses", "sms.missing", "queue"]


def said_of(path: Path, content: str) -> list[str]:
    """The mistakes, or that it was read."""
    path.write_text(content)
    try:
        return [load(path, DATABASE, Need.DATABASE).source.name]
    except ConfigurationError as error:
        return list(error.mistakes)


@given(content=_TEXT)
def test_any_text_is_read_or_refused_in_words(tmp_path_factory: pytest.TempPathFactory, content: str) -> None:
    assert said_of(tmp_path_factory.getbasetemp() / "any.yaml", content)


@given(inner=st.dictionaries(st.sampled_from(_KEYS) | _TEXT, _VALUES, max_size=4), key=st.sampled_from(_KEYS))
def test_any_value_under_any_key_is_read_or_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory, inner: dict[str, Any], key: str
) -> None:
    assert said_of(tmp_path_factory.getbasetemp() / "any.json.yaml", json.dumps({key: inner}))


@pytest.mark.parametrize(
    "template",
    [
        "{{ ref }}{{ 'a' * 10 ** 10 }}",
        "{{ ref }}{{ 9 ** 9 ** 9 }}",
        "{{ ref * 1000000000 }}",
        "{{ [ref] * 10 ** 9 }}",
        "{{ ref|center(2000000000) }}",
        "{{ ref.ljust(2000000000) }}",
        "{{ ref['zfill'](2000000000) }}",
        "{{ '%2000000000d' % 1 }} {{ ref }}",
        "{{ '{:>2000000000}'.format(ref) }}",
        "{{ '%2000000000d'|format(1) }} {{ ref }}",
        "{{ ref|attr('rjust')(2000000000) }}",
    ],
)
def test_a_template_without_end_is_a_mistake(tmp_path: Path, template: str) -> None:
    content = f'rules: {{sms.missing: {{messages: {{confirmed: {{trigger: t, template: "{template}"}}}}}}}}\n'
    found = mistakes(tmp_path, content + "bookings: {statuses: [confirmed], made_as: [confirmed]}\n")
    assert any("template" in mistake for mistake in found), found
