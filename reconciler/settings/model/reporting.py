"""The section ``reporting`` of cron.yaml: which alert goes where, and when."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from reconciler.settings.file.values import Duration, OffWord, PositiveDuration
from reconciler.settings.model.bookings import minutes
from reconciler.settings.model.section import Section


class Reporting(Section):
    """Alerts: docs/alerting.md."""

    deadline: PositiveDuration = Field(timedelta(hours=1), description="a gap open this long is an error")
    page_after: PositiveDuration = Field(
        timedelta(hours=4), description="a systemic cause open this long pages the person on call"
    )
    remind_every: PositiveDuration = Field(
        timedelta(hours=24), description="an unresolved error alerts again after this long"
    )
    settled_after: Duration = Field(
        timedelta(hours=1), description="an incident is closed after this long without a new gap"
    )
    monitors: Annotated[Literal["one", "each", "off"], OffWord] = Field(
        "one", description="one | each | off: Sentry's cron monitors; its plans include one"
    )
    fallback_after: Duration = Field(
        minutes(15), description="an error that Sentry has not accepted after this long goes to the on-call routes"
    )
    oncall: tuple[str, ...] = Field((), description="names of variables that hold the on-call routes, as apprise URLs")
    heartbeats: Literal["auto", "healthchecks", "cronitor", "uptime_kuma", "plain"] = Field(
        "auto",
        description="auto | healthchecks | cronitor | uptime_kuma | plain: how the URLs of `jobs.<job>.alive` are "
        "called; auto goes by the URL, and a plain one is called for success only",
    )
