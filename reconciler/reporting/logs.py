"""The log: constant event names and fields, pretty on a terminal, JSON elsewhere, to stderr; numbers masked.

Libraries log through it too, from WARNING up: some of them write whole URLs and bodies at lower levels.
"""

import logging
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from reconciler.domain.alerting.alerts import Alert
from reconciler.domain.formatting import CUT, escaped
from reconciler.reporting.redact import clean, masked

LONGEST_VALUE = 5000
"""Characters of one value."""
_log = structlog.get_logger()

_LOUD = ("alembic", "apscheduler", "google.auth", "googleapiclient", "httplib2", "twilio.http_client")


def set_up(level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Configure structlog and the standard library's logging for this process."""
    out = stream or sys.stderr
    ours: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _mask,
    ]
    rendering: list[Processor] = (
        [structlog.dev.ConsoleRenderer()] if out.isatty() else [structlog.processors.JSONRenderer(sort_keys=True)]
    )
    structlog.configure(
        processors=[*ours, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=ours,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _without_message, *rendering],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.WARNING)
    # Both quote whole URLs, which hold tokens; urllib3 does for each header that it cannot read.
    for name in ("apprise", "urllib3", "urllib3.connection", "urllib3.connectionpool", "urllib3.response"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    # What psycopg cannot read of a notice: a traceback, and perhaps a row. Its errors reach us as exceptions.
    logging.getLogger("psycopg").setLevel(logging.CRITICAL + 1)
    # APScheduler logs again, as an ERROR with the exception's text, what our listener already logs.
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)


def announce(alert: Alert) -> None:
    """One log line for each alert, whichever routes it goes to."""
    _log.info(
        "incident",
        alert_type=alert.alert_type.value,
        kind=alert.kind.value,
        cause=alert.cause.value,
        found=alert.found,
        repaired=alert.repaired,
        open=alert.open,
        code=alert.code,
    )


def _mask(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Numbers masked, and every value on one line that a terminal shows as it is."""
    kept = {name: event[name] for name in ("exc_info", "_record", "_from_structlog") if name in event}
    return {_one_line(masked(name)): _plain(clean(value)) for name, value in event.items() if name not in kept} | kept


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {_one_line(str(name)): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner) for inner in value]
    # An exception among them: its words may hold a number.
    return _one_line(value if isinstance(value, str) else masked(str(value)))


def _one_line(text: str) -> str:
    plain = escaped(text[: LONGEST_VALUE + 1])
    return plain if len(plain) <= LONGEST_VALUE else plain[:LONGEST_VALUE] + CUT


def _without_message(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace an exception by its type and its places in the code: its message may hold personal data."""
    failure = event.pop("exc_info", None)
    if failure is True:
        failure = sys.exc_info()
    if isinstance(failure, BaseException):
        failure = (type(failure), failure, failure.__traceback__)
    if isinstance(failure, tuple) and failure[0] is not None:
        event["error"] = failure[0].__name__
        event["places"] = _places(failure[2])
    return event


def _places(trace: TracebackType | None) -> list[str]:
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)]
