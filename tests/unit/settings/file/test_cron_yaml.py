"""Reading cron.yaml: each mistake with its line, in words of a person, and all of them at once. Never a traceback."""

import io
import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import date, time, timedelta
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from reconciler.domain.decide.policies import Breaker, Policy
from reconciler.errors import ConfigurationError, Exit
from reconciler.settings import Need, Settings, load
from reconciler.settings.file.values import Hours, TableName
from reconciler.settings.model.cron_file import CronFile
from reconciler.settings.model.jobs import DEFAULT_JOBS, Job

DATABASE = {"DATABASE_URL": "postgresql://job:secret@localhost/venue"}
DURATION = "a duration is written as 90s, 10m, 72h or 14d, and is at most 3650d"
EITHER = "write either every, such as 10m, or cron, such as 30 4 * * *"
TOP = "bookings, evidence, jobs, limits, locale, record, repairs, reporting, rules, timezone, version"


class Written:
    """A cron.yaml in a folder of its own, loaded for a command that needs the database only."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "cron.yaml"

    def load(self, content: str | bytes) -> Settings:
        self.path.write_bytes(content.encode() if isinstance(content, str) else content)
        return load(self.path, DATABASE, Need.DATABASE)

    def file(self, content: str | bytes) -> CronFile:
        return self.load(content).file

    def mistakes(self, content: str | bytes) -> list[str]:
        with pytest.raises(ConfigurationError) as caught:
            self.load(content)
        return list(caught.value.mistakes)


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path)


# What needs no file, or hardly one


@pytest.mark.parametrize(
    "content",
    ["", "\n", "# nothing yet\n", "---\n", "{}\n", "null\n", b"\xef\xbb\xbfversion: 1\n", "#" * 262144],
    ids=range(8),
)
def test_an_empty_file_means_all_defaults(written: Written, content: str | bytes) -> None:
    assert written.file(content) == CronFile()


def test_no_file_at_all_means_all_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert load(None, DATABASE, Need.DATABASE).file == CronFile()


def test_where_the_file_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, zone in (("cron.yaml", "Asia/Tokyo"), ("named.yaml", "Asia/Kolkata"), ("given.yaml", "Asia/Dubai")):
        Path(name).write_text(f"timezone: {zone}\n")

    def found(path: Path | None, variable: str) -> str:
        environ = DATABASE | {"RECONCILER_CONFIG": variable}
        return load(path, environ, Need.DATABASE).file.timezone.key

    assert found(None, "") == "Asia/Tokyo"
    assert found(None, " ") == "Asia/Tokyo"
    assert found(None, "named.yaml") == "Asia/Kolkata"
    assert found(Path("given.yaml"), "named.yaml") == "Asia/Dubai"
    Path("cron.yaml").unlink()
    assert found(None, "named.yaml") == "Asia/Kolkata"
    assert found(None, "") == CronFile().timezone.key


# What cannot be read as a file of keys and values


def test_a_file_that_was_asked_for_must_be_there(tmp_path: Path) -> None:
    for environ, path in ((DATABASE, tmp_path / "gone.yaml"), (DATABASE | {"RECONCILER_CONFIG": "gone.yaml"}, None)):
        with pytest.raises(ConfigurationError, match=r"^gone.yaml: cannot be read: No such file or directory$"):
            load(path, environ, Need.DATABASE)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        load(tmp_path, DATABASE, Need.DATABASE)


@pytest.mark.parametrize(
    ("content", "mistake"),
    [
        # not text, not for us
        (b"\nversion: 1\ntimezone: \xff\n", ":3: cannot be read: it is not UTF-8 text"),
        ("version: 1\n".encode("utf-16"), ":1: cannot be read: it is not UTF-8 text"),
        ("\nversion: 1\n# \x01\n", ":3: a character that may not stand here (U+0001)"),
        ("#" * 262145, ": cannot be read: larger than 256 KiB, this is another file"),
        # no mapping
        ("- version\n", ":1: the file must hold keys and values"),
        ("version\n", ":1: the file must hold keys and values"),
        ("5\n", ":1: the file must hold keys and values"),
        # no YAML
        ("rules: {\n", ":2: while parsing a flow node, expected the node content, but found '<stream end>'"),
        ("version: 1\nlimits: pass: 5\n", ":2: mapping values are not allowed here"),
        ("version: 1\n---\nversion: 1\n", ":2: expected a single document in the stream, but found another document"),
        ("bookings: *usual\n", ":1: found undefined alias 'usual'"),
        # a key twice: YAML forbids it, and most readers take the last without a word
        ("limits: {}\nrules: {}\nlimits: {}\n", ':3: while constructing a mapping, found duplicate key "limits"'),
        ("bookings:\n  grace: 1m\n  grace: 2m\n", ':3: while constructing a mapping, found duplicate key "grace"'),
        # endless stairs
        ("limits: " + "[" * 500, ":1: nested too deeply, more than 20 levels"),
        ("limits: " + "{a: " * 500 + "1" + "}" * 500, ":1: nested too deeply, more than 20 levels"),
    ],
    ids=range(15),
)
def test_what_cannot_be_read(written: Written, content: str | bytes, mistake: str) -> None:
    assert written.mistakes(content) == [f"cron.yaml{mistake}"]


def test_a_tab_is_no_indentation(written: Written) -> None:
    (mistake,) = written.mistakes("bookings:\n\tgrace: 5m\n")

    assert mistake.startswith("cron.yaml:2: ")
    assert "'\\t'" in mistake


def test_a_file_without_an_end() -> None:
    with pytest.raises(ConfigurationError, match=r"^zero: cannot be read: larger than"):
        load(Path("/dev/zero"), DATABASE, Need.DATABASE)


def test_aliases_that_multiply_are_told_in_no_time(written: Written) -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{name}: &{name} [{', '.join([f'*{below}'] * 9)}]" for below, name in itertools.pairwise("abcdefghi")]

    assert written.mistakes("\n".join(lines)) == [
        f"cron.yaml:{line}: {name}: unknown key; known: {TOP}" for line, name in enumerate("abcdefghi", 1)
    ]


# Keys nobody knows, on every floor of the file


@pytest.mark.parametrize(
    ("content", "line", "path", "meant"),
    [
        ("versoin: 1", 1, "versoin", "version"),
        ("\n\nVersion: 1", 3, "Version", "version"),
        ("bookings:\n  # the old one\n  tabel: x", 3, "bookings.tabel", "table"),
        ("bookings:\n  columns:\n    phon: x", 3, "bookings.columns.phon", "phone"),
        ("bookings:\n  customers:\n    tables: x", 3, "bookings.customers.tables", "table"),
        ("bookings:\n  customers:\n    columns: {optin: x}", 3, "bookings.customers.columns.optin", "opt_in"),
        ("rules:\n  sms.mising: {}", 2, "rules.sms.mising", "sms.missing"),
        ("rules:\n  sms_missing: {}", 2, "rules.sms_missing", "sms.missing"),
        ("rules:\n  sms.missing:\n    quiet_hour: x", 3, "rules.sms.missing.quiet_hour", "quiet_hours"),
        ("rules:\n  sms.missing:\n    queue: {tabel: x}", 3, "rules.sms.missing.queue.tabel", "table"),
        ("rules:\n  sms.missing:\n    queue: {columns: {bodi: x}}", 3, "rules.sms.missing.queue.columns.bodi", "body"),
        ("rules:\n  sms.stuck: {afer: 1h}", 2, "rules.sms.stuck.afer", "after"),
        ("rules:\n  calendar.missing:\n    polcy: off", 3, "rules.calendar.missing.polcy", "policy"),
        ("limits:\n  per_pass: 5", 2, "limits.per_pass", "pass"),
        ("limits:\n  breaker: {smss: 5}", 2, "limits.breaker.smss", "sms"),
        ("limits:\n  rate: {calender: 5/s}", 2, "limits.rate.calender", "calendar"),
        ("limits:\n  timeouts: {twillio: 5s}", 2, "limits.timeouts.twillio", "twilio"),
        ("reporting:\n  deadlin: 1h", 2, "reporting.deadlin", "deadline"),
        ("jobs:\n  sms_missing:\n    ever: 1m", 3, "jobs.sms_missing.ever", "every"),
        # pulled in from elsewhere in the file: told where that happens
        ("bookings: &usual {table: x}\nreporting:\n  <<: *usual\n  monitor: one", 4, "reporting.monitor", "monitors"),
    ],
)
def test_an_unknown_key(written: Written, content: str, line: int, path: str, meant: str) -> None:
    assert f"cron.yaml:{line}: {path}: unknown key, did you mean {meant}?" in written.mistakes(content)


@pytest.mark.parametrize(
    ("content", "mistake"),
    [
        ("colour: red", f"1: colour: unknown key; known: {TOP}"),
        ("2026-05-01: x", f"1: 2026-05-01: unknown key; known: {TOP}"),
        (
            "rules: {sms.missing: {messages:\n  {draft: {trigger: x, template: '{{ ref }}', tone: x}}}}",
            "2: rules.sms.missing.messages.draft.tone: unknown key; known: not_after, satisfied_by, template, trigger",
        ),
        (
            "bookings: &usual {scan_window: 9d}\njobs:\n  sms_missing:\n    <<: *usual",
            "3: jobs.sms_missing.scan_window: unknown key; known: alive, at_start, cron, every, keep",
        ),
        # keys that are no texts
        ("1: x", "1: 1: 1: a key is a text: put it in quotes"),
        ("null: x", "1: None: a key is a text: put it in quotes"),
        ("version: 1\n? [a, b]\n: x", "2: ('a', 'b'): a key is a text: put it in quotes"),
        ("bookings:\n  only:\n    7: 7", "3: bookings.only.7: 7: a key is a text: put it in quotes"),
    ],
)
def test_a_key_that_is_like_no_other(written: Written, content: str, mistake: str) -> None:
    assert written.mistakes(content) == [f"cron.yaml:{mistake}"]


# Values of another kind


@pytest.mark.parametrize(
    ("content", "mistake"),
    [
        ("version: 2", "version: 2: not one of the words for this; known: 1"),
        ("timezone: London", 'timezone: "London": not a time zone; write an IANA name such as Europe/London'),
        ("timezone:", "timezone: not a time zone; write an IANA name such as Europe/London"),
        ("repairs: reprot", 'repairs: "reprot": not one of the words for this, did you mean report?'),
        ("repairs: off", 'repairs: "off": not one of the words for this; known: repair, report'),
        # sections
        ("bookings:", "bookings: keys and values belong here"),
        ("bookings: 5", "bookings: 5: keys and values belong here"),
        ("rules: []", "rules: keys and values belong here"),
        ("jobs: [sms_missing]", "jobs: keys and values belong here"),
        ("jobs: {sms_missing: 10m}", 'jobs.sms_missing: "10m": keys and values belong here'),
        ("bookings: {customers: 5}", "bookings.customers: 5: keys and values belong here"),
        # an emptied key: without customers, nobody's consent would be asked for
        ("bookings: {customers: }", "bookings.customers: nothing stands here; write off, or leave the key out"),
        ("bookings: {since: }", "bookings.since: a date is written as 2026-05-01; or write installed"),
        ("bookings: {columns: {status: }}", "bookings.columns.status: a text belongs here"),
        ("jobs: {sms_missing: }", "jobs.sms_missing: nothing stands here; write off, or leave the key out"),
        # lists
        ("bookings: {statuses: draft}", 'bookings.statuses: "draft": a list belongs here, such as [one, two]'),
        ("bookings: {statuses: []}", "bookings.statuses: at least one belongs here"),
        ("bookings: {statuses: [draft, 1]}", "bookings.statuses.1: 1: a text belongs here"),
        # texts and numbers
        ("bookings: {columns: {phone: 5}}", "bookings.columns.phone: 5: a text belongs here"),
        ("bookings: {columns: {id: ''}}", 'bookings.columns.id: "": must not be empty'),
        ("bookings: {only: {venue_id: true}}", "bookings.only.venue_id: true: a text or a whole number belongs here"),
        ("bookings: {only: {venue_id: [7]}}", "bookings.only.venue_id: a text or a whole number belongs here"),
        ("limits: {pass: 0}", "limits.pass: 0: should be greater than or equal to 1"),
        ("limits: {pass: true}", "limits.pass: true: a whole number belongs here"),
        ("limits: {pass: '5'}", 'limits.pass: "5": a whole number belongs here'),
        ("limits: {pass: 5.5}", "limits.pass: 5.5: a whole number belongs here"),
        ("limits: {breaker: {ratio: 50%}}", 'limits.breaker.ratio: "50%": a number belongs here'),
        ("limits: {breaker: {ratio: .nan}}", "limits.breaker.ratio: NaN: should be less than or equal to 1"),
        ("jobs: {sms_missing: {at_start: 7}}", "jobs.sms_missing.at_start: 7: true or false belongs here"),
        ("jobs: {sms_missing: {}}", f"jobs.sms_missing: {EITHER}"),
        ("jobs: {sms_missing: {every: 5m, cron: 0 10 * * mon}}", f"jobs.sms_missing: {EITHER}"),
        # no unit, no length, no end
        ("bookings: {grace: 10}", f"bookings.grace: 10: {DURATION}"),
        ("bookings: {grace: 1:30}", f'bookings.grace: "1:30": {DURATION}'),
        ("bookings: {grace: [10m]}", f"bookings.grace: {DURATION}"),
        ("bookings: {scan_window: 99999999999d}", f'bookings.scan_window: "99999999999d": {DURATION}'),
        ("bookings: {scan_window: 0d}", 'bookings.scan_window: "0d": must be longer than nothing'),
        ("limits: {timeouts: {sql: 0s}}", 'limits.timeouts.sql: "0s": must be longer than nothing'),
        ("limits: {rate: {sms: 1/0s}}", 'limits.rate.sms: "1/0s": a rate is written as 1/s, 30/m or 3/24h'),
        ("bookings: {since: 2026-02-30}", 'bookings.since: "2026-02-30": day is out of range for month'),
        (
            "bookings: {since: 20260501}",
            "bookings.since: 20260501: a date is written as 2026-05-01; or write installed",
        ),
        # a value is shown as it is written, and cut if it is long
        ("repairs: für jetzt", 'repairs: "für jetzt": not one of the words for this; known: repair, report'),
        ("repairs: " + "x" * 58, f'repairs: "{"x" * 58}": not one of the words for this; known: repair, report'),
        ("repairs: " + "x" * 200, f'repairs: "{"x" * 59}..: not one of the words for this; known: repair, report'),
    ],
    ids=lambda value: value[:40],
)
def test_a_wrong_value(written: Written, content: str, mistake: str) -> None:
    assert written.mistakes(content) == [f"cron.yaml:1: {mistake}"]


HOURS = "quiet hours are written as 21:00-09:00, or off"
REGION = "not a region; write two capitals such as GB (which is the United Kingdom), IE or FR"


@pytest.mark.parametrize(
    ("content", "mistake"),
    [
        ("policy: OFF", 'policy: "OFF": not one of the words for this, did you mean off?'),
        ("policy: no", 'policy: "no": not one of the words for this; known: off, repair, report'),
        ("deliver: aplication", 'deliver: "aplication": not one of the words for this, did you mean application?'),
        ("region: UK", f'region: "UK": {REGION}'),
        ("region: 44", f"region: 44: {REGION}"),
        ("quiet_hours: 21:00", f'quiet_hours: "21:00": {HOURS}'),
        ("quiet_hours: NO", f'quiet_hours: "NO": {HOURS}'),
        ("quiet_hours: [21:00, 09:00]", f"quiet_hours: {HOURS}"),
        # emptied: neither every night's sleep nor every text that was sent may be forgotten for it
        ("quiet_hours:", f"quiet_hours: {HOURS}"),
        ("satisfied_by:", "satisfied_by: nothing stands here; write any, or leave the key out"),
        ("satisfied_by: []", "satisfied_by: at least one belongs here"),
        ("satisfied_by: some", 'satisfied_by: "some": a list belongs here, such as [one, two]'),
        ("messages: {1: {trigger: x, template: '{{ ref }}'}}", "messages.1: 1: a key is a text: put it in quotes"),
        ("messages: {draft: hello}", 'messages.draft: "hello": keys and values belong here'),
    ],
)
def test_a_wrong_value_of_the_rule_for_texts(written: Written, content: str, mistake: str) -> None:
    assert written.mistakes(f"rules:\n  sms.missing:\n    {content}\n") == [f"cron.yaml:3: rules.sms.missing.{mistake}"]


def test_a_message_lacks_its_parts(written: Written) -> None:
    content = """\
rules:
  sms.missing:
    messages:
      draft: {}
      confirmed: {trigger: "", template: hello}
"""

    assert written.mistakes(content) == [
        "cron.yaml:4: rules.sms.missing.messages.draft.trigger: missing, and has no default",
        "cron.yaml:4: rules.sms.missing.messages.draft.template: missing, and has no default",
        'cron.yaml:5: rules.sms.missing.messages.confirmed.trigger: "": must not be empty',
    ]


# What YAML 1.1 reads otherwise

NINE_TO_TEN = Hours(time(9), time(10))


@pytest.mark.parametrize(
    ("content", "value", "expected"),
    [
        ("rules: {sms.missing: {policy: off}}", lambda f: f.rules.sms_missing.policy, Policy.OFF),
        ("rules: {sms.missing: {policy: false}}", lambda f: f.rules.sms_missing.policy, Policy.OFF),
        ("rules: {sms.missing: {quiet_hours: off}}", lambda f: f.rules.sms_missing.quiet_hours, None),
        ("rules: {sms.missing: {quiet_hours: false}}", lambda f: f.rules.sms_missing.quiet_hours, None),
        ("rules: {sms.missing: {quiet_hours: 9:00-10:00}}", lambda f: f.rules.sms_missing.quiet_hours, NINE_TO_TEN),
        ("rules: {sms.missing: {region: NO}}", lambda f: f.rules.sms_missing.region, "NO"),
        ("bookings: {customers: off}", lambda f: f.bookings.customers, None),
        ("bookings: {customers: people}", lambda f: f.bookings.customers.table, TableName("public", "people")),
        ("bookings: {only: {on: yes, n: 12:30}}", lambda f: f.bookings.only, {"on": "yes", "n": "12:30"}),
        ("bookings: {since: 2026-05-01}", lambda f: f.bookings.since, date(2026, 5, 1)),
        ("bookings: {since: installed}", lambda f: f.bookings.since, None),
        ("reporting: {monitors: off}", lambda f: f.reporting.monitors, "off"),
        ("limits: {pass: 017}", lambda f: f.limits.per_pass, 17),
        ("limits: {breaker: {ratio: 1}}", lambda f: f.limits.breaker.ratio, 1.0),
        ("jobs: {sms_missing: {cron: 0 10 * * mon}}", lambda f: f.jobs["sms_missing"].cron, "0 10 * * mon"),
        ("bookings:\r\n  grace: 5m\r\n", lambda f: f.bookings.grace, timedelta(minutes=5)),
        ("limits: &few\n  pass: 5\nreporting: {}\n", lambda f: f.limits.per_pass, 5),
    ],
    ids=range(17),
)  # fmt: skip
def test_what_is_written_is_what_is_read(
    written: Written, content: str, value: Callable[[CronFile], object], expected: object
) -> None:
    assert value(written.file(content)) == expected


def test_when_jobs_run() -> None:
    """A job that is left out runs all the same; only ``off`` keeps it from that."""
    usual = CronFile().running()
    file = CronFile.model_validate(
        {"jobs": {"sms_missing": {"every": "5m"}, "calendar_missing": "off", "x": {"every": "1h"}}}
    )

    assert usual == DEFAULT_JOBS
    assert usual["sms_missing"].every == timedelta(minutes=10)
    assert file.running() == {
        **{name: job for name, job in usual.items() if name != "calendar_missing"},
        "sms_missing": Job(every=timedelta(minutes=5)),
        "x": Job(every=timedelta(hours=1)),
    }


def test_a_file_that_asks_for_yaml_1_1_is_not_misread_either(written: Written) -> None:
    """There 21:00 is 1260, and nothing takes a number for hours."""
    content = "%YAML 1.1\n---\nrules: {sms.missing: {quiet_hours: 21:00}}"

    assert written.mistakes(content) == [f"cron.yaml:3: rules.sms.missing.quiet_hours: 1260: {HOURS}"]


# What each key allows, and all of them together do not

MESSAGES = """\
rules:
  sms.missing:
    messages:
      draft: {trigger: booking_created, template: "%s"}
      confirmed: {trigger: booking_confirmed, template: "Ref {{ ref }}"}
"""


@pytest.mark.parametrize(
    ("content", "line", "mistake"),
    [
        (
            "lease: 31s",
            2,
            (
                "lease: 31s must be longer than 105s: 3 calls of limits.timeouts.google, 15s, "
                "and 2 statements of limits.timeouts.sql, 30s"
            ),
        ),
        (
            "lease: 110s\n  timeouts: {twilio: 50s}",
            2,
            (
                "lease: 110s must be longer than 110s: 1 call of limits.timeouts.twilio, 50s, "
                "and 2 statements of limits.timeouts.sql, 30s"
            ),
        ),
        (
            "pass: 5\n  timeouts: {sql: 150s}",
            3,
            (
                "lease: 5m must be longer than 345s: 3 calls of limits.timeouts.google, 15s, "
                "and 2 statements of limits.timeouts.sql, 150s"
            ),
        ),
        ("lease: 10m\n  settle: 9m", 3, "settle: 9m must not be shorter than limits.lease, 10m"),
        # the key that is wrong is not in the file: the line is that of the one that made it wrong
        (
            "pass: 5\n  timeouts:\n    google: 150s",
            4,
            (
                "lease: 5m must be longer than 510s: 3 calls of limits.timeouts.google, 150s, "
                "and 2 statements of limits.timeouts.sql, 30s"
            ),
        ),
        ("pass: 5\n  lease: 6m", 3, "settle: 5m must not be shorter than limits.lease, 6m"),
    ],
    ids=range(6),
)
def test_durations_that_contradict_each_other(written: Written, content: str, line: int, mistake: str) -> None:
    assert written.mistakes(f"limits:\n  {content}\n") == [f"cron.yaml:{line}: limits.{mistake}"]


def test_a_fallback_that_would_come_after_the_end(written: Written) -> None:
    named = "reporting: {oncall: [PAGER_URL], settled_after: 10m"
    (mistake,) = written.mistakes(f"{named}}}\n")
    assert "reporting.fallback_after: 15m must be shorter than reporting.settled_after" in mistake
    for fine in (f"{named}, fallback_after: 9m}}\n", "reporting: {settled_after: 10m}\n"):
        assert written.file(fine).reporting.settled_after == timedelta(minutes=10)


@pytest.mark.parametrize(
    ("content", "line", "mistake"),
    [
        (
            "jobs:\n  ledger_retention: {every: 24h, keep: 13d}",
            2,
            "312h must not be shorter than bookings.scan_window, 14d",
        ),
        ("bookings:\n  scan_window: 500d", 2, "400d must not be shorter than bookings.scan_window, 500d"),
        (
            "jobs: {ledger_retention: {every: 24h, keep: 20d}}\nrules: {sms.missing: {stale_after: 21d}}",
            1,
            "20d must not be shorter than rules.sms.missing.stale_after, 21d",
        ),
    ],
    ids=range(3),
)
def test_a_memory_shorter_than_the_time_within_which_we_send(
    written: Written, content: str, line: int, mistake: str
) -> None:
    (found,) = written.mistakes(content)
    advice = f"what is kept prevents repeated repairs; write {mistake.rpartition(' ')[2]} or more"
    assert found == f"cron.yaml:{line}: jobs.ledger_retention.keep: {mistake}: {advice}"


@pytest.mark.parametrize(
    ("content", "days"),
    [
        ("", 400),
        ("jobs: {ledger_retention: {cron: 0 5 * * *}}", 400),
        ("jobs: {ledger_retention: {cron: 0 5 * * *, keep: 30d}}", 30),
        ("jobs: {ledger_retention: off}", 400),
    ],
)
def test_how_long_what_is_finished_is_kept(written: Written, content: str, days: int) -> None:
    assert written.file(content).keep() == timedelta(days=days)


@pytest.mark.parametrize(
    ("content", "line", "status"),
    [
        ("bookings:\n  statuses:\n  - draft\n  - held", 4, "held"),
        ("rules:\n  sms.missing:\n    messages: {draft: {trigger: x, template: '{{ ref }}'}}", 3, "confirmed"),
    ],
)
def test_a_status_without_a_message(written: Written, content: str, line: int, status: str) -> None:
    assert written.mistakes(content) == [
        f"cron.yaml:{line}: rules.sms.missing.messages: no message for status {status}, which bookings.statuses lists"
    ]


@pytest.mark.parametrize(
    ("content", "line", "mistake"),
    [
        (
            "sms.missing: {deliver: application}\n  sms.stuck: {policy: off}",
            3,
            "sms.stuck.policy: off, so nothing would notice",
        ),
        (
            "sms.missing:\n    queue:\n      columns: {scheduled_for: null, created_at: null}",
            4,
            "sms.missing.queue.columns.scheduled_for: sms.stuck goes by scheduled_for or created_at",
        ),
        (
            "sms.missing:\n    queue:\n      columns:\n        created_at: null\n        sent_at: null",
            6,
            "sms.missing.queue.columns.sent_at: sms.unproven goes by sent_at or created_at",
        ),
    ],
)
def test_a_text_that_nobody_would_miss(written: Written, content: str, line: int, mistake: str) -> None:
    (found,) = written.mistakes(f"rules:\n  {content}\n")

    assert found.startswith(f"cron.yaml:{line}: rules.{mistake}")


def test_a_text_of_ours_that_would_not_count(written: Written) -> None:
    """The booking would be a gap again as soon as it is mended."""
    content = "rules:\n  sms.missing:\n    satisfied_by: [booking_created, welcome]\n"

    (mistake,) = written.mistakes(content)
    assert mistake.startswith("cron.yaml:3: rules.sms.missing.satisfied_by: lacks booking_confirmed, which we send")


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("Hi {{ frist_name }} {{ ref }}", "unknown variable frist_name, did you mean first_name?"),
        ("Hi {{ first_name }}", "the reference is missing"),
        ("Hi {{ ref", "line 1 of the template: unexpected end of template"),
    ],
)
def test_a_template_that_is_wrong(written: Written, template: str, problem: str) -> None:
    """All that can be wrong with one stands in test_templates."""
    (mistake,) = written.mistakes(MESSAGES % template)

    assert mistake.startswith(f"cron.yaml:4: rules.sms.missing.messages.draft.template: {problem}")


@pytest.mark.parametrize(
    "content",
    [
        "limits: {lease: 106s, settle: 106s}",
        "limits: {lease: 50001ms, settle: 1h, timeouts: {twilio: 10s, google: 10s, sql: 10s}}",
        "bookings: {statuses: [confirmed]}",
        "bookings: {statuses: [held]}\nrules: {sms.missing: {policy: off}}",
        "rules: {sms.stuck: {policy: off}}",
        "rules: {sms.stuck: {policy: off}, sms.missing: {deliver: application, policy: report}}",
        "rules: {sms.missing: {queue: {columns: {created_at: null}}}}",
        "jobs: {ledger_retention: {every: 24h, keep: 14d}}",
        "jobs: {ledger_retention: off}\nbookings: {scan_window: 500d}",
        "rules: {sms.missing: {queue: {columns: {created_at: null, sent_at: null}}}, sms.unproven: {policy: off}}",
    ],
)
def test_no_contradiction(written: Written, content: str) -> None:
    written.file(content)


def test_a_template_is_checked_though_the_rule_is_off(written: Written) -> None:
    """It is compiled at every start."""
    content = (MESSAGES % "{{ ref") + "    policy: off\n"

    assert len(written.mistakes(content)) == 1


# All at once


def test_every_mistake_at_once_from_the_top_down(tmp_path: Path) -> None:
    path = tmp_path / "venue.yaml"
    path.write_text(
        "limits:\n"
        "  rate: {sms: fast}\n"
        "  brake: 5\n"
        "bookings:\n"
        "  grace: 10\n"
        "  statuses: [draft, 5, 6]\n"
        "rules:\n"
        "  calendar.missing: {policy: mend, default_length: 3, colour: red}\n"
        "timezone: Mars\n"
    )

    with pytest.raises(ConfigurationError) as caught:
        load(path, {})

    assert [mistake.partition(": ")[0] for mistake in caught.value.mistakes if mistake.startswith("venue")] == [
        "venue.yaml:2", "venue.yaml:3", "venue.yaml:5", "venue.yaml:6", "venue.yaml:6", "venue.yaml:8", "venue.yaml:8",
        "venue.yaml:8", "venue.yaml:9",
    ]  # fmt: skip
    assert any(mistake.startswith("DATABASE_URL") for mistake in caught.value.mistakes)
    assert caught.value.exit_code is Exit.CONFIGURATION
    assert str(caught.value).count("\n") == len(caught.value.mistakes) - 1
    assert "docs/settings.md" in caught.value.advice


# Written out and read again

EVERYTHING = """\
version: 1
timezone: America/New_York
repairs: report
bookings:
  table: app."Booking"
  columns: {phone: null, event_id: google_event_id}
  customers: off
  statuses: [accepted]
  only: {venue_id: 7, kind: party}
  since: 2025-05-01
  grace: 0s
rules:
  sms.missing:
    policy: report
    queue: {table: texts, columns: {body: words, sent_at: null}}
    deliver: application
    satisfied_by: [welcome]
    quiet_hours: off
    messages: {accepted: {trigger: welcome, template: "Ref {{ ref }}"}}
  sms.stuck: {policy: off}
  calendar.missing: {policy: off, deleted_by_hand: restore, default_length: 90m}
limits: {pass: 7, breaker: {ratio: 0.25}, rate: {sms: 30/m}, per_recipient: 1/24h, settle: 2h}
reporting: {monitors: each, oncall: [PAGER_URL]}
jobs: {sms_missing: {every: 5m}, drill: {cron: 0 10 * * mon, at_start: false}, tidy: {every: 24h, keep: 9d}, rest: off}
"""


@pytest.mark.parametrize(
    ("content", "sms", "calendar", "removals"),
    [
        ("", Breaker(floor=25, ratio=0.5, ratio_from=5), 200, Breaker(floor=10, ratio=0.1, ratio_from=5)),
        (
            "{sms: 7, calendar: 70, removals: 3, removals_ratio: 0.2, ratio: 0.25, ratio_from: 9}",
            Breaker(floor=7, ratio=0.25, ratio_from=9),
            70,
            Breaker(floor=3, ratio=0.2, ratio_from=9),
        ),
    ],
)
def test_each_breaker_has_its_own_numbers(
    written: Written, content: str, sms: Breaker, calendar: int, removals: Breaker
) -> None:
    settings = written.load(f"limits: {{breaker: {content}}}" if content else "")
    texts, events = settings.sms_limits(), settings.calendar_limits()
    assert (texts.breaker, events.breaker) == (sms, replace(sms, floor=calendar))
    assert (texts.removal_breaker, events.removal_breaker) == (removals, removals)


@pytest.mark.parametrize("content", ["", EVERYTHING], ids=["defaults", "everything"])
def test_a_file_written_out_means_the_same(written: Written, content: str) -> None:
    file = written.file(content)
    text = io.StringIO()
    YAML(typ="safe", pure=True).dump(file.model_dump(mode="json", by_alias=True), text)

    assert written.file(text.getvalue()) == file
