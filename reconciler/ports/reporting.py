"""Who tells people: what is sent is judged by the answer, never by having been handed over."""

from typing import Protocol

from reconciler.domain.alerting.alerts import Alert, CheckIn, DeliveryStatus
from reconciler.domain.drill import DrillAlert


class Notifier(Protocol):
    """May be used by several threads."""

    @property
    def resolves(self) -> bool:
        """Whether it wants to be told of ends: it resolves their issues."""
        ...

    def send(self, report: Alert) -> DeliveryStatus:
        """What became of it. The same report again is the same event. Never raises for a dead sink."""
        ...

    def send_test_event(self, report: DrillAlert) -> DeliveryStatus:
        """Tell that a fire drill goes on: one event that nobody can mistake for a real one. Never raises either."""
        ...

    def check(self) -> str:
        """Why a report would not be taken, as a code; '' if it would. Nobody is told anything by it."""
        ...

    def check_in(self, check_in: CheckIn) -> bool:
        """Say that the service is alive, and how it is. Whether it was accepted."""
        ...


class Route(Protocol):
    """Somebody on call. May be used by several threads."""

    @property
    def name(self) -> str:
        """The variable that holds it: what may be shown of it."""
        ...

    def send(self, report: Alert) -> DeliveryStatus:
        """What became of it; it is told *accepted* or *unreachable*. Never raises for a dead route.

        One incident is one alarm where the route knows such a thing: its end closes it.
        """
        ...
