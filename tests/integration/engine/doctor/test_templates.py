"""``reconciler doctor`` fills each template for the barest and the fullest booking, and says what would be refused."""

import pytest

from reconciler.errors import Exit
from tests.support.doctor_runner import DoctorRunner
from tests.support.sandbox_world import World

pytestmark = pytest.mark.one_server


@pytest.fixture
def runner(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> DoctorRunner:
    return DoctorRunner(world, monkeypatch, capsys)


def templates(confirmed: str, limits: str = "") -> dict[str, str]:
    draft = "{trigger: booking_created, template: 'Hi {{ ref }}'}"
    return {
        "texts": f", messages: {{draft: {draft}, confirmed: {{trigger: booking_confirmed, template: '{confirmed}'}}}}",
        "limits": limits,
    }


def test_d6_the_shipped_templates_are_fine(runner: DoctorRunner) -> None:
    seen = runner.doctor("--json")
    assert seen.messages("templates", "OK") == ["2 tried on the barest and the fullest booking, at most 1 segments"]
    assert seen.messages("templates", "WARN") == []


@pytest.mark.parametrize(
    ("template", "limits", "said"),
    [
        ("For {{ guests }}. {{ ref }}", "", "the template of confirmed prints guests: a booking without gets no text"),
        ("{{ occasion|upper }} {{ name }} {{ ref }}", "", "the template of confirmed prints name and occasion: "),
        ("{{ 40 // (guests or 0) }} {{ ref }}", "", "cannot be filled for a booking with a date and a number alone ("),
        ("{{ ref }} " + "x" * 400, ", segments: 2", "takes 3 segments for a booking with everything, and "),
        ("{% if guests > 1000 %}{{ guests / 0 }}{% endif %}{{ ref }}", "", "for a booking with everything (ZeroDiv"),
        ("{% if guests %}{{ ref }}{% endif %}", "", "for a booking with a date and a number alone (ref)"),
    ],
)
def test_d6_what_would_be_refused_is_said(runner: DoctorRunner, template: str, limits: str, said: str) -> None:
    runner.world.configure(**templates(template, limits))
    seen = runner.doctor("--json")
    assert any(said in message for message in seen.messages("templates", "WARN")), seen.lines
    assert seen.code == Exit.AS_DESIRED


@pytest.mark.parametrize(
    "template",
    [
        "{% if guests %}For {{ guests }}. {% endif %}{{ ref }}",
        "{% if guests > 10 %}Many. {% endif %}{{ ref }}",
        '{{ occasion|default("party") }} {{ ref }}',
        "Hi{% if first_name %} {{ first_name }}{% endif %}, {{ ref }}",
    ],
)
def test_d6_what_every_booking_can_be_told_is_fine(runner: DoctorRunner, template: str) -> None:
    runner.world.configure(**templates(template))
    assert runner.doctor("--json").messages("templates", "WARN") == []


def test_who_sends_no_text_needs_no_template(runner: DoctorRunner) -> None:
    runner.world.configure(texts=", policy: off")
    assert runner.doctor("--json").messages("templates", "OK") == ["not wanted: no text is written (policy, repairs)"]
