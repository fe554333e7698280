"""The header *Retry-After*, as both providers may send it."""

import re
from datetime import timedelta


def retry_after(header: str | None) -> timedelta | None:
    """The delay, if it is given in seconds. Dates are ignored, and so are delays of more than eleven days."""
    return timedelta(seconds=int(header)) if header and re.fullmatch("[0-9]{1,6}", header) else None
