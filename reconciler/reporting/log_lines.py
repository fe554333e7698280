"""How a line of the log is made: structlog for our own and for libraries', numbers masked, no exception's own words.

It is apart from ``logs`` because structlog is slow to load, and most commands write no line.
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

from reconciler.domain.formatting import CUT, escaped
from reconciler.reporting.redact import clean, masked

LONGEST_VALUE = 5000
"""Characters of one value."""


def handler(level: int, out: TextIO) -> logging.Handler:
    """Configure structlog, and return what writes the lines of the standard library's logging."""
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
    writing = logging.StreamHandler(out)
    writing.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=ours,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _without_message, *rendering],
        )
    )
    return writing


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
