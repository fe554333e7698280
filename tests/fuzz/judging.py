"""What may come of any input: something that can be used, or a list of mistakes. In time, and without its secrets."""

import logging
import re
import signal
import time
import traceback
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from types import FrameType
from zoneinfo import ZoneInfo

import apprise  # noqa: F401 - before the clock of the first input runs: the import is slow
import pytest
from phonenumbers import PhoneNumberFormat, format_number, parse
from sqlalchemy import text

from reconciler.domain.alerting.alerts import Alert, AlertType, CheckIn, DeliveryStatus, Severity
from reconciler.domain.drill import DrillAlert
from reconciler.domain.gaps import Cause, GapKind
from reconciler.errors import ConfigurationError, ReconcilerError
from reconciler.ports import Unwritable
from reconciler.reporting import heartbeats, logs, oncall
from reconciler.reporting.heartbeats import Heartbeats
from reconciler.reporting.oncall import OncallRoute
from reconciler.reporting.sentry.issues import IssueResolver
from reconciler.reporting.sentry.notifier import SentryNotifier
from reconciler.settings import Need, load
from reconciler.settings.model.rules import PLACEHOLDER_NAMES
from reconciler.text.greeting import Greeting
from reconciler.text.localized import localized
from reconciler.text.phones import REGIONS, Phones, ascii_digits
from reconciler.text.templates import MAX_SMS_LENGTH, MessageTemplate, Style, Templates, check_template
from reconciler.wiring import assembly
from tests.fuzz.drawing import SECRET, SHIPPED, drawn_file, drawn_variables
from tests.fuzz.numbers import drawn_field, drawn_number, drawn_region, drawn_spelling
from tests.fuzz.providers import codes_of
from tests.fuzz.servers import OddServer
from tests.fuzz.sinks import OddSink
from tests.fuzz.templates import LOCALES, drawn_booking, drawn_template

_GREETING = Greeting.of("there", PLACEHOLDER_NAMES)

DEADLINE = timedelta(seconds=0.3)
"""Of each call to a sink, so that the silent ones cost little."""
UUID = "0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f"
LONGEST = 5.0
"""Seconds for one input. The page waits two for a connection, and two for an answer."""
LONGEST_MESSAGE = 2000
"""Characters, as a person reads them on a terminal."""


NOW = datetime(2026, 6, 10, 11, 0, tzinfo=UTC)
ALERT = Alert(
    id="5a4d" * 8,
    kind=GapKind.SMS_MISSING,
    cause=Cause.NEVER_QUEUED,
    severity=Severity.ERROR,
    found=1,
    repaired=0,
    oldest_at=NOW,
)
RESOLVED = replace(ALERT, alert_type=AlertType.RESOLVED, events=("5a4d" * 8,))
DRILL = DrillAlert(id="5a4e" * 8, planted=(), at=NOW)
CHECK_IN = CheckIn(monitor="reconciler", ok=True, every=timedelta(minutes=5))


class TookTooLong(BaseException):
    """Raised into whatever is still running after ``LONGEST``."""


@dataclass
class Shown:
    """What the inputs so far have led to."""

    tried: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    slowest: float = 0
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Judge:
    folder: Path
    valid: Mapping[str, str]
    """An environment without a mistake."""
    shown: Shown = field(default_factory=Shown)

    def try_file(self, seed: int) -> None:
        self.try_content(f"file {seed}", drawn_file(seed))

    def try_content(self, name: str, content: bytes) -> None:
        """A file that somebody thought of."""
        path = self.folder / "cron.yaml"
        path.write_bytes(content)
        self._try(name, lambda: _use(path, self.valid))

    def try_variables(self, seed: int) -> None:
        path = self.folder / "cron.yaml"
        path.write_text(SHIPPED, encoding="utf-8")
        self._try(f"variables {seed}", lambda: _use(path, drawn_variables(seed, self.valid)))

    def try_server(self, seed: int) -> None:
        path = self.folder / "cron.yaml"
        path.write_text(SHIPPED, encoding="utf-8")
        with OddServer(seed) as server:
            self._try(f"server {seed}", lambda: _ask(path, {**self.valid, "DATABASE_URL": server.url}))

    def try_sink(self, seed: int) -> None:
        """One server that answers as Sentry, as an on-call route and as a dead man's switch."""
        with OddSink(seed) as sink:
            self._try(f"sink {seed}", lambda: _alert(sink.host))

    def try_provider(self, seed: int) -> None:
        """One server that answers as Twilio, as Calendar and as Google's token endpoint."""
        with OddSink(seed) as sink:
            self._try(f"provider {seed}", lambda: codes_of(sink.host, DEADLINE))

    def try_number(self, seed: int) -> None:
        self._try(f"number {seed}", lambda: _read_number(seed))

    def try_template(self, seed: int) -> None:
        self._try(f"template {seed}", lambda: _fill(seed))

    def _try(self, name: str, use: Callable[[], list[str]]) -> None:
        began = time.monotonic()
        try:
            with _limited():
                said = use()
        except TookTooLong as error:
            self.shown.problems.append(f"{name}: took longer than {LONGEST} s, at {_place(error)}")
            said = []
        except Exception as error:  # noqa: BLE001 - what is looked for
            self.shown.problems.append(f"{name}: {type(error).__name__} at {_place(error)}: {error}"[:500])
            said = []
        if any(SECRET in one for one in said):
            self.shown.problems.append(f"{name}: a message holds the secret: {said}"[:500])
        if any(len(one) > LONGEST_MESSAGE for one in said):
            self.shown.problems.append(f"{name}: a message of {max(map(len, said))} characters")
        if any("\x1b" in one or "\n" in one for one in said):
            self.shown.problems.append(f"{name}: a message has control characters: {said!r}"[:500])
        self.shown.tried += 1
        self.shown.outcomes["mistakes" if said else "read"] += 1
        self.shown.slowest = max(self.shown.slowest, time.monotonic() - began)


def _use(path: Path, environ: Mapping[str, str]) -> list[str]:
    """The mistakes; without one, everything is made of the settings that a command makes before it connects."""
    try:
        settings = load(path, environ, Need.ACT, file_required=True)
    except ConfigurationError as error:
        return list(error.mistakes)
    with ExitStack() as stack:
        stack.enter_context(assembly.database(settings))
        assembly._gateway(settings)
        assembly._calendar(settings, stack)
        assembly.notifier(settings.environment.sentry)
        assembly.grants(settings, "reconciler_job")
        Templates(settings.wordings(), settings.text_style())
        for make in (settings.runner, settings.window, settings.deadlines, settings.sms_limits, settings.rule_filters):
            make()
    # A provider's mistakes stop its effect only.
    return [fault.seen for fault in settings.access_faults().values()]


def _read_number(seed: int) -> list[str]:
    """A field is one number, or none; and a number is found in every way to write it, by its last digits."""
    region, number, field = drawn_region(seed), drawn_number(seed), drawn_field(seed)
    phones = Phones(region)
    if number is not None:
        national = format_number(parse(number), PhoneNumberFormat.NATIONAL)
        spelled = drawn_spelling(seed, number, national)
        assert number in phones.meant([spelled], [number])[spelled], (number, spelled)
        for written in (spelled, field):
            if phones.meant([written], [number])[written]:
                assert any(tail in ascii_digits(written) for tail in phones.tails([number])), (number, written)
        field = spelled if seed % 2 else field
    e164 = phones.e164(field)
    assert e164 is None or re.fullmatch(r"\+[1-9][0-9]{4,14}", e164), e164
    assert e164 is None or not phones.refused_kind(field), "one of a kind that is refused"
    if e164 is None:
        return ["no number"]
    assert e164 in phones.forms(e164)
    assert phones.e164(e164) == e164, "not the same when it is read again"
    assert e164 in phones.meant([field], [e164])[field], "a field that does not mean its own number"
    assert phones.country(e164) in REGIONS | {""}
    return []


def _fill(seed: int) -> list[str]:
    """A template is refused with reasons; or it makes a text of a booking, or says why not."""
    template, booking = drawn_template(seed), drawn_booking(seed)
    style = Style(ZoneInfo("Europe/London"), localized(LOCALES[seed % len(LOCALES)]), _GREETING)
    greeted, _ = _GREETING.first_name(booking.first_name, booking.name)
    assert all(one == " " or one in "-'’" or unicodedata.category(one)[0] in "LM" for one in greeted), greeted
    problems = check_template(template, style, ())
    if problems:
        return ["refused"]  # the reasons quote the template, which the operator wrote
    writer = Templates({"confirmed": MessageTemplate("t", template)}, style)
    for trial in writer.trials():
        assert trial.segments or trial.why
    try:
        draft = writer.write(booking, "+447700900123")
    except Unwritable as error:
        return [str(error)]
    assert booking.reference in draft.body
    assert len(draft.body) <= MAX_SMS_LENGTH
    assert draft.segments >= 1
    return []


def _ask(path: Path, environ: Mapping[str, str]) -> list[str]:
    """What is said of the server, with the page's patience: its connections end before the others do."""
    settings = load(path, environ, Need.READ)
    logs.set_up(logging.ERROR)
    try:
        with assembly.page_database(settings) as database, database.transaction() as connection:
            connection.execute(text("SELECT current_user, now()")).all()
            return []
    except ReconcilerError as error:
        return [str(error), error.advice]


def _alert(host: str) -> list[str]:
    """What is said of the sinks: codes and statuses. Whatever else they return is a problem."""
    said: list[str] = []
    logs.set_up(logging.WARNING, log := StringIO())
    issues = IssueResolver(url=f"http://{host}", organization="venue", token=SECRET, timeout=DEADLINE)
    sentry = SentryNotifier(f"http://{SECRET}@{host}/42", "venue", "r@1", issues, timeout=DEADLINE)
    route = OncallRoute(name="PAGER_URL", url=f"json://user:{SECRET}@{host}/hook")
    paths = (f"ping/{UUID}", f"api/push/{SECRET}", "any")
    beats = Heartbeats({f"job_{number}": f"http://{host}/{path}" for number, path in enumerate(paths)})
    with pytest.MonkeyPatch.context() as patch:
        for module in (heartbeats, oncall):
            patch.setattr(module, "TIMEOUT", DEADLINE)
        answers = (sentry.send(ALERT), sentry.send(RESOLVED), sentry.send_test_event(DRILL), route.send(ALERT))
        said += [DeliveryStatus(answer).value for answer in answers]
        if not isinstance(sentry.check_in(CHECK_IN), bool):
            raise TypeError("a check-in was accepted or not")
        said += [sentry.check(), *(beats.end(job, failed=False) for job in beats.jobs), beats.try_out(beats.jobs[0])]
    if SECRET in log.getvalue():
        raise AssertionError("the log holds the secret")
    if "sink_unknown" in log.getvalue():
        raise AssertionError("nobody thought of this: " + log.getvalue())
    return [one for one in said if one not in ("", "accepted")]


def _place(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"


@contextmanager
def _limited() -> Iterator[None]:
    def end(_signal: int, _frame: FrameType | None) -> None:
        raise TookTooLong

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, LONGEST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
