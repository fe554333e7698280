"""A product that lacks a safeguard does not get through the weeks: each kind of wrong turns up where it must."""

from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.domain.decide import policies, removals, sms
from reconciler.domain.decide.coverage import drops
from reconciler.domain.decide.sms_first_send import EarlierText, EarlierTexts
from reconciler.engine.repair.calendar import removal
from reconciler.engine.repair.sms import first_send
from reconciler.providers.google.calendar import GoogleCalendar
from reconciler.sandbox.postgres import PostgresServer
from reconciler.store.ledger import incidents
from tests.year.days import WEEKS
from tests.year.playing import play

EMBEDDED = pytest.mark.parametrize("postgres", ["embedded"], indirect=True, scope="session")
SEEDS = (1, 2, 3, 4)
"""Played one after the other, until the wrong turns up."""


def _nothing(*_: Any, **__: Any) -> Iterator[Any]:
    return iter(())


MUTANTS: dict[str, tuple[str, str, object, str, Any]] = {
    # name: (kind of problem, words in it, module or class, attribute, what stands there instead)
    "nobody asks what was texted outside the queue": (
        "text",
        "it has had this text",
        first_send,
        "judge_earlier_texts",
        lambda *_, **__: EarlierTexts(found=EarlierText.NONE),
    ),
    "an opt-out says nothing": ("text", "the customer has opted out", sms, "_recipient", _nothing),
    "it is never night": ("text", "in quiet hours", policies.QuietHours, "holds", lambda *_: False),
    "an event whose id was lost is not looked for": (
        "event",
        "has one already",
        GoogleCalendar,
        "around",
        lambda *_, **__: [],
    ),
    "some bookings have ended": (
        "removal",
        "has lost its event",
        (removals, removal),
        "reason_to_remove",
        # Of all of them, the breaker of removals would hold every one.
        lambda event, *_: removals.RemovalReason.CANCELLED if event.intent.booking[0] in "0123" else None,
    ),
    "a text that waits for the morning pages": (
        "page",
        "open for hours",
        incidents,
        "_BY_THE_HOUR",
        {"by_the_hour": []},
    ),
    "every share is unlikely": ("coverage", "coverage.dropped", drops, "UNLIKELY", 1.1),
    "no gap is alerted": ("silent", "reported", incidents.PostgresIncidents, "note_new_gaps", lambda *_: ()),
}


@EMBEDDED
@pytest.mark.long
@pytest.mark.parametrize("name", MUTANTS)
def test_a_missing_safeguard_is_noticed(
    postgres: PostgresServer, migrated: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    kind, words, where, attribute, instead = MUTANTS[name]
    for place in where if isinstance(where, tuple) else (where,):
        monkeypatch.setattr(place, attribute, instead)
    seen: list[str] = []
    for seed in SEEDS:
        problems = play(postgres, migrated, WEEKS, seed).problems
        if any(problem.kind == kind and words in problem.what for problem in problems):
            return
        seen += map(str, problems)
    pytest.fail(f"nothing was noticed but {seen}")
