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
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from zoneinfo import ZoneInfo

from phonenumbers import PhoneNumberFormat, format_number, parse
from sqlalchemy import text

from reconciler.errors import ConfigurationError, ReconcilerError
from reconciler.ports import Unwritable
from reconciler.reporting import logs
from reconciler.settings import Need, load
from reconciler.settings.file.model_rules import PLACEHOLDER_NAMES
from reconciler.text.greeting import Greeting
from reconciler.text.localized import localized
from reconciler.text.phones import REGIONS, Phones, ascii_digits
from reconciler.text.templates import MAX_SMS_LENGTH, MessageTemplate, Style, Templates, check_template
from reconciler.wiring import assembly
from tests.fuzz.drawing import SECRET, SHIPPED, drawn_file, drawn_variables
from tests.fuzz.numbers import drawn_field, drawn_number, drawn_region, drawn_spelling
from tests.fuzz.servers import OddServer
from tests.fuzz.templates import LOCALES, drawn_booking, drawn_template

_GREETING = Greeting.of("there", PLACEHOLDER_NAMES)

LONGEST = 5.0
"""Seconds for one input."""
LONGEST_MESSAGE = 2000
"""Characters, as a person reads them on a terminal."""


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
    problems = check_template(template, style)
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
