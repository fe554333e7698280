"""The coverage in words, for the terminal, the alerts and the page."""

import re
from collections.abc import Mapping
from datetime import datetime

from reconciler.domain.decide.coverage.drops import AHEAD_OF_NOW, OUTSIDE, STATUS, Drop
from reconciler.domain.decide.coverage.pauses import NoBookings
from reconciler.domain.decide.verdicts import LABELS
from reconciler.domain.formatting import ago

_PLAIN_STATUS = re.compile(r"[A-Za-z][A-Za-z_-]{0,19}")
"""Another status may hold anything, also something personal. It is not quoted."""
_LABELS: Mapping[str, str] = {
    AHEAD_OF_NOW: "made later than now",
    OUTSIDE: "excluded by bookings.only",
    f"{STATUS}deleted": "marked as deleted",
}


def coverage_line(of: int, share: float | None, usual: float | None) -> str:
    """One line, such as *98 % of the new bookings of 24 h (usually 97 %)*."""
    before = f" (usually {percent(usual)})" if usual is not None else ""
    if share is None:
        return f"no new booking in 24 h{before}"
    return f"{percent(share)} of the new bookings of 24 h{before}" if of else f"none{before}"


def drop_line(drop: Drop) -> str:
    """What fell out of which rules, such as *40 of 40 new bookings: no phone (usually 3 %), so .. do not apply*."""
    rules = " and ".join(drop.kinds)
    what = "bookings of the table" if drop.reason == OUTSIDE else "new bookings"
    usual = f" (usually {percent(drop.usual)})" if drop.usual is not None else ""
    verb = "does" if len(drop.kinds) == 1 else "do"
    return f"{drop.number:,} of {drop.of:,} {what}: {reason_label(drop.reason)}{usual}, so {rules} {verb} not apply"


def pause_line(pause: NoBookings, now: datetime) -> str:
    """For how long no booking was made."""
    return f"no new booking for {ago(now - pause.last)}; the longest pause of a year was {ago(pause.longest)}"


def reason_label(reason: str) -> str:
    """Why a rule does not apply, in a few words."""
    if reason in _LABELS:
        return _LABELS[reason]
    if reason.startswith(STATUS):
        status = reason.removeprefix(STATUS)
        return f"status {status} is not listed" if _PLAIN_STATUS.fullmatch(status) else "a status that is not listed"
    return LABELS.get(reason, reason)


def percent(share: float) -> str:
    """A share in whole percent. Only all is 100 %, and only none is 0 %."""
    whole = round(share * 100)
    if share < 1 and whole == 100:
        whole = 99
    if share > 0 and whole == 0:
        whole = 1
    return f"{whole} %"
