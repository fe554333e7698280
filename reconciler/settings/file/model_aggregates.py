"""The sections of the aggregate rules."""

from typing import Annotated, Literal

from pydantic import Field

from reconciler.domain.decide.policies import Policy
from reconciler.settings.file.model_bookings import Section
from reconciler.settings.file.values import OffWord

ReportWord = Annotated[Literal[Policy.REPORT, Policy.OFF], OffWord]


class AggregateSection(Section):
    """The section of an aggregate rule."""

    policy: ReportWord = Field(Policy.REPORT, description="report | off")
