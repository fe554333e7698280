"""Everything that is known of the chosen table, and the questions that are left."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.settings.adopt.answers import UTC_OR_LOCAL
from reconciler.settings.adopt.candidates import Candidate
from reconciler.settings.adopt.evidence import (
    EventColumn,
    QueueGuess,
    ShownBy,
    event_column_of,
    event_rows_of,
    messages_of,
    queue_guess,
    sent_column_of,
)
from reconciler.settings.adopt.facts import SeenDatabase
from reconciler.settings.adopt.proposal import Question
from reconciler.settings.adopt.times import TimeGuess, due_of, end_guess

_NAIVE_IS_UTC = (
    "schema_migrations",
    "ar_internal_metadata",
    "_prisma_migrations",
    "ir_module_module",
    "django_migrations",
)
"""Tables of frameworks that keep times without a zone in UTC."""


@dataclass(frozen=True, slots=True)
class MappingGuess:
    """Everything that is known of the chosen table."""

    database: SeenDatabase
    chosen: Candidate
    times: Mapping[str, TimeGuess]
    """starts, ends, created and, where there is one, due."""
    queue: QueueGuess | None
    texts: tuple[ShownBy, ...]
    event_column: EventColumn | None
    event_rows: ShownBy | None

    @classmethod
    def of(cls, database: SeenDatabase, chosen: Candidate) -> "MappingGuess":
        """The candidate has to be usable."""
        table = chosen.table
        assert chosen.start, "a usable candidate has it"
        assert chosen.created, "a usable candidate has it"
        due = due_of(table)
        queue = queue_guess(table, database)
        sent = sent_column_of(table)
        messages = () if queue else tuple(messages_of(table, database))
        # A log is weaker than a column of the booking's own row.
        messages = tuple(one for one in messages if not (sent and "log" in one.data))
        return cls(
            database=database,
            chosen=chosen,
            times={"starts": chosen.start, "ends": end_guess(table, chosen.start), "created": chosen.created}
            | ({"due": due} if due else {}),
            queue=queue,
            texts=(*([sent] if sent else []), *messages),
            event_column=event_column_of(table),
            event_rows=event_rows_of(table, database),
        )

    def questions(self) -> tuple[Question, ...]:
        """At most three."""
        status = self.chosen.status
        asked = [status.question() if status else None, self._zone_question(), self._queue_question()]
        return tuple(one for one in asked if one)

    def _zone_question(self) -> Question:
        naive = {column: None for one in self.times.values() if one.form is None for column in one.columns}
        naive |= {column: None for one in self.texts if one.at and one.at.form is None for column in one.at.columns}
        answers: dict[str, Any] = {"timezone": self._zone()}
        asks = "which time zone is the venue in?"
        if naive:
            answers["times"] = "utc" if self._framework() else "local"
            asks += f" And are {', '.join(naive)}, which have no zone, in UTC (utc) or in the venue's time (local)?"
        return Question(name="times", asks=asks, answers=answers, options=UTC_OR_LOCAL if naive else ())

    def _zone(self) -> str:
        zone = self.database.zone
        return zone if "/" in zone and not zone.startswith("Etc/") else "Europe/London"

    def _framework(self) -> str | None:
        names = {name.name for name in self.database.tables}
        return next((name for name in _NAIVE_IS_UTC if name in names), None)

    def _queue_question(self) -> Question | None:
        if self.queue is None:
            return None
        return Question(
            name="resends",
            asks=f"does anything in the application send failed rows of {self.queue.table.name} again?",
            answers={"queue_failed_resent": False},
        )
