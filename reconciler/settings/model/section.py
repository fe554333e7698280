"""What every part of cron.yaml is made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Column = Annotated[str, Field(min_length=1)]


class Section(BaseModel):
    """A part of the file; a key it does not know is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, defer_build=True)
