"""The file of a plan: it comes back as it was written, whatever its layout; anything else is refused in plain words."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.cli.plan_file.document import CHECKSUM, EffectPlan, PlanDocument, _checksum, read, write
from reconciler.cli.plan_file.markdown import markdown
from reconciler.domain.decide.plan import ApprovedRepair
from reconciler.domain.gaps import Effect
from reconciler.errors import ConfigurationError

AT = datetime(2026, 6, 10, 11, 0, tzinfo=UTC)


def repair(status: str = "confirmed", starts_at: datetime | None = AT) -> ApprovedRepair:
    return ApprovedRepair(
        status=status, starts_at=starts_at, trigger="booking_confirmed", incarnation=0, recipient="a1", content="b2",
        segments=1,
    )  # fmt: skip


def document(repairs: dict[str, ApprovedRepair]) -> PlanDocument:
    plan = EffectPlan(repairs=repairs, left_out={"past": 3}, takes=timedelta(minutes=2))
    return PlanDocument(
        made_at=AT, made_by="1.0", installation="i", database="d", accounts="a", scope="", since=AT, until=None,
        ahead=False, stale_after=timedelta(days=3), effects={Effect.SMS: plan},
    )  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "plan.json"


@given(
    repairs=st.dictionaries(
        st.text(max_size=40),
        st.builds(repair, st.text(max_size=10), st.none() | st.datetimes(timezones=st.just(UTC))),
        max_size=5,
    )
)
def test_it_comes_back_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, repairs: dict[str, Any]) -> None:
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    written = document(repairs)
    write(written, path)
    found = read(path)
    assert found == written
    assert list(found.effects[Effect.SMS].repairs) == list(repairs), "the oldest comes first"


def test_the_layout_does_not_count(path: Path) -> None:
    write(document({"b1": repair()}), path)
    path.write_text(json.dumps(json.loads(path.read_text()), sort_keys=True))
    assert read(path) == document({"b1": repair()})


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        pytest.param(lambda text: text.replace("confirmed", "pending", 1), "its checksum does not match", id="edited"),
        pytest.param(lambda text: text.replace('"b1"', '"b2"', 1), "its checksum does not match", id="another booking"),
        pytest.param(lambda text: text[: len(text) // 2], "it is not JSON", id="half"),
        pytest.param(lambda _: "", "it is not JSON", id="empty"),
        pytest.param(lambda _: "[" * 200_000, "it is not JSON", id="nested"),
        pytest.param(lambda _: '{"a": ' + "9" * 5000 + "}", "it is not JSON", id="number"),
        pytest.param(lambda _: "\ufeff{}", "no plan of a backfill", id="BOM"),
        pytest.param(lambda _: "[1, 2]", "no plan of a backfill", id="list"),
        pytest.param(lambda _: "null", "no plan of a backfill", id="null"),
        pytest.param(lambda _: '{"backfill_plan": 1}', "its checksum does not match", id="no checksum"),
        pytest.param(lambda _: '{"backfill_plan": 1, "checksum": {}}', "its checksum does not match", id="wrong shape"),
    ],
)
def test_what_is_damaged_is_refused(path: Path, damage: Callable[[str], str], says: str) -> None:
    write(document({"b1": repair()}), path)
    path.write_text(damage(path.read_text()))
    with pytest.raises(ConfigurationError, match=says) as error:
        read(path)
    assert "plan again" in error.value.advice


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({"backfill_plan": 2}, "backfill_plan: Input should be 1", id="later version"),
        pytest.param({"surprise": True}, "surprise: Extra inputs are not permitted", id="unknown field"),
        pytest.param({"effects": {"pigeon": {}}}, "effects.pigeon", id="unknown effect"),
        pytest.param({"made_at": "2026-06-10T11:00:00"}, "made_at: .*timezone", id="no zone"),
        pytest.param({"stale_after": "soon"}, "stale_after", id="no duration"),
        pytest.param({"effects": {"sms": {"repairs": [], "left_out": {}, "takes": "PT1S"}}}, "effects.sms", id="list"),
    ],
)
def test_what_has_another_form_is_refused(path: Path, change: dict[str, Any], says: str) -> None:
    data = document({"b1": repair()}).model_dump(mode="json") | change
    path.write_text(json.dumps({**data, CHECKSUM: _checksum(data)}))
    with pytest.raises(ConfigurationError, match=says):
        read(path)


def test_bytes_that_are_no_text_are_refused(path: Path) -> None:
    path.write_bytes(b"\x80\x81\xff" * 100)
    with pytest.raises(ConfigurationError, match="it is not JSON"):
        read(path)


def test_a_file_that_is_there_stays(path: Path) -> None:
    path.write_text("approved")
    with pytest.raises(ConfigurationError, match="is there already"):
        write(document({}), path)
    path.unlink()
    path.symlink_to("nowhere")
    with pytest.raises(ConfigurationError, match="is there already"):
        write(document({}), path)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("[click](http://evil.example)", "`[click](http://evil.example)`"),
        ("a|b", "`a\\|b`"),
        ("`@team`", "`'@team'`"),
        ("two\nlines", "`two\\nlines`"),
        ("<img src=x>", "`<img src=x>`"),
    ],
)
def test_a_value_of_the_application_is_code_in_markdown(name: str, shown: str) -> None:
    said = markdown(document({name: repair()}), ZoneInfo("Europe/London"))
    assert f"| {shown} | `confirmed` | 2026-06-10 12:00 | `booking_confirmed` | 1 |" in said.splitlines()
