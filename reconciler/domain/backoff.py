"""The wait before the next attempt. It doubles with each attempt up to a maximum, and has jitter."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    first: timedelta
    longest: timedelta

    def after(self, tries: int, key: str) -> timedelta:
        """The wait after this many tries (from 1): between half and all of the doubled wait.

        The jitter is derived from ``key`` and the number of tries. So intents that failed together are tried again at
        different times, and the wait of one intent is always the same.
        """
        seed = hashlib.blake2b(f"{key}:{tries}".encode(), digest_size=4).digest()
        wait: timedelta = doubled(self.first, tries, self.longest) * (0.5 + int.from_bytes(seed) / 2**33)
        return wait

    def tries_within(self, elapsed: timedelta) -> int:
        """How many tries, the first one included, fit into this time if each wait is twice the one before."""
        tries, until = 1, self.first
        while until <= elapsed and doubled(self.first, tries, self.longest) < self.longest:
            tries += 1
            until += doubled(self.first, tries, self.longest)
        return tries


def doubled(first: timedelta, tries: int, longest: timedelta) -> timedelta:
    """``first`` after the first try, twice as much after each further one, never more than ``longest``."""
    wait = min(first, longest)
    for _ in range(1, tries):
        if wait >= longest:
            break
        wait = min(wait * 2, longest)
    return wait
