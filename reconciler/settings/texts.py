"""How the venue's texts are written, from the settings of several sections; and what is wrong with their templates."""

from collections.abc import Iterator

from reconciler.domain.decide.policies import Policy
from reconciler.domain.gaps import GapKind
from reconciler.settings.file.mistake import Mistake
from reconciler.settings.file.source import Source
from reconciler.settings.model.cron_file import CronFile
from reconciler.text.greeting import Greeting
from reconciler.text.localized import localized
from reconciler.text.templates import VARIABLES, Style, check_template

_MESSAGES = ("rules", str(GapKind.SMS_MISSING), "messages")


def text_style(file: CronFile) -> Style:
    rule = file.rules.sms_missing
    return Style(file.timezone, localized(file.locale), Greeting.of(rule.nameless, rule.placeholder_names))


def unwritten_texts(read: Source, file: CronFile) -> Iterator[Mistake]:
    """A status without a message."""
    rule = file.rules.sms_missing
    for number, status in enumerate(file.bookings.statuses):
        if status not in rule.messages and rule.policy is not Policy.OFF:
            what = f"no message for status {status}, which bookings.statuses lists"
            remedy = f"add a message for {status}, or remove it from the statuses"
            yield read.mistake(_MESSAGES, what, ("bookings", "statuses", number), remedy=remedy)


def template_mistakes(read: Source, file: CronFile) -> Iterator[Mistake]:
    """Each problem of a template."""
    facts = file.bookings.facts
    known = ", ".join([*VARIABLES, *(f"facts.{name}" for name in facts)])
    for status, message in file.rules.sms_missing.messages.items():
        for problem in check_template(message.template, text_style(file), facts):
            path = (*_MESSAGES, status, "template")
            yield read.mistake(path, problem, remedy=f"correct the template; it may use {known}")
