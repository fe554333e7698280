"""What has to be told without the ledger: it may be the database itself that is away. One report when it begins."""

import threading
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.domain.gaps import Cause, GapKind
from reconciler.domain.reports import Level, Report, Told
from reconciler.ports import Reporter

Key = tuple[GapKind, str]


@dataclass(slots=True)
class Troubles:
    """Troubles of this process, each for one subject (a job, the clock). Any thread may call every method.

    A trouble that comes again within ``settled_after`` is the same one: it is not told again.
    """

    reporter: Reporter | None
    settled_after: timedelta
    _last: dict[Key, datetime] = field(default_factory=dict)
    _untold: list[Report] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def happened(self, kind: GapKind, about: str, code: str, seen: str, remedy: str, now: datetime) -> None:
        """Tell it, unless it is going on."""
        with self._lock:
            last = self._last.get((kind, about))
            self._last[kind, about] = now
            if last is not None and now - last < self.settled_after:
                return
            self._untold.append(
                Report(
                    id=uuid.uuid4().hex,
                    kind=kind,
                    cause=Cause.BLOCKED,
                    level=Level.ERROR,
                    found=1,
                    repaired=0,
                    oldest_at=now,
                    references=(about,),
                    code=code,
                    seen=seen,
                    remedy=remedy,
                )
            )
        self.deliver()

    def deliver(self) -> None:
        """Tell what was not accepted yet; that it may be over by now does not matter."""
        if self.reporter is None:
            return
        with self._lock:
            while self._untold:
                if self.reporter.tell(self._untold[0]) is Told.UNREACHABLE:
                    return
                self._untold.pop(0)
