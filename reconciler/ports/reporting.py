"""Who tells people: what is sent is judged by the answer, never by having been handed over."""

from typing import Protocol

from reconciler.domain.reports import CheckIn, Report, Told


class Reporter(Protocol):
    """May be used by several threads."""

    def tell(self, report: Report) -> Told:
        """What became of it. The same report again is the same event. Never raises for a dead sink."""
        ...

    def check(self) -> str:
        """Why a report would not be taken, as a code; '' if it would. Nobody is told anything by it."""
        ...

    def check_in(self, check_in: CheckIn) -> bool:
        """Say that the service is alive, and how it is. Whether it was accepted."""
        ...
