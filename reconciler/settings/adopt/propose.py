"""From what was seen, and what was answered, to a whole mapping."""

from collections.abc import Iterator
from dataclasses import replace

from reconciler.settings.adopt import words
from reconciler.settings.adopt.answers import MappingAnswers, defaults
from reconciler.settings.adopt.facts import WHOLE
from reconciler.settings.adopt.guess import MappingGuess
from reconciler.settings.adopt.messages import message_for
from reconciler.settings.adopt.naming import best, by_weight
from reconciler.settings.adopt.people import consent_of
from reconciler.settings.adopt.proposal import Choice, Confidence, Proposal
from reconciler.settings.adopt.statuses import where_of


def proposal_of(guess: MappingGuess, answers: MappingAnswers | None = None, others: tuple[str, ...] = ()) -> Proposal:
    """The mapping. Without answers, with the defaults."""
    questions = guess.questions()
    given = answers or defaults(questions)
    status = guess.chosen.status
    assert status, "a usable candidate has one"
    if given.statuses is None and status.is_boolean:
        given = replace(given, statuses=status.statuses, cancelled=status.cancelled)
    choices = (
        *_head(given), *_times(guess, given), *_people(guess), *_rows(guess, given), *_rules(guess, given),
        *_evidence(guess, given),
    )  # fmt: skip
    return Proposal(
        table=str(guess.chosen.table.name),
        choices=tuple(choices),
        questions=questions,
        others=others,
        warnings=tuple(_warnings(guess, given)),
    )


def _head(given: MappingAnswers) -> Iterator[Choice]:
    yield Choice(path=("version",), value=1, confidence=Confidence.SURE, reason="of this file's shape")
    yield Choice(
        path=("timezone",), value=given.timezone, confidence=Confidence.LIKELY, reason="the venue's, as answered"
    )
    reason = "scan and alert, change nothing, for a first day; then repair"
    yield Choice(path=("repairs",), value="report", confidence=Confidence.SURE, reason=reason)


def _times(guess: MappingGuess, given: MappingAnswers) -> Iterator[Choice]:
    chosen, table = guess.chosen, guess.chosen.table
    doubt = Confidence.LIKELY if chosen.score >= 70 else Confidence.CONFIRM
    confidence = Confidence.SURE if chosen.score >= 90 else doubt
    reason = "; ".join(chosen.reasons)
    yield Choice(path=("bookings", "table"), value=str(table.name), confidence=confidence, reason=reason)
    for key, one in guess.times.items():
        yield Choice(
            path=("bookings", key), value=one.written(given.zone_of(key)), confidence=one.confidence, reason=one.reason
        )
    unique = [one for one in table.columns.values() if one.is_unique and (one.is_text or one.type in WHOLE)]
    code = by_weight((one for one in unique if one.name != table.key), words.CODES, words.NOUNS)
    if code:
        yield Choice(
            path=("bookings", "reference"),
            value=code[0].column.name,
            confidence=Confidence.LIKELY if code[0].weight > 7 else Confidence.CONFIRM,
            reason=f"{code[0].column.name} is unique, and customers may know it; without the key it is the id",
        )


def _people(guess: MappingGuess) -> Iterator[Choice]:
    person = guess.chosen.person
    joins = person.used()
    if joins:
        yield Choice(
            path=("bookings", "join"),
            value={name: join.as_data() for name, join in joins.items()},
            confidence=person.confidence(),
            reason="; ".join(_why_joined(name, join.declared) for name, join in joins.items()),
        )
    reason = "nothing names a person: it is what the event is called" if person.is_titled else "by its name"
    reason = "there is no whole name: the first name has to do" if person.is_first_name else reason
    places = (("name", person.names, reason), ("first_name", person.first_names, "by its name"))
    for key, found, why in (*places, ("phone", person.phones, "by its name; in order of preference")):
        if found:
            written = [str(one) for one in dict.fromkeys(found)]
            yield Choice(
                path=("bookings", key),
                value=written if len(written) > 1 else written[0],
                confidence=person.confidence() if key == "name" else Confidence.LIKELY,
                reason=why,
            )


def _why_joined(name: str, declared: bool) -> str:
    return f"{name}: by {'a foreign key' if declared else 'the name of the column; no foreign key says so'}"


def _rows(guess: MappingGuess, given: MappingAnswers) -> Iterator[Choice]:
    chosen, table, status = guess.chosen, guess.chosen.table, guess.chosen.status
    assert status, "a usable candidate has one"
    consent = consent_of(chosen.person)
    yield _column("id", table.key, Confidence.SURE, "the primary key")
    yield _column("status", status.column.name, status.confidence, status.reason)
    if guess.event_column:
        one = guess.event_column
        yield _column("event_id", one.column, one.confidence, "the event's id, by its name")
    else:
        yield _column("event_id", None, Confidence.LIKELY, "no column is named like an event's id")
    absent = {"first_name": not chosen.person.first_names, "phone": not chosen.person.phones}
    for ours in (key for key, is_absent in absent.items() if is_absent):
        yield _column(ours, None, Confidence.LIKELY, "none was found")
    link = consent[0].link if consent else None
    yield _column("customer_id", link, Confidence.LIKELY, "leads to who allows texts" if link else "no consent is kept")
    tbd = best(table.of_type("boolean"), words.DATE_TBD, words.NOUNS)
    yield _column("date_tbd", tbd.name if tbd else None, Confidence.LIKELY, "by its name" if tbd else "none was found")
    yield _column("notes", None, Confidence.LIKELY, "only for a placeholder date that is written into notes")
    guests = best(table.of_type(*WHOLE), words.GUESTS, words.NOUNS)
    found = guests.name if guests else None
    yield _column("guests", found, Confidence.LIKELY, "by its name" if guests else "none was found")
    yield _column("occasion", None, Confidence.LIKELY, "none is proposed")
    yield _customers(guess)
    yield from _meaning(guess, given)


def _column(ours: str, theirs: str | None, confidence: Confidence, reason: str) -> Choice:
    return Choice(path=("bookings", "columns", ours), value=theirs, confidence=confidence, reason=reason)


def _customers(guess: MappingGuess) -> Choice:
    consent = consent_of(guess.chosen.person)
    if consent is None:
        reason = "no column with consent to texts was found: whoever books is texted"
        return Choice(path=("bookings", "customers"), value="off", confidence=Confidence.LIKELY, reason=reason)
    join, column = consent
    columns = {"mobile_e164": None, "mobile_number": None, "opt_in": column.name, "status": None}
    value = {"table": str(join.table.name), "columns": {"id": next(iter(join.on)), **columns}}
    reason = f"texts only where {column.name} is true"
    return Choice(path=("bookings", "customers"), value=value, confidence=Confidence.LIKELY, reason=reason)


def _meaning(guess: MappingGuess, given: MappingAnswers) -> Iterator[Choice]:
    status = guess.chosen.status
    assert status, "a usable candidate has one"
    statuses, answered = given.statuses or (), "as answered"
    said = {
        "statuses": (list(statuses), f"of these, text and event are expected; {answered}"),
        "made_as": (list(status.made_as(statuses)), "of these, the one that a booking is made with"),
        "cancelled": (list(given.cancelled), f"our event for such a booking is removed; {answered}"),
    }
    for key, (value, reason) in said.items():
        yield Choice(path=("bookings", key), value=value, confidence=Confidence.LIKELY, reason=reason)
    where, reason = where_of(guess.chosen.table, status)
    if where:
        yield Choice(path=("bookings", "where"), value=where, confidence=Confidence.LIKELY, reason=reason)


def _rules(guess: MappingGuess, given: MappingAnswers) -> Iterator[Choice]:
    at = ("rules", "sms.missing")
    if not guess.chosen.person.phones:
        reason = "no number was found: there is nobody to text"
        yield Choice(path=(*at, "policy"), value="off", confidence=Confidence.SURE, reason=reason)
    if guess.queue:
        queue = {"table": str(guess.queue.table.name), "columns": dict(guess.queue.columns)}
        reason = "it has a status, an error and a SID for each text"
        yield Choice(path=(*at, "queue"), value=queue, confidence=Confidence.LIKELY, reason=reason)
        yield Choice(
            path=(*at, "queue_failed_resent"), value=bool(given.queue_failed_resent), confidence=Confidence.LIKELY,
            reason="as answered",
        )  # fmt: skip
    else:
        reason = "no queue of texts; `evidence` says what shows one"
        yield Choice(path=(*at, "queue"), value="off", confidence=Confidence.LIKELY, reason=reason)
    meanings = guess.chosen.status.column.meanings if guess.chosen.status else {}
    trigger = guess.queue.confirmation() if guess.queue else None
    # An unknown word must not make the application's own texts look missing.
    unknown = guess.queue is not None and trigger is None
    value = {
        status: message_for(meanings.get(status, status), trigger=trigger, any_counts=unknown)
        for status in given.statuses or ()
    }
    reason = "write your own text" + ("; and name the trigger, until then any text counts" if unknown else "")
    yield Choice(path=(*at, "messages"), value=value, confidence=Confidence.CONFIRM, reason=reason)


def _evidence(guess: MappingGuess, given: MappingAnswers) -> Iterator[Choice]:
    sms = [one.as_data(given.zone_of("created")) for one in guess.texts] if guess.chosen.person.phones else []
    least = (
        Confidence.CONFIRM if any(one.confidence is Confidence.CONFIRM for one in guess.texts) else Confidence.LIKELY
    )
    reason = "; ".join(one.reason for one in guess.texts) or "nothing in the database shows a text but the queue"
    if not guess.texts and not guess.queue:
        reason = "nothing in the database shows a text; Twilio is asked before each"
    yield Choice(path=("evidence", "sms"), value=sms, confidence=least, reason=reason)
    if guess.event_rows:
        one = guess.event_rows
        value = [one.as_data(given.zone_of("created"))]
        yield Choice(path=("evidence", "calendar"), value=value, confidence=one.confidence, reason=one.reason)
    record = "queue" if guess.queue and guess.chosen.person.phones else "ledger"
    reason = "a row of the queue for each text of ours" if record == "queue" else "nothing is written into your tables"
    yield Choice(path=("record", "sms"), value=record, confidence=Confidence.SURE, reason=reason)
    reason = "nothing is written into your tables"
    reason += "; column: we fill event_id too" if guess.event_column else ""
    yield Choice(path=("record", "calendar"), value="ledger", confidence=Confidence.SURE, reason=reason)


def _warnings(guess: MappingGuess, given: MappingAnswers) -> Iterator[str]:
    status, table = guess.chosen.status, guess.chosen.table
    labels = status.column.labels if status else ()
    unseen = [one for one in (*(given.statuses or ()), *given.cancelled) if labels and one not in labels]
    if unseen and status and not status.is_boolean:
        yield f"{', '.join(unseen)}: no row has such a status yet; is it spelled as the application writes it?"
    if table.rows == 0:
        yield f"{table.name} has no row that our role can see: what goes by values is a guess"
    if guess.event_column is None and guess.event_rows is None:
        yield "nothing shows an event: the ledger alone will know ours, and the application's own would be doubled"
