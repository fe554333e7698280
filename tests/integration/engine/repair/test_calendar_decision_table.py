"""The table of events, cell by cell: what Calendar shows or answers, whose event it is, and what the world is then.

The real client, the stand-in and PostgreSQL; passes run until one of them changes nothing any more, neither at Google
nor in the application's tables.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import product
from threading import Thread

import pytest

from reconciler.domain.decide import calendar_event
from reconciler.domain.gaps import GapKind
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.fakes.google import google_error
from tests.support.application_db import LONDON
from tests.support.sandbox_world import World

pytestmark = pytest.mark.one_server

STARTS = datetime(2026, 6, 17, 19, 30, tzinfo=LONDON)
ENDS = datetime(2026, 6, 17, 23, 0, tzinfo=LONDON)
INSERT, DELETE, GET, LIST = "events.insert", "events.delete", "events.get", "events.list"
WELL = Fault(kind=Misbehaviour.SLOW, seconds=0)
"""No fault: for the calls before the one that is meant."""
MISSING = GapKind.CALENDAR_MISSING


def answering(status: int, reason: str) -> Sequence[Fault]:
    return [Fault(kind=Misbehaviour.STATUS, status=status, body=google_error(status, reason))]


SHOWN = ("nothing", "live", "tombstone")
ANSWERS: dict[str, Sequence[Fault]] = {
    "409 conflict": answering(409, "conflict"),
    "403 forbidden": answering(403, "forbidden"),
    "403 rateLimitExceeded": answering(403, "rateLimitExceeded"),
    "403 quotaExceeded": answering(403, "quotaExceeded"),
    "404 event": answering(404, "notFound"),
    "404 calendar": answering(404, "notFound"),
    "410": answering(410, "deleted"),
    "412": answering(412, "conditionNotMet"),
    "timeout after commit": [Fault(kind=Misbehaviour.SLOW, seconds=1.3)],
    "dropped connection": [Fault(kind=Misbehaviour.DROP)],
    "lost answer": [Fault(kind=Misbehaviour.LOSE)],
    "408": answering(408, "requestTimeout"),
    "503 after commit": [Fault(kind=Misbehaviour.FAIL_AFTER, status=503)],
    "proxy's page": [Fault(kind=Misbehaviour.HTML, status=404)],
}
ROWS = (*SHOWN, *ANSWERS)
COLUMNS = ("ours", "candidate", "stored", "copy")


@dataclass(frozen=True, kw_only=True)
class End:
    """What the world is in the end."""

    live: set[str]
    stored: str | None
    intents: list[tuple[str, str, int, int]]
    """State, code, generation, attempts."""
    gaps: set[tuple[str, str]] = field(default_factory=set)
    """Kind and reason."""


def made(attempts: int = 1, code: str = "created") -> End:
    return End(live={"ours"}, stored="ours", intents=[("done", code, 1, attempts)])


NEXT = End(
    live={"ours, next"}, stored="ours, next", intents=[("dropped", "tombstone", 1, 1), ("done", "created", 2, 1)]
)
ADOPTED = End(live={"theirs"}, stored="theirs", intents=[("done", "adopted", 1, 1)])
DELETED = End(
    live=set(), stored=None, intents=[("refused", "deleted_by_hand", 1, 1)], gaps={(MISSING, "deleted_by_hand")}
)
GAVE_WAY = End(live={"theirs"}, stored="theirs", intents=[("done", "gone: replaced", 1, 1)])
TOOK_ITS_PLACE = made()

ENDS_OF: dict[str, dict[str, End]] = {
    "ours": {
        "nothing": made(),
        "live": made(code="already_there"),
        "tombstone": NEXT,
        "409 conflict": made(),
        "403 forbidden": made(),
        "403 rateLimitExceeded": made(),
        "403 quotaExceeded": made(),
        "404 event": made(),
        "404 calendar": made(),
        "410": made(),
        "412": made(),
        "timeout after commit": made(code="found"),
        "dropped connection": made(),
        "lost answer": made(code="found"),
        "408": made(),
        "503 after commit": made(code="found"),
        "proxy's page": made(),
    },
    # nothing is sent for it, so nothing becomes of an answer but another try
    "candidate": dict.fromkeys(ROWS, ADOPTED) | {"nothing": made(), "tombstone": DELETED},
    # while ours is there; only what is certainly gone is replaced
    "stored": dict.fromkeys(ROWS, GAVE_WAY)
    | dict.fromkeys(("nothing", "tombstone", "404 event", "410"), TOOK_ITS_PLACE),
}


def with_the_copy(end: End) -> End:
    """As if it were not there, and it stays."""
    return End(live=end.live | {"copy"}, stored=end.stored, intents=end.intents, gaps=end.gaps)


ENDS_OF["copy"] = {row: with_the_copy(end) for row, end in ENDS_OF["ours"].items()}


class Stage:
    """One booking, its events, and another booking that has its event: the calendar is the right one."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.google = world.sandbox.google
        self.anchor = self.google.put("another party", STARTS, ENDS)
        world.venue.booking(calendar_event_id=self.anchor, created_at=world.venue.now - timedelta(minutes=40))
        self.booking = world.venue.booking()
        ((installation,),) = world.venue.sql("SELECT id::text FROM reconciler.installation")
        self.ours, self.next = (
            calendar_event.event_id(installation, self.booking, generation) for generation in (1, 2)
        )
        self.names = {self.ours: "ours", self.next: "ours, next"}
        world.configure(limits=", timeouts: {google: 1s}")

    def theirs(self, event_id: str = "apptheirs1", **more: object) -> str:
        """As the application makes it."""
        self.names[event_id] = "theirs"
        title = f"[CONFIRMED] - {self.booking[:8]} - Ana Lima @ Main Bar"
        return self.google.put(title, STARTS, ENDS, id=event_id, **more)

    def copy(self, **more: object) -> None:
        copied = self.theirs("copied1", **more)
        self.names[copied] = "copy"

    def until_quiet(self) -> None:
        """The last of the passes found nothing to change."""
        before: object = None
        for _ in range(9):
            self.world.events()
            self.world.settle_time_is_over()
            self.world.later(minutes=61)
            after = (self.google.writes, self.world.venue.checksum(), self.end())
            if after == before:
                return
            before = after
        raise AssertionError(f"it does not come to rest: {before}")

    def end(self) -> End:
        rows = self.world.venue.sql(
            "SELECT state, CASE WHEN effect_gone THEN 'gone: ' ELSE '' END || code, generation, attempts "
            "FROM reconciler.intent WHERE booking = %s ORDER BY generation",
            self.booking,
        )
        found = self.world.venue.sql("SELECT calendar_event_id FROM private_bookings WHERE id = %s", self.booking)
        stored = found[0][0] if found else None
        return End(
            live={self.names[str(event["id"])] for event in self.google.live() if event["id"] != self.anchor},
            stored=self.names.get(stored, stored) if stored else None,
            intents=[tuple(row) for row in rows],
            gaps={(kind, reason) for (kind, _), (_, reason) in self.world.gaps().items()},
        )


def meet(stage: Stage, column: str, row: str) -> None:
    """Bring about the event and the fault of this cell."""
    match column:
        case "ours" | "copy":
            meet_at_the_insert(stage, row)
            if column == "copy":
                stage.copy(extendedProperties={"private": {"reconciler_booking": "another"}})
        case "candidate":
            if row != "nothing":
                theirs = stage.theirs()
            if row == "tombstone":
                stage.google.delete_by_hand(theirs)
            stage.google.faults.next_calls(LIST, WELL, *ANSWERS.get(row, ()))  # the first asks for the calendar
        case _:
            stage.until_quiet()
            meet_what_is_stored(stage, row)


def meet_at_the_insert(stage: Stage, row: str) -> None:
    if row in ("live", "tombstone"):
        stage.google.put("ours, and a person has written another title", STARTS, ENDS, id=stage.ours)
    if row == "tombstone":
        stage.google.delete_by_hand(stage.ours)
    if row == "404 event":
        stage.google.faults.next_calls(INSERT, *answering(409, "duplicate"))
        stage.google.faults.next_calls(GET, WELL, *ANSWERS[row])  # the first asks for the other party's
    else:
        stage.google.faults.next_calls(INSERT, *ANSWERS.get(row, ()))


def meet_what_is_stored(stage: Stage, row: str) -> None:
    """Ours is there, and the application has written an id of its own over ours."""
    stage.names["apptheirs1"] = "theirs"
    if row not in ("nothing", "404 event", "410"):
        stage.theirs()
    if row == "tombstone":
        stage.google.delete_by_hand("apptheirs1")
    stage.world.venue.sql("UPDATE private_bookings SET calendar_event_id = 'apptheirs1' WHERE id = %s", stage.booking)
    # asked for before: the other party's, and ours
    stage.google.faults.next_calls(GET, WELL, WELL, *ANSWERS.get(row, ()))
    if row == "404 calendar":
        stage.google.faults.next_calls(LIST, WELL, *ANSWERS[row])


def cells() -> Iterator[object]:
    """All; what goes wrong with a question is much alike in every column, and the long run has the rest of it."""
    for row, column in product(ROWS, COLUMNS):
        alike = row in ANSWERS and column != "ours"
        yield pytest.param(row, column, marks=pytest.mark.long if alike else [])


@pytest.mark.parametrize(("row", "column"), list(cells()))
def test_each_cell(world: World, row: str, column: str) -> None:
    stage = Stage(world)
    meet(stage, column, row)
    stage.until_quiet()
    assert stage.end() == ENDS_OF[column][row]
    assert [stage.google.faults.pending(call) for call in (INSERT, GET, LIST)] == [0, 0, 0], "it was met"


# Between two looks the world moves on


def nothing_happens(stage: Stage) -> None:
    """An insert that times out: it has not come, and may."""
    stage.google.faults.next_calls(INSERT, *ANSWERS["dropped connection"])
    stage.world.events()
    stage.world.settle_time_is_over()


def cancel(stage: Stage) -> None:
    stage.world.venue.sql("UPDATE private_bookings SET status = 'cancelled' WHERE id = %s", stage.booking)


def confirm(stage: Stage) -> None:
    stage.world.venue.sql("UPDATE private_bookings SET status = 'confirmed' WHERE id = %s", stage.booking)


def move(stage: Stage) -> None:
    stage.world.venue.sql("UPDATE private_bookings SET event_date = event_date + 2 WHERE id = %s", stage.booking)


def lose_the_id(stage: Stage) -> None:
    stage.world.venue.sql("UPDATE private_bookings SET calendar_event_id = NULL WHERE id = %s", stage.booking)


def arrive(stage: Stage) -> None:
    """The insert comes after all."""
    stage.google.put(f"[CONFIRMED] - {stage.booking[:8]} - Ana Lima", STARTS, ENDS, id=stage.ours)


A_PERSONS_COPIES: dict[str, dict[str, object]] = {
    "with its marker": {"extendedProperties": {"private": {"reconciler_booking": "{booking}"}}},
    "with its title": {},
}


@pytest.mark.parametrize("copied", A_PERSONS_COPIES)
def test_a_copy_of_ours_is_nothing_to_us_while_ours_is_there(world: World, copied: str) -> None:
    stage = Stage(world)
    stage.until_quiet()
    copy(stage, copied)
    lose_the_id(stage)
    stage.until_quiet()
    assert stage.end() == End(
        live={"ours", "copy"},
        stored="ours",
        intents=[("done", "created", 1, 1), ("dropped", "written_back", 2, 0)],
    )


@pytest.mark.parametrize("copied", A_PERSONS_COPIES)
def test_a_copy_of_ours_stands_in_for_it_once_ours_is_gone(world: World, copied: str) -> None:
    """It says all that ours said. Only its id is written: it is never deleted by us."""
    stage = Stage(world)
    stage.until_quiet()
    copy(stage, copied)
    stage.google.delete_by_hand(stage.ours)
    lose_the_id(stage)
    stage.until_quiet()
    cancel(stage)
    stage.until_quiet()
    assert stage.end() == End(
        live={"copy"}, stored="copy", intents=[("done", "gone: tombstone", 1, 1), ("done", "adopted", 2, 1)]
    )


def copy(stage: Stage, copied: str) -> None:
    marker = {"private": {"reconciler_booking": stage.booking}}
    stage.copy(**({"extendedProperties": marker} if A_PERSONS_COPIES[copied] else {}))


def test_a_party_that_moved_while_the_outcome_was_unknown_has_its_event_on_the_new_day(world: World) -> None:
    stage = Stage(world)
    stage.google.faults.next_calls(INSERT, *ANSWERS["lost answer"])
    world.events()
    move(stage)
    stage.until_quiet()
    assert stage.end() == End(
        live={"ours, next"},
        stored="ours, next",
        intents=[("done", "gone: moved", 1, 1), ("done", "created", 2, 1)],
    )
    assert starts(stage, stage.next) == STARTS + timedelta(days=2)


def test_a_party_that_moved_before_the_second_try_has_its_event_on_the_new_day(world: World) -> None:
    """The first insert comes late, on the old day, and the second collides with it."""
    stage = Stage(world)
    nothing_happens(stage)
    world.events()
    move(stage)
    arrive(stage)
    stage.until_quiet()
    assert (stage.end().live, stage.end().stored, stage.end().gaps) == ({"ours, next"}, "ours, next", set())
    assert starts(stage, stage.next) == STARTS + timedelta(days=2)


def test_a_party_that_moves_while_google_answers_has_its_event_on_the_new_day(world: World) -> None:
    stage = Stage(world)
    stage.google.faults.next_calls(INSERT, Fault(kind=Misbehaviour.SLOW, seconds=0.4))
    change = Thread(target=lambda: (world.wait_for_event(stage.ours), move(stage)))
    change.start()
    world.events()
    change.join()
    assert stage.end().gaps == {(MISSING, "")}, "it is still missing on the new day"
    stage.until_quiet()
    assert (stage.end().live, stage.end().stored, stage.end().gaps) == ({"ours, next"}, "ours, next", set())
    assert starts(stage, stage.next) == STARTS + timedelta(days=2)


def test_while_the_event_on_the_old_day_cannot_be_removed_there_is_no_second_one(world: World) -> None:
    stage = Stage(world)
    stage.until_quiet()
    lose_the_id(stage)
    move(stage)
    stage.google.faults.next_calls(DELETE, *answering(403, "quotaExceeded"))
    world.events()
    assert (stage.end().live, stage.end().stored) == ({"ours"}, None)
    assert (GapKind.CALENDAR_ORPHAN, "google:quotaExceeded") in stage.end().gaps
    stage.until_quiet()
    assert (stage.end().live, stage.end().stored, stage.end().gaps) == ({"ours, next"}, "ours, next", set())


def starts(stage: Stage, event_id: str) -> datetime:
    return datetime.fromisoformat(stage.google.calendar.events[event_id]["start"]["dateTime"])


def test_a_calendar_that_vanishes_while_we_settle_is_not_an_event_that_is_absent(world: World) -> None:
    """Nobody wants it any more: *absent* would be believed, and the event would stand for nobody for ever."""
    stage = Stage(world)
    stage.google.faults.next_calls(INSERT, *ANSWERS["lost answer"])
    world.events()
    cancel(stage)
    for _ in range(3):
        world.later(minutes=61)
        world.settle_time_is_over()
        for call in (LIST, GET):  # we see the calendar and the other party's event, and then neither
            stage.google.faults.next_calls(call, WELL, *ANSWERS["404 calendar"])
        world.events()
        stage.google.faults.clear()
    assert stage.end().live == {"ours"}
    stage.until_quiet()
    assert stage.end() == End(live=set(), stored=None, intents=[("done", "gone: cancelled", 1, 1)])


def test_a_calendar_that_vanishes_while_we_remove_ours_does_not_make_us_forget_it(world: World) -> None:
    stage = Stage(world)
    stage.until_quiet()
    lose_the_id(stage)
    cancel(stage)
    stage.google.faults.next_calls(LIST, WELL, *ANSWERS["404 calendar"])
    stage.google.faults.next_calls(DELETE, *ANSWERS["404 calendar"])
    world.events()
    assert stage.end().live == {"ours"}
    assert (GapKind.CALENDAR_ORPHAN, "google:notFound") in stage.end().gaps
    stage.until_quiet()
    assert stage.end() == End(live=set(), stored=None, intents=[("done", "gone: cancelled", 1, 1)])


def test_ours_removed_by_somebody_else_meanwhile_is_removed(world: World) -> None:
    """410."""
    stage = Stage(world)
    stage.until_quiet()
    lose_the_id(stage)
    cancel(stage)
    stage.google.faults.next_calls(DELETE, *ANSWERS["410"])
    world.events()
    assert stage.end() == End(live={"ours"}, stored=None, intents=[("done", "gone: cancelled", 1, 1)])


def test_an_id_of_which_not_even_the_tombstone_is_left_is_used_up(world: World) -> None:
    """409 to the insert, 410 to the get."""
    stage = Stage(world)
    stage.google.faults.next_calls(INSERT, *answering(409, "duplicate"))
    stage.google.faults.next_calls(GET, WELL, *ANSWERS["410"])
    stage.until_quiet()
    assert stage.end() == NEXT


def test_an_insert_that_comes_after_its_booking_was_cancelled_is_removed(world: World) -> None:
    """It was asked for, was not there, was planned again, and dropped with the booking: only then it comes."""
    stage = Stage(world)
    nothing_happens(stage)
    world.events()
    cancel(stage)
    world.later(minutes=2)
    world.events()
    assert stage.end() == End(live=set(), stored=None, intents=[("dropped", "status", 1, 0)])
    arrive(stage)
    stage.until_quiet()
    assert stage.end() == End(live=set(), stored=None, intents=[("dropped", "gone: cancelled", 1, 0)])


def test_an_insert_that_never_comes_is_not_asked_for_for_ever(world: World) -> None:
    stage = Stage(world)
    nothing_happens(stage)
    world.events()
    cancel(stage)
    world.later(minutes=2)
    world.events()
    world.events()
    assert stage.end().intents == [("dropped", "status", 1, 0)], "it may still come"
    stage.until_quiet()
    assert stage.end().intents == [("dropped", "gone: never_came", 1, 0)]


def test_an_insert_that_comes_after_the_next_generation_was_made_is_removed(world: World) -> None:
    stage = Stage(world)
    nothing_happens(stage)
    world.events()
    cancel(stage)
    world.later(minutes=2)
    world.events()
    confirm(stage)
    world.events()
    assert stage.end().stored == "ours, next"
    arrive(stage)
    assert stage.end().live == {"ours", "ours, next"}
    stage.until_quiet()
    assert stage.end() == End(
        live={"ours, next"},
        stored="ours, next",
        intents=[("dropped", "gone: replaced", 1, 0), ("done", "created", 2, 1)],
    )


def test_the_event_of_a_booking_that_was_deleted_is_removed_after_a_day(world: World) -> None:
    stage = Stage(world)
    stage.until_quiet()
    world.venue.sql("DELETE FROM private_bookings WHERE id = %s", stage.booking)
    stage.until_quiet()
    assert stage.end().live == {"ours"}, "not before the row has been absent for a day"
    world.later(hours=25)
    stage.until_quiet()
    assert stage.end() == End(live=set(), stored=None, intents=[("done", "gone: gone", 1, 1)])
