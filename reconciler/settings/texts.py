"""How the venue's texts are written, from the settings of several sections; and what is wrong with their templates."""

from collections.abc import Iterator

from reconciler.domain.decide.policies import Policy
from reconciler.domain.gaps import GapKind
from reconciler.settings.file.model import CronFile
from reconciler.settings.file.source import Source
from reconciler.text.greeting import Greeting
from reconciler.text.localized import localized
from reconciler.text.templates import Style, check_template


def text_style(file: CronFile) -> Style:
    rule = file.rules.sms_missing
    return Style(file.timezone, localized(file.locale), Greeting.of(rule.nameless, rule.placeholder_names))


def template_mistakes(read: Source, file: CronFile) -> Iterator[str]:
    """A status without a message, and each problem of a template."""
    rule, style = file.rules.sms_missing, text_style(file)
    at = ("rules", str(GapKind.SMS_MISSING), "messages")
    for number, status in enumerate(file.bookings.statuses):
        if status not in rule.messages and rule.policy is not Policy.OFF:
            listed = ("bookings", "statuses", number)
            yield read.mistake(at, f"no message for status {status}, which bookings.statuses lists", listed)
    for status, message in rule.messages.items():
        for problem in check_template(message.template, style):
            yield read.mistake((*at, status, "template"), problem)
