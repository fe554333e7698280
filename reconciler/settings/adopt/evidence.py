"""What shows that a text was sent or an event made: a queue, a column, rows that lead to a booking, or a log."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.settings.adopt import words
from reconciler.settings.adopt.facts import CIVIL, INSTANT, SeenColumn, SeenDatabase, SeenLink, SeenTable
from reconciler.settings.adopt.naming import best, by_weight, name_words, phrase, weight
from reconciler.settings.adopt.proposal import Confidence
from reconciler.settings.adopt.times import TimeGuess, sent_of

CONFIRMS = frozenset({"confirmation", "confirmed", "confirm"})


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueGuess:
    """A queue of the reference's shape."""

    table: SeenTable
    columns: Mapping[str, str | None]
    """Our name -> its column."""

    def confirmation(self) -> str | None:
        """The word of its triggers that means a confirmation; ``None``: none is known."""
        trigger = self.table.columns[self.columns["trigger"] or ""]
        return next((label for label in trigger.labels if CONFIRMS & set(name_words(label))), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownBy:
    """One entry of ``evidence``."""

    data: Mapping[str, Any]
    confidence: Confidence
    reason: str
    at: TimeGuess | None = None
    """The time of a row, which still lacks its zone."""

    def as_data(self, zone: str) -> dict[str, Any]:
        """The entry; ``zone``: what times without a zone are."""
        if self.at is None:
            return dict(self.data)
        ((kind, entry),) = self.data.items()
        return {kind: {**entry, "at": self.at.written(zone)}}


@dataclass(frozen=True, slots=True, kw_only=True)
class EventColumn:
    column: str
    confidence: Confidence


def queue_guess(table: SeenTable, database: SeenDatabase) -> QueueGuess | None:
    """A table with a row, a status and an error for each text of a booking."""
    for other, link in _linked(table, database):
        texts = [one for one in other.columns.values() if one.is_words]
        named = {ours: best(texts, weights) for ours, weights in words.QUEUE.items()}
        status = named["status"]
        if link.target != table.key or None in named.values() or other.key is None or status is None:
            continue
        if not words.QUEUE_STATUSES.issubset(label.lower() for label in status.labels):
            continue
        columns: dict[str, str | None] = {"id": other.key, "booking_id": link.column}
        columns |= {ours: column.name for ours, column in named.items() if column}
        for ours, weights in words.QUEUE_OPTIONAL.items():
            rest = [one for one in other.columns.values() if one.name not in columns.values()]
            found = best(rest, weights)
            columns[ours] = found.name if found else None
        return QueueGuess(table=other, columns=columns)
    return None


def sent_column_of(table: SeenTable) -> ShownBy | None:
    """A column of the booking that is filled once its text was sent."""
    usable = [one for one in table.columns.values() if one.is_text or one.type in (INSTANT, CIVIL, "boolean")]
    named = [(one, set(name_words(one.name))) for one in usable]
    about = [(one, said) for one, said in named if said & words.SENT and not said & words.NOT_SMS]
    texts = [one for one, said in about if said & words.SMS]
    if texts:
        reason = f"{texts[0].name} is filled once a text was sent, by its name"
        return ShownBy(data={"column": texts[0].name}, confidence=Confidence.LIKELY, reason=reason)
    confirmations = [one for one, said in about if said & {"confirmation", "confirm"}]
    if confirmations:
        reason = f"{confirmations[0].name} is filled once a confirmation was sent; was it a text, and no e-mail?"
        return ShownBy(data={"column": confirmations[0].name}, confidence=Confidence.CONFIRM, reason=reason)
    return None


def messages_of(table: SeenTable, database: SeenDatabase) -> Iterator[ShownBy]:
    """Rows that lead to the booking; without such rows, a log of numbers and times."""
    linked = list(_linked(table, database))
    rows = [found for other, link in linked if (found := _text_rows(other, link))]
    yield from rows[:1]
    if rows:
        return
    names = {other.name for other, _ in linked}
    for other in database.tables.values():
        found = _log(other) if other.name not in names | {table.name} and not other.is_view else None
        if found:
            yield found
            return


def event_column_of(table: SeenTable) -> EventColumn | None:
    """The column of the event's id."""
    leads = {link.column for link in table.links if link.declared}
    texts = [one for one in table.columns.values() if one.is_text and one.name not in leads]
    found = by_weight(texts, words.EVENT_IDS)
    if not found:
        return None
    confidence = Confidence.SURE if found[0].weight > 7 else Confidence.CONFIRM
    return EventColumn(column=found[0].column.name, confidence=confidence)


def event_rows_of(table: SeenTable, database: SeenDatabase) -> ShownBy | None:
    """Rows of another table that hold the id of the booking's event."""
    for other, link in _linked(table, database):
        texts = [one for one in other.columns.values() if one.is_text and one.name != link.column]
        ids = by_weight(texts, words.LINKED_IDS)
        kind = best((one for one in other.columns.values() if one.is_words), words.KINDS)
        if not ids or not (kind or ids[0].weight > 7) or weight(ids[0].column.name, words.SIDS) > 8:
            continue
        where, said = _of_calendar(kind) if kind else ({}, "")
        named = set(name_words(other.name.name))
        if not where and not named & {"calendar", "google", "event", "reference", "sync"} and ids[0].weight <= 8:
            continue
        if kind and not where and kind.labels:
            continue  # its labels name other things than calendars
        gone = best(other.of_type("boolean"), words.DELETED)
        where |= {gone.name: {"not": True}} if gone else {}
        entry = {"table": str(other.name), "on": {link.column: link.target}, "event_id": ids[0].column.name}
        reason = f"{other.name} leads to the booking by {link.column} and has {ids[0].column.name}{said}"
        return ShownBy(
            data={"rows": entry | ({"where": where} if where else {})},
            confidence=Confidence.SURE if where and "like" not in str(where) else Confidence.CONFIRM,
            reason=reason,
        )
    return None


def _of_calendar(kind: SeenColumn) -> tuple[dict[str, Any], str]:
    said = {label: label.lower().replace("-", "_") for label in kind.labels}
    for word in words.CALENDAR_WORDS:
        found = [label for label, form in said.items() if word in form]
        if found:
            return {kind.name: found if len(found) > 1 else found[0]}, f"; {kind.name} says which calendar"
    if kind.labels:
        return {}, ""
    return {kind.name: {"like": "%calendar%"}}, f"; no row shows what {kind.name} holds for a calendar"


def _linked(table: SeenTable, database: SeenDatabase) -> list[tuple[SeenTable, SeenLink]]:
    return [(other, link) for other, link in database.linking_to(table) if link.target in table.columns]


def _texts_weight(other: SeenTable) -> int:
    """How much its name and its columns say that its rows are text messages. 0: they are not."""
    named, columns = name_words(other.name.name), list(other.columns.values())
    by_name = max((words.MESSAGES_TABLES.get(word, 0) for word in named), default=0)
    says_sms = bool(words.SMS & set(named))
    has_sid = bool([one for one in by_weight(columns, words.SIDS) if one.weight > 8])
    has_number = bool(by_weight((one for one in columns if one.is_text), words.RECIPIENTS))
    has_channel = bool(_channel(other))
    if says_sms or (by_name and (has_sid or has_channel)):
        return by_name + 3 * has_sid + 2 * has_number + 3 * has_channel
    return 0


def _text_rows(other: SeenTable, link: SeenLink) -> ShownBy | None:
    if not _texts_weight(other) or {"email", "emails"} & set(name_words(other.name.name)):
        return None
    where, reason = _which_count(other)
    entry: dict[str, Any] = {"table": str(other.name), "on": {link.column: link.target}}
    entry |= {"where": where} if where else {}
    sid = _sid(other, link.column)
    number = best((one for one in other.columns.values() if one.is_text), words.RECIPIENTS, words.PEOPLE_NOUNS)
    entry |= {"sid": sid} if sid else {}
    entry |= {"number": number.name} if number else {}
    declared = "a foreign key" if link.declared else "its name"
    return ShownBy(
        data={"rows": entry},
        confidence=Confidence.LIKELY if where else Confidence.CONFIRM,
        reason=f"{other.name} leads to the booking by {link.column} ({declared}){reason}",
        at=sent_of(other) if number else None,
    )


def _log(other: SeenTable) -> ShownBy | None:
    """A table of texts that knows numbers and times, and no booking."""
    number = best((one for one in other.columns.values() if one.is_text), words.RECIPIENTS, words.PEOPLE_NOUNS)
    at = sent_of(other)
    if not _texts_weight(other) or number is None or at is None:
        return None
    where, reason = _which_count(other)
    entry: dict[str, Any] = {"table": str(other.name), "number": number.name}
    entry |= {"where": where} if where else {}
    sid = _sid(other, number.name)
    entry |= {"sid": sid} if sid else {}
    return ShownBy(
        data={"log": entry},
        confidence=Confidence.CONFIRM,
        reason=f"{other.name} knows numbers and times, and no booking{reason}",
        at=at,
    )


def _sid(other: SeenTable, link: str) -> str | None:
    leads = {one.column for one in other.links if one.declared}
    texts = [one for one in other.columns.values() if one.is_text and one.name not in {link, other.key, *leads}]
    found = best(texts, words.SIDS)
    return found.name if found else None


def _channel(other: SeenTable) -> tuple[str, str] | None:
    """The column of the channel, and its label for texts."""
    for one in by_weight((one for one in other.columns.values() if one.is_words), words.CHANNELS):
        for label in one.column.labels:
            if words.SMS & set(name_words(label)):
                return one.column.name, label
    return None


def _which_count(other: SeenTable) -> tuple[dict[str, Any], str]:
    """Which rows are confirmations that were sent, by their labels."""
    where: dict[str, Any] = {}
    columns = [one for one in other.columns.values() if one.is_words]
    channel = _channel(other)
    where |= {channel[0]: channel[1]} if channel else {}
    for one in by_weight(columns, words.DIRECTIONS):
        out = [label for label in one.column.labels if words.OUTBOUND.get(phrase(name_words(label)), 0)]
        where |= {one.column.name: out[0]} if out else {}
    for one in by_weight(columns, words.TEXT_KINDS):
        kinds = [label for label in one.column.labels if CONFIRMS & set(name_words(label))]
        if kinds and one.column.name not in where:
            where[one.column.name] = kinds if len(kinds) > 1 else kinds[0]
            break
    where |= _not_failed(columns)
    for one in by_weight(other.of_type("boolean"), words.CANCELLED_TEXT):
        where[one.column.name] = {"not": True}
    return where, f"; counted by {', '.join(where)}" if where else "; every row counts"


def _not_failed(columns: list[SeenColumn]) -> dict[str, Any]:
    status = best(columns, words.STATUS, words.SMS)
    if status is None or not status.labels:
        return {}
    good = [label for label in status.labels if phrase(name_words(label)) in words.GOOD_TEXTS]
    failed = [label for label in status.labels if phrase(name_words(label)) in words.FAILED_TEXTS]
    if good:
        return {status.name: good if len(good) > 1 else good[0]}
    return {status.name: {"not": failed}} if failed else {}
