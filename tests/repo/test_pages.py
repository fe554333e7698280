"""Documentation that says what the code says: pages of settings and grants, and the example with the defaults."""

from reconciler.settings import Need, load
from reconciler.settings.env.reader import VARIABLES
from reconciler.settings.file import source
from reconciler.settings.file.validation import validate
from reconciler.settings.model.cron_file import CronFile
from tests.repo.pages import GRANTS, ROOT, SETTINGS, grants_page, parts, settings_page

EXAMPLE = ROOT / "cron.yaml"


def example() -> CronFile:
    read, unreadable = source.read(EXAMPLE)
    file, mistakes = validate(read)
    assert unreadable + mistakes == []
    assert file is not None
    return file


def test_the_settings_page_is_the_one_the_program_writes() -> None:
    assert SETTINGS.read_text(encoding="utf-8") == settings_page(), "run: python -m tests.repo.pages"


def test_the_page_of_grants_is_the_one_the_program_writes() -> None:
    assert GRANTS.read_text(encoding="utf-8") == grants_page(), "run: python -m tests.repo.pages"


def test_every_key_says_what_it_means() -> None:
    keys = [key for part in parts(CronFile, CronFile().model_dump(mode="json", by_alias=True)) for key in part.keys]

    assert [key.path for key in keys if not key.meaning] == []
    # One from each depth, lest the page be shorter than what it is written from.
    assert {"version", "bookings.columns.phone", "rules.sms.missing.messages.<status>.template"} < {
        key.path for key in keys
    }


def test_every_variable_stands_on_the_page() -> None:
    page = settings_page()

    assert [name for name in VARIABLES if f"| `{name}` |" not in page] == []


def test_the_example_states_the_defaults() -> None:
    shipped = example().model_copy(update={"jobs": {}})
    answer = shipped.rules.sms_missing.model_copy(update={"queue_failed_resent": None})
    rules = shipped.rules.model_copy(update={"sms_missing": answer})
    assert shipped.rules.sms_missing.queue_failed_resent is False, "the one answer that has no default"
    assert shipped.model_copy(update={"rules": rules}) == CronFile()
    assert example().running() == CronFile().running()


def test_the_example_passes_every_check() -> None:
    load(EXAMPLE, {"DATABASE_URL": "postgresql://job:secret@localhost/venue"}, Need.DATABASE)


def test_the_example_leaves_nothing_out() -> None:
    """But the names of the application's columns, one note, and the key that each message has instead."""
    file = example()
    rules, limits = file.rules, file.limits
    shown = [file, file.bookings, rules, rules.sms_missing, rules.sms_stuck, rules.sms_unproven, rules.calendar_missing]
    shown += [limits, limits.breaker, limits.rate, limits.timeouts, file.reporting]

    assert [name for part in shown for name in type(part).model_fields if name not in part.model_fields_set] == [
        "reference",
        "starts",
        "ends",
        "created",
        "due",
        "join",
        "name",
        "first_name",
        "phone",
        "facts",
        "date_tbd_note",
        "satisfied_by",
    ]


def test_the_example_runs_the_jobs_there_are() -> None:
    assert set(example().jobs) == {path.stem for path in (ROOT / "jobs").glob("*.py")} - {"__init__"}
