"""What has to be told without the ledger: it may be the database itself that is away. One report when it begins."""

import threading
import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime

from reconciler.domain.gaps import Cause, GapKind
from reconciler.domain.reports import Level, Report
from reconciler.ports import Reporter


@dataclass(slots=True)
class Troubles:
    """Open troubles of this process. Jobs run in threads: every method may be called from any of them."""

    reporter: Reporter | None
    _open: dict[tuple[GapKind, str], Report] = field(default_factory=dict)
    _untold: set[tuple[GapKind, str]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, kind: GapKind, about: str, code: str, seen: str, remedy: str, now: datetime) -> None:
        """Tell it, unless it is open already."""
        with self._lock:
            if (kind, about) in self._open:
                return
            report = Report(
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
            self._open[kind, about] = report
            self._untold.add((kind, about))
        self.deliver()

    def over(self, kind: GapKind, about: str) -> None:
        """It is well again: the next time is a new one."""
        with self._lock:
            self._open.pop((kind, about), None)
            self._untold.discard((kind, about))

    def deliver(self) -> None:
        """Try to tell what was not accepted yet."""
        if self.reporter is None:
            return
        with self._lock:
            for key in sorted(self._untold):
                if not self.reporter.tell(replace(self._open[key])):
                    return
                self._untold.discard(key)
