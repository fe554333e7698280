"""The header *Retry-After*, of providers and of sinks, as urllib3 reads it: seconds, or a date."""

from datetime import timedelta

LONGEST = timedelta(days=1)
"""Whatever a header says: after that we ask again. Silence is worse than one request too many."""
NONSENSE = timedelta(days=11)
"""Nobody means so long a delay. It counts as none."""


def retry_after(header: str | None) -> timedelta | None:
    """The delay, ``LONGEST`` at most. ``None`` without one, or if it is neither seconds nor a date, or nonsense."""
    if not header:
        return None
    # Imported here: most commands have no answer to read, and it is slow to load.
    from urllib3 import Retry
    from urllib3.exceptions import HTTPError

    parser = Retry(retry_after_max=round(NONSENSE.total_seconds()) + 1)
    try:
        delay = timedelta(seconds=parser.parse_retry_after(header))
    except (HTTPError, ValueError, TypeError, ArithmeticError, LookupError):
        # urllib3 and the parser of dates raise their own errors for 5,000 digits and for the year 9999999.
        return None
    return min(delay, LONGEST) if delay <= NONSENSE else None
