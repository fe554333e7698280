"""Contradictions about what shows an effect, and about where our own word goes."""

from collections.abc import Iterator

from reconciler.domain.decide.policies import Deliver, Policy, Record
from reconciler.domain.gaps import GapKind
from reconciler.settings.file.mistake import Mistake
from reconciler.settings.file.source import Source
from reconciler.settings.model.cron_file import CronFile

_SMS = ("rules", str(GapKind.SMS_MISSING))


def evidence_contradictions(read: Source, file: CronFile) -> Iterator[Mistake]:
    """Records that have no place, and evidence that counts for no booking."""
    yield from _homeless_records(read, file)
    yield from _hiding_column(read, file)
    yield from _needless_statuses(read, file)


def _homeless_records(read: Source, file: CronFile) -> Iterator[Mistake]:
    rule, columns = file.rules.sms_missing, [one for one in file.evidence.sms if one.column]
    if rule.policy is not Policy.OFF:
        if file.record.sms is Record.QUEUE and rule.queue is None:
            what = "queue: a row of the queue is to say it, and rules.sms.missing.queue is off"
            remedy = "write ledger, or map the queue"
            yield read.mistake(("record", "sms"), what, (*_SMS, "queue"), remedy=remedy)
        if file.record.sms is Record.COLUMN and len(columns) != 1:
            what = f"column: it is to be the one column of evidence.sms, and there are {len(columns)}"
            remedy = "write one {column: ..} into evidence.sms, or record.sms: ledger"
            yield read.mistake(("record", "sms"), what, ("evidence", "sms"), remedy=remedy)
        if rule.deliver is Deliver.APPLICATION and file.records_texts() is not Record.QUEUE:
            what = "application: texts are handed over as rows of the queue, and nothing of ours goes there"
            remedy = "write deliver: reconciler, or map the queue and write record.sms: queue"
            yield read.mistake((*_SMS, "deliver"), what, ("record", "sms"), remedy=remedy)
    makes_events = file.rules.calendar_missing.policy is not Policy.OFF
    if makes_events and file.record.calendar is Record.COLUMN and file.bookings.columns.event_id is None:
        what = "column: bookings.columns.event_id is to hold it, and is null"
        remedy = "name that column, or write ledger"
        yield read.mistake(("record", "calendar"), what, ("bookings", "columns", "event_id"), remedy=remedy)


def _hiding_column(read: Source, file: CronFile) -> Iterator[Mistake]:
    """A column that we fill for one text, and that then shows another one, which is never sent."""
    rule, columns = file.rules.sms_missing, [one for one in file.evidence.sms if one.column]
    if rule.policy is Policy.OFF or file.records_texts() is not Record.COLUMN or len(columns) != 1:
        return
    written = {status: rule.messages[status] for status in file.bookings.statuses if status in rule.messages}
    shown = columns[0].statuses or tuple(written)
    for status, message in written.items():
        for other in (one for one in shown if one in written):
            satisfying = rule.satisfying(written[other])
            if satisfying is not None and message.trigger not in satisfying:
                what = f"column: filled for the text of {status} bookings, it would show that of {other} ones too"
                remedy = "write ledger, which knows which text it was"
                yield read.mistake(("record", "sms"), what, ("evidence", "sms"), remedy=remedy)
                return


def _needless_statuses(read: Source, file: CronFile) -> Iterator[Mistake]:
    """A status that no rule covers: a text for it is shown in vain, which is likely a misspelling."""
    for number, one in enumerate(file.evidence.sms):
        unknown = [status for status in one.statuses if status not in file.bookings.statuses]
        if unknown:
            what = f"{', '.join(unknown)} is not among bookings.statuses"
            at = ("evidence", "sms", number, "statuses")
            yield read.mistake(at, what, ("bookings", "statuses"), remedy="correct it, or list it there too")
