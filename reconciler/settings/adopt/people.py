"""Whose booking it is: names and numbers of the row itself, of a person's table, of child rows, or inside JSON."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.settings.adopt import words
from reconciler.settings.adopt.facts import JSON, SeenColumn, SeenDatabase, SeenLink, SeenTable
from reconciler.settings.adopt.naming import best, by_weight, name_words, phrase, singular, weight, without
from reconciler.settings.adopt.proposal import Confidence
from reconciler.settings.model.fields import WORD, FieldSource

_ANY_NOUN = words.NOUNS | words.PEOPLE_NOUNS
_FULL = frozenset({"full name", "booked by", "party name", "display name"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonJoin:
    """A table of people that a booking leads to, or that leads to a booking."""

    name: str
    table: SeenTable
    on: Mapping[str, str]
    """Its column -> the bookings' column."""
    first_by: str | None = None
    declared: bool = True
    link: str = ""
    """The bookings' column of the link to this person's table; '' where it has none."""

    def as_data(self) -> dict[str, Any]:
        first = {"first_by": self.first_by} if self.first_by else {}
        return {"table": str(self.table.name), "on": dict(self.on)} | first


@dataclass(slots=True, kw_only=True)
class PersonGuess:
    """Where name, first name and number stand."""

    names: list[FieldSource] = field(default_factory=list)
    first_names: list[FieldSource] = field(default_factory=list)
    phones: list[FieldSource] = field(default_factory=list)
    joins: dict[str, PersonJoin] = field(default_factory=dict)
    is_titled: bool = False
    """Nothing names a person; what the event is called has to do."""
    is_first_name: bool = False
    """There is no whole name."""

    def used(self) -> dict[str, PersonJoin]:
        """The joins that a name or a number is read through."""
        read = {one.join for one in (*self.names, *self.first_names, *self.phones)}
        return {name: join for name, join in self.joins.items() if name in read}

    def confidence(self) -> Confidence:
        if self.is_titled or self.is_first_name:
            return Confidence.CONFIRM
        declared = all(join.declared for join in self.used().values())
        return Confidence.SURE if declared else Confidence.LIKELY


def person_of(table: SeenTable, database: SeenDatabase) -> PersonGuess:
    """Everything that is found, in order of preference."""
    found = PersonGuess()
    texts = [one for one in table.columns.values() if one.is_text]
    own_names = [one for one in _whole(texts) if _names_a_person(one.name)]
    found.names += [FieldSource(None, one.name) for one in own_names[:1]]
    found.first_names += [FieldSource(None, one.name) for one in _first(texts)[:1]]
    found.phones += [FieldSource(None, one.name) for one in _phones(texts)]
    settled = bool(own_names and own_names[0].required)
    for join in _joins(table, database):
        # Two tables of people are two people: the name is the first one's.
        named = any(one.join for one in found.names)
        _read_through(found, join, names=not settled and not named)
    _read_json(found, table)
    if not found.names:
        _fall_back(found, texts)
    return found


def _read_through(found: PersonGuess, join: PersonJoin, *, names: bool) -> None:
    texts = [one for one in join.table.columns.values() if one.is_text]
    whole, first = _whole(texts)[:1], _first(texts)[:1]
    new_names = [FieldSource(join.name, one.name) for one in whole] if names else []
    # A greeting from one person and a name of another would be worse than a greeting from the whole name.
    new_first = [FieldSource(join.name, one.name) for one in first] if names and (whole or not found.names) else []
    phones = [FieldSource(join.name, one.name) for one in _phones(texts)[:2]]
    found.joins[join.name] = join
    found.names += new_names
    found.first_names += new_first
    found.phones += phones


def _read_json(found: PersonGuess, table: SeenTable) -> None:
    for column in table.of_type(*JSON):
        ranked = [(path, phrase(name_words(path[-1])), name_words(path[-1])) for path in column.paths]
        for places, weights in (
            (found.phones, words.PHONES),
            (found.names, words.WHOLE_NAMES),
            (found.first_names, words.FIRST_NAMES),
        ):
            if places and weights is not words.PHONES:
                continue
            scored = [(weight(path[-1], weights, words.PEOPLE_NOUNS), path) for path, _, _ in ranked]
            if scored and max(scored)[0] > 0:
                top = max(scored, key=lambda one: one[0])
                places.append(FieldSource(None, column.name, top[1]))


def _fall_back(found: PersonGuess, texts: list[SeenColumn]) -> None:
    """A bare ``name``, then a first name, then what the event is called."""
    bare = _whole(texts)
    title = best(texts, words.TITLES, words.NOUNS)
    if bare:
        found.names.append(FieldSource(None, bare[0].name))
    elif found.first_names:
        found.names += found.first_names
        found.is_first_name = True
    elif title:
        found.names.append(FieldSource(None, title.name))
        found.is_titled = True


def _joins(table: SeenTable, database: SeenDatabase) -> Iterator[PersonJoin]:
    parent, child = _parent(table, database), _child(table, database)
    if parent and child and name_words(parent.link)[:1] == ("user",):
        parent = None  # the customers are the child rows, and the user is whose calendar it is
    if parent:
        yield parent
        if not _phones(one for one in parent.table.columns.values() if one.is_text):
            profile = _profile(parent, database)
            if profile:
                yield profile
    if child and (parent is None or child.name != parent.name):
        yield child


def _parent(table: SeenTable, database: SeenDatabase) -> PersonJoin | None:
    scored = []
    for link in table.links:
        other = database.tables.get(link.table)
        if other is None or other.is_view or other.name == table.name or not _is_key(other, link.target):
            continue
        score = _link_weight(link, other)
        if score > 0:
            scored.append((score, link, other))
    if not scored:
        return None
    _, link, other = max(scored, key=lambda one: one[0])
    name = _called(without(name_words(link.column), {"id", "uid", *words.NOUNS}) or name_words(other.name.name)[-1:])
    return PersonJoin(name=name, table=other, on={link.target: link.column}, declared=link.declared, link=link.column)


def _link_weight(link: SeenLink, other: SeenTable) -> int:
    named = name_words(link.column)
    if words.STAFF & set(named) or not _has_person(other):
        return 0
    by_column = words.PEOPLE_LINKS.get(phrase(without(named, {"id", "uid", "uuid", "fk", *words.NOUNS})), 0)
    by_table = words.PEOPLE_TABLES.get(singular((name_words(other.name.name) or ("",))[-1]), 0)
    if by_table and words.STAFF & set(name_words(other.name.name)):
        return 0
    phones = _phones(one for one in other.columns.values() if one.is_text)
    return by_column + by_table + 3 * bool(phones) if by_column or by_table else 0


def _has_person(other: SeenTable) -> bool:
    texts = [one for one in other.columns.values() if one.is_text]
    return bool(_whole(texts) or _first(texts) or _phones(texts))


def _profile(parent: PersonJoin, database: SeenDatabase) -> PersonJoin | None:
    """A table with one row for each person, which has the number that the person's own table lacks."""
    for other, link in database.linking_to(parent.table):
        phones = _phones(one for one in other.columns.values() if one.is_text)
        if phones and _is_key(other, link.column) and link.target in parent.on:
            return PersonJoin(name="profile", table=other, on={link.column: parent.link}, declared=link.declared)
    return None


def _child(table: SeenTable, database: SeenDatabase) -> PersonJoin | None:
    for other, link in database.linking_to(table):
        named = set(map(singular, name_words(other.name.name)))
        texts = [one for one in other.columns.values() if one.is_text]
        if not named & words.PEOPLE_TABLES.keys() or not (_phones(texts) or _whole(texts)):
            continue
        name = _called([next(iter(sorted(named & words.PEOPLE_TABLES.keys())))])
        alone = other.columns[link.column].is_unique
        if alone or other.key:
            first_by = None if alone else other.key
            return PersonJoin(
                name=name, table=other, on={link.column: link.target}, first_by=first_by, declared=link.declared
            )
    return None


def consent_of(guess: PersonGuess) -> tuple[PersonJoin, SeenColumn] | None:
    """The column of a person's table that allows texts."""
    for join in guess.joins.values():
        column = best(join.table.of_type("boolean"), words.CONSENT)
        if column and join.link:
            return join, column
    return None


def _called(named: Iterable[str]) -> str:
    name = "_".join(named)
    return name if WORD.fullmatch(name) else "person"


def _is_key(table: SeenTable, column: str) -> bool:
    return table.key == column or (column in table.columns and table.columns[column].is_unique)


def _names_a_person(name: str) -> bool:
    named = name_words(name)
    return bool(words.PEOPLE_NOUNS & set(named)) or phrase(without(named, _ANY_NOUN)) in _FULL


def _whole(columns: Iterable[SeenColumn]) -> list[SeenColumn]:
    return [one.column for one in by_weight(columns, words.WHOLE_NAMES, words.NOUNS, words.PEOPLE_NOUNS, _ANY_NOUN)]


def _first(columns: Iterable[SeenColumn]) -> list[SeenColumn]:
    return [one.column for one in by_weight(columns, words.FIRST_NAMES, words.NOUNS, words.PEOPLE_NOUNS, _ANY_NOUN)]


def _phones(columns: Iterable[SeenColumn]) -> list[SeenColumn]:
    return [one.column for one in by_weight(columns, words.PHONES, words.NOUNS, words.PEOPLE_NOUNS, _ANY_NOUN)]
