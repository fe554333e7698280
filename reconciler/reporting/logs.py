"""The log: constant event names and fields, pretty on a terminal, JSON elsewhere, to stderr; numbers masked.

Libraries log through it too, from WARNING up: some of them write whole URLs and bodies at lower levels. ``log_lines``
makes the lines.
"""

import logging
import sys
from typing import Any, TextIO

from reconciler.domain.alerting.alerts import Alert

_LOUD = ("alembic", "apscheduler", "google.auth", "googleapiclient", "httplib2", "twilio.http_client")


def set_up(level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Configure structlog and the standard library's logging for this process."""
    # Imported here: whoever sets the log up with its first line loads structlog only then.
    from reconciler.reporting import log_lines

    _begin(log_lines.handler(level, stream or sys.stderr), level)


def set_up_with_first_line(level: int) -> None:
    """As ``set_up``, once there is something to write: structlog is slow to load, and most commands write no line."""
    _begin(FirstLine(level), level)


class FirstLine(logging.Handler):
    """Sets the log up when the first line comes, and passes that line on."""

    def emit(self, record: logging.LogRecord) -> None:
        set_up(self.level)
        logging.getLogger().handle(record)


class Log:
    """Our own lines: a constant event name and fields, with the methods of structlog's loggers."""

    def info(self, event: str, **fields: Any) -> None:
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        self._write(logging.WARNING, event, fields)

    def error(self, event: str, **fields: Any) -> None:
        self._write(logging.ERROR, event, fields)

    def exception(self, event: str, **fields: Any) -> None:
        """An error with the places in the code of the exception that is being handled."""
        self._write(logging.ERROR, event, {"exc_info": True, **fields})

    def _write(self, level: int, event: str, fields: dict[str, Any]) -> None:
        waiting = [one for one in logging.getLogger().handlers if isinstance(one, FirstLine)]
        if any(level < one.level for one in waiting):
            return
        for one in waiting:
            set_up(one.level)
        import structlog

        structlog.get_logger().log(level, event, **fields)


_log = Log()


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


def _begin(handler: logging.Handler, level: int) -> None:
    """Let the handler write what libraries log, from this level up; some are told to be quieter."""
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
