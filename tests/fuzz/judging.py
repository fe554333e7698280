"""What may come of any input: settings that can be used, or a list of mistakes. In time, and without its secrets."""

import logging
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from sqlalchemy import text

from reconciler.errors import ConfigurationError, ReconcilerError
from reconciler.reporting import logs
from reconciler.settings import Need, load
from reconciler.text.templates import Templates
from reconciler.wiring import assembly
from tests.fuzz.drawing import SECRET, SHIPPED, drawn_file, drawn_variables
from tests.fuzz.servers import OddServer

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
        Templates(settings.wordings(), settings.file.timezone)
        for make in (settings.runner, settings.window, settings.deadlines, settings.sms_limits, settings.rule_filters):
            make()
    # A provider's mistakes stop its effect only.
    return [fault.seen for fault in settings.access_faults().values()]


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
