"""Which table holds the bookings: its name and its structure, scored together."""

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.settings.adopt import words
from reconciler.settings.adopt.facts import SeenDatabase, SeenTable
from reconciler.settings.adopt.naming import name_words, phrase
from reconciler.settings.adopt.people import PersonGuess, person_of
from reconciler.settings.adopt.statuses import StatusGuess, status_of
from reconciler.settings.adopt.times import TimeGuess, created_of, end_guess, start_of

LEAST = 50
"""A table that scores less is no table of bookings."""
_SAMPLED = 5
"""So many candidates are looked at more closely."""
OTHER_NAME = 25
"""So much speaks against a table whose name says nothing of bookings: structure alone is seldom enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A table, what it has of a booking, and what it lacks."""

    table: SeenTable
    score: int
    reasons: tuple[str, ...]
    lacks: tuple[str, ...]
    """What cron.yaml needs, and no column says."""
    start: TimeGuess | None
    created: TimeGuess | None
    status: StatusGuess | None
    person: PersonGuess

    @property
    def is_usable(self) -> bool:
        return not self.lacks


def candidates(database: SeenDatabase) -> list[Candidate]:
    """Every table that might hold bookings, the likeliest first."""
    found = [judged(table, database) for table in database.tables.values()]
    return sorted(
        (one for one in found if one.score > 0), key=lambda one: (not one.is_usable, -one.score, str(one.table.name))
    )


def judged(table: SeenTable, database: SeenDatabase) -> Candidate:
    start, created, status = start_of(table), created_of(table), status_of(table, database)
    person = person_of(table, database)
    needed = {
        "a key of one column": table.key,
        "a time at which it starts": start,
        "a time at which it was made": created,
        "a status": status,
        "a customer's name": person.names,
    }
    lacks = [what for what, seen in needed.items() if not seen]
    if not table.readable:
        lacks.append("the right to read it")
    scored = [(points, reason) for points, reason in _points(table, start, status, person) if points]
    return Candidate(
        table=table,
        score=sum(points for points, _ in scored),
        reasons=tuple(reason for _, reason in scored),
        lacks=tuple(lacks),
        start=start,
        created=created,
        status=status,
        person=person,
    )


def _points(
    table: SeenTable, start: TimeGuess | None, status: StatusGuess | None, person: PersonGuess
) -> Sequence[tuple[int, str]]:
    name = _name_weight(table)
    has_end = start is not None and end_guess(table, start).form != "off"
    own_person = any(one.join is None for one in (*person.names, *person.phones)) and not person.is_titled
    return [
        (name, f"it is called {table.name.name}" if name > 0 else "its name says nothing of bookings"),
        (25 if start else 0, "it has a time at which something starts"),
        (10 if has_end else 0, "it has an end"),
        (15 if status else 0, "it has a status"),
        (10 if own_person else 0, "it has a name or a number"),
        (10 if person.used() else 0, "it leads to a person"),
        (5 if person.phones else 0, "a number is found"),
        (-30 if table.is_view else 0, "it is a view"),
    ]


def _name_weight(table: SeenTable) -> int:
    named = name_words(table.name.name)
    if words.NOT_BOOKINGS & set(named):
        return -OTHER_NAME * 2
    forms = (phrase(named[-2:]), phrase(named[-1:]))
    return max(words.BOOKINGS_TABLES.get(form, 0) for form in forms) or -OTHER_NAME


def worth_a_sample(database: SeenDatabase) -> list[SeenTable]:
    """The tables whose values may matter: the likeliest, what leads to them, and what they lead to."""
    likely = [one.table for one in candidates(database) if one.score >= LEAST][:_SAMPLED]
    around = {other.name for table in likely for other, _ in database.linking_to(table)}
    around |= {link.table for table in likely for link in table.links}
    around |= {name for name in database.tables if words.MESSAGES_TABLES.keys() & set(name_words(name.name))}
    names = [table.name for table in likely]
    names += sorted((name for name in around if name in database.tables and name not in names), key=str)
    return [database.tables[name] for name in names]
