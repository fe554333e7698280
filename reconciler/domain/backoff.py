"""How long to wait before the next try: doubling, up to a longest, and never all at once."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    first: timedelta
    longest: timedelta

    def after(self, tries: int, key: str) -> timedelta:
        """The wait after so many tries (from 1): between half and all of the doubled one.

        The jitter comes from ``key`` and the number of tries: those that failed together come back one by one, and
        the same one always after the same time.
        """
        seed = hashlib.blake2b(f"{key}:{tries}".encode(), digest_size=4).digest()
        wait: timedelta = doubled(self.first, tries, self.longest) * (0.5 + int.from_bytes(seed) / 2**33)
        return wait


def doubled(first: timedelta, tries: int, longest: timedelta) -> timedelta:
    """``first`` after the first try, twice as much after each further one, never more than ``longest``."""
    wait = min(first, longest)
    for _ in range(1, tries):
        if wait >= longest:
            break
        wait = min(wait * 2, longest)
    return wait
