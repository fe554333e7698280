"""Everything that is wrong with a file is said at once: also what two keys say together, beside a key that is wrong."""

from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.settings.file import source
from reconciler.settings.file.mistake import LONGEST, Mistake
from reconciler.settings.file.secrets import WITHHELD
from reconciler.settings.file_check import CheckedFile, check_file
from reconciler.settings.model.cron_file import CronFile
from tests.support.wrong_files import ANSWERED, WRONG


class Checked:
    """A file in a folder of its own, checked as `reconciler check` does."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "cron.yaml"

    def __call__(self, content: str, *, before_texts: bool = False) -> CheckedFile:
        self.path.write_text(content)
        read, unreadable = source.read(self.path)
        result = check_file(read, before_texts=before_texts)
        return replace(result, mistakes=(*unreadable, *result.mistakes))

    def keys(self, content: str) -> list[tuple[int | None, str]]:
        return [(mistake.line, mistake.key) for mistake in self(content).mistakes]


@pytest.fixture
def checked(tmp_path: Path) -> Checked:
    return Checked(tmp_path)


def test_a_file_without_a_mistake(checked: Checked) -> None:
    assert checked(ANSWERED, before_texts=True).mistakes == ()
    assert checked("").file == CronFile()


def test_an_open_question_is_a_mistake_before_texts_only(checked: Checked) -> None:
    (mistake,) = checked("", before_texts=True).mistakes
    assert (mistake.key, "Write no or yes" in mistake.what) == ("rules.sms.missing.queue_failed_resent", True)
    assert checked("").mistakes == ()
    assert checked("repairs: report\n", before_texts=True).mistakes == ()


MIXED = """\
timezone: Mars
bookings:
  columns: {name: full_name, first_name: full_name}
  graec: 5m
rules:
  sms.missing:
    messages:
      draft: {trigger: booking_created, template: "Hi {{ frist_name }}, {{ ref }}"}
      confirmed: {trigger: booking_confirmed, template: "Ref {{ ref }}"}
limits:
  lease: 31s
reporting:
  oncall: ["json://pager.example"]
"""


def test_wrong_keys_do_not_hide_what_others_say_together(checked: Checked) -> None:
    """Nothing of MIXED goes by the zone or the grace, but for the templates, which have the zone's time in them."""
    result = checked(MIXED)
    assert sorted((mistake.line, mistake.key) for mistake in result.mistakes) == [
        (1, "timezone"),
        (3, "bookings.columns.first_name"),
        (4, "bookings.graec"),
        (11, "limits.lease"),
        (13, "reporting.oncall.0"),
    ]
    assert (result.file, result.skipped) == (None, ("the templates",))


def test_the_rest_is_said_once_that_is_right(checked: Checked) -> None:
    result = checked(MIXED.replace("Mars", "Europe/London").replace("  graec: 5m\n", ""))
    assert [mistake.key for mistake in result.mistakes if "templ" in mistake.key] == [
        "rules.sms.missing.messages.draft.template"
    ]
    assert result.skipped == ()


@pytest.mark.parametrize(
    ("content", "skipped"),
    [
        # the lease would be too short for the default, and may not be for what is meant
        ("limits: {lease: 50s, settle: 50s, timeouts: {sql: fast}}", True),
        ("limits: {lease: 50s, settle: 50s, timeouts: {sqll: 1s}}", True),
        ("limits: {lease: 50s, settle: 50s, timeoutz: {sql: 1s}}", True),
        ("limits: {lease: 50s, settle: 50s, words: {sql: 1s}}", True),
        ("bookings: {statuses: [draft, 5, 6]}\nlimits: {lease: 50s, settle: 50s}", True),
        ("limits: {lease: 50s, settle: 50s}\nbookings: {only: {venue_id: []}}", False),
        ("limits: {lease: 50s, settle: 50s}\ncolour: red", True),
        ("limits: {lease: 50s, settle: 50s}\nlocal: red", False),
    ],
    ids=range(8),
)
def test_no_contradiction_is_made_up_of_a_default(checked: Checked, content: str, skipped: bool) -> None:
    """Where a wrong key may be what a contradiction goes by, it is not said that there is one."""
    result = checked(content)
    assert ("whether limits and times agree with each other" in result.skipped) == skipped
    assert any(mistake.key == "limits.lease" for mistake in result.mistakes) != skipped


def test_a_list_goes_as_a_whole(checked: Checked) -> None:
    """Its second wrong item does not take the section with it."""
    result = checked("bookings: {made_as: [5, 6], columns: {name: full_name, first_name: full_name}}\n")
    assert [mistake.key for mistake in result.mistakes] == [
        "bookings.made_as.0",
        "bookings.made_as.1",
        "bookings.columns.first_name",
    ]


def test_a_message_that_lacks_a_key_goes_as_a_whole(checked: Checked) -> None:
    lacking = "rules: {sms.missing: {messages: {draft: {trigger: x}}}}\nreporting: {oncall: ['json://pager.example']}\n"
    assert checked.keys(lacking) == [(1, "rules.sms.missing.messages.draft.template"), (2, "reporting.oncall.0")]


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
def test_each_mistake_has_its_line_its_key_and_a_remedy(checked: Checked, content: str) -> None:
    mistakes = checked(content, before_texts=False).mistakes
    if "jobs" not in content:  # an unknown job is the command's to find
        assert mistakes
    for mistake in mistakes:
        assert mistake.file == "cron.yaml"
        assert mistake.line
        assert mistake.key
        assert mistake.what
        assert mistake.remedy
        assert str(mistake) == f"cron.yaml:{mistake.line}: {mistake.key}: {mistake.what}"


@pytest.mark.parametrize(
    ("content", "seen", "remedy"),
    [
        ("bookings: {graec: 5m}", "", "write grace instead"),
        ("colour: red", "", "remove the key"),
        ("repairs: reprot", '"reprot"', "write report"),
        ("repairs: never", '"never"', "write repair or report"),
        ("bookings: {grace: 10}", "10", "correct the value, or remove the key: then it is 10m"),
        ("limits: {pass: 0}", "0", "correct the value, or remove the key: then it is 50"),
        ("bookings: {statuses: draft}", '"draft"', "write a list, such as [one, two]"),
        ("bookings: {statuses: [draft, 5]}", "5", 'put it in quotes: "5"'),
        ("rules: {sms.missing: {messages: {draft: {trigger: x}}}}", "", "add the key"),
        ("bookings: {only: {7: 7}}", "7", "put the key in quotes"),
        (
            "limits: {lease: 110s, settle: 110s, timeouts: {twilio: 50s}}",
            "",
            "change limits.lease (line 1), or set limits.timeouts.sql",
        ),
        ("limits: {lease: 6m}", "", "set limits.settle, or change limits.lease (line 1)"),
        ("record: {in_flight: approved}", "", "write a status that nothing in the application sends"),
    ],
    ids=range(13),
)
def test_the_remedy_says_what_to_write(checked: Checked, content: str, seen: str, remedy: str) -> None:
    assert (seen, remedy) in [(mistake.seen, mistake.remedy) for mistake in checked(content).mistakes]


def test_what_is_shown_holds_no_secret_and_ends() -> None:
    secret = "postgresql://job:hunter2@db.internal/venue"
    shown = Mistake(
        "cron.yaml", f"{secret}: {'x' * 5000}", f"not {secret}", line=1, path=(secret, 0), seen=f'"{secret}"'
    ).to_show()
    assert "hunter2" not in f"{shown} {shown.remedy} {shown.key} {shown.seen}"
    assert (shown.key, shown.line, shown.file) == (f"{WITHHELD}.0", 1, "cron.yaml")
    assert len(shown.what) == LONGEST + 2
