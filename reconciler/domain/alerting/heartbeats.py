"""Heartbeats as plain data: what a ping says, and when a person hears that pings are not accepted."""

from enum import StrEnum

REFUSED = "http:"
"""How the code of a ping begins that was answered and not accepted."""
UNEXPECTED = "unexpected"
ALERT_AFTER = 3
"""Pings of one job in a row that were not accepted. One that is lost is the monitoring service's to forgive."""


class Ping(StrEnum):
    """What a ping says of the job."""

    START = "start"
    SUCCESS = "success"
    FAILURE = "failure"
    TRIAL = "trial"
    """Nothing: it only shows whether the service takes pings."""
