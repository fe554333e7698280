"""The mapping of cron.yaml onto the application's tables, as the store needs it."""

from collections.abc import Mapping

from reconciler.domain.decide.policies import Policy, Record
from reconciler.domain.gaps import Effect
from reconciler.settings import Settings
from reconciler.settings.model.cron_file import CronFile
from reconciler.settings.model.evidence import LinkedRows, TextEvidence, TextRows
from reconciler.settings.model.times import named_by
from reconciler.store.app.mapping import (
    TEXTED,
    AppMapping,
    Evidence,
    EvidenceColumn,
    EvidenceLog,
    EvidenceRows,
)
from reconciler.text.localized import localized
from reconciler.wiring.mapping import mapped_facts, mapped_fields, mapped_joins, mapped_table


def application(chosen: Settings) -> AppMapping:
    """The mapping onto the application's tables, as the store needs it."""
    bookings, rule = chosen.file.bookings, chosen.file.rules.sms_missing
    customers, queue = bookings.customers, rule.queue
    return AppMapping(
        bookings=mapped_table(bookings.table, bookings.named_columns() | _text_column(chosen.file)),
        customers=mapped_table(customers.table, customers.columns.model_dump()) if customers else None,
        queue=mapped_table(queue.table, queue.columns.model_dump()) if queue and _needs_queue(chosen) else None,
        joins=mapped_joins(bookings),
        name=mapped_fields(bookings, "name"),
        first_name=mapped_fields(bookings, "first_name"),
        phone=mapped_fields(bookings, "phone"),
        facts=mapped_facts(bookings),
        evidence=_evidence(chosen.file),
        records={Effect.SMS: chosen.file.records_texts(), Effect.CALENDAR: chosen.file.records_events()},
        zone=chosen.file.timezone,
        wording=_letters(chosen),
        statuses=bookings.statuses,
        made_as=bookings.made_as,
        cancelled=bookings.cancelled,
        only=bookings.only,
        where=bookings.where,
        rule_filters=chosen.rule_filters(),
        grace=bookings.grace,
        date_tbd_note=bookings.date_tbd_note,
        active_customer=customers.active if customers else "",
        occasions=chosen.occasions(),
        triggers=tuple(
            sorted({rule.messages[status].trigger for status in bookings.statuses if status in rule.messages})
        ),
        deliver=rule.deliver,
        in_flight=chosen.file.record.in_flight,
        failed_resent=bool(rule.queue_failed_resent),
        report_after={kind: rule.after for kind, rule in chosen.report_only_rules().items()},
    )


def _text_column(file: CronFile) -> dict[str, str | None]:
    """The column that says that a text was sent, where our word goes there."""
    shown = [one.column for one in file.evidence.sms if one.column]
    records = file.rules.sms_missing.policy is not Policy.OFF and file.records_texts() is Record.COLUMN
    return {TEXTED: shown[0]} if records else {}


def _evidence(file: CronFile) -> dict[Effect, tuple[Evidence, ...]]:
    texts = tuple(map(_shows_text, file.evidence.sms)) if file.rules.sms_missing.policy is not Policy.OFF else ()
    wants_events = file.rules.calendar_missing.policy is not Policy.OFF
    events = (_rows(one.rows, {"event_id": one.rows.event_id}) for one in file.evidence.calendar if wants_events)
    return {Effect.SMS: texts, Effect.CALENDAR: tuple(events)}


def _shows_text(one: TextEvidence) -> Evidence:
    if one.column is not None:
        return EvidenceColumn(column=one.column, statuses=one.statuses)
    if one.rows is not None:
        return _rows(one.rows, _names_of(one.rows), one.statuses)
    assert one.log is not None, "it is one of the three"
    columns = {"number": one.log.number, "provider_id": one.log.sid, **named_by("sent", one.log.at)}
    return EvidenceLog(table=mapped_table(one.log.table, columns), where=one.log.where, statuses=one.statuses)


def _names_of(rows: TextRows) -> dict[str, str | None]:
    named = {"provider_id": rows.sid, "trigger": rows.trigger, "number": rows.number}
    return named | (named_by("sent", rows.at) if rows.at else {})


def _rows(rows: LinkedRows, named: Mapping[str, str | None], statuses: tuple[str, ...] = ()) -> EvidenceRows:
    ((link, booking_column),) = rows.on.items()
    return EvidenceRows(
        table=mapped_table(rows.table, {"link": link, **named}),
        booking_column=booking_column,
        where=rows.where,
        statuses=statuses,
    )


def _letters(chosen: Settings) -> frozenset[str]:
    """The characters of our texts that are not ASCII: of the templates, and of what is put into them."""
    texts = [text.template for text in chosen.wordings().values()]
    every = {*"".join(texts), *chosen.file.rules.sms_missing.nameless, *localized(chosen.file.locale).letters()}
    return frozenset(letter for letter in every if not letter.isascii())


def _needs_queue(chosen: Settings) -> bool:
    return chosen.file.rules.sms_missing.policy is not Policy.OFF or bool(chosen.report_only_rules())
