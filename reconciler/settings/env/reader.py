"""The environment variables and how one is read: mistakes are collected, and values are never quoted."""

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from reconciler.settings.env.cleaning import cleaned, invisible_problem

_PLACEHOLDER = re.compile(r"(?i)^(?:<.*>|x{3,}|\.{3,}|changeme|change-me|todo|none|null|your[-_ ].*|.*-here)$")

VARIABLES = {
    "DATABASE_URL": "postgresql://user:password@host/database; the role of our jobs",
    "OWNER_URL": "optional: with what psql runs printed SQL; the doctor warns if its role is a superuser",
    "TWILIO_ACCOUNT_SID": "AC and 32 hexadecimal digits",
    "TWILIO_AUTH_TOKEN": "the account's token; or TWILIO_API_KEY and TWILIO_API_SECRET instead",
    "TWILIO_API_KEY": "SK and 32 hexadecimal digits: an API key that may send and read messages",
    "TWILIO_API_SECRET": "the same API key's secret",
    "TWILIO_PHONE_NUMBER": "the sender, as +447700900321; or a messaging service, or both",
    "TWILIO_SENDER_ID": "instead of a number: up to eleven letters and digits. Nobody can reply to it, STOP included",
    "TWILIO_MESSAGING_SERVICE_SID": "MG and 32 hexadecimal digits",
    "TWILIO_API_URL": "optional: a proxy or stand-in instead of Twilio",
    "GOOGLE_SERVICE_ACCOUNT_KEY": "the service account's key file: JSON or base64 of it; or the next three instead",
    "GOOGLE_CLIENT_ID": "an OAuth client's id, which ends in .apps.googleusercontent.com",
    "GOOGLE_CLIENT_SECRET": "the same client's secret",
    "GOOGLE_REFRESH_TOKEN": "what this client got when a person who may write the calendar consented, offline",
    "GOOGLE_CALENDAR_DELEGATE_EMAIL": "optional: the user the service account acts for (domain-wide delegation)",
    "GOOGLE_CALENDAR_ID": "the calendar the application writes to",
    "GOOGLE_API_URL": "optional: a proxy or stand-in instead of Google's API",
    "GOOGLE_TOKEN_URL": "optional: a proxy or stand-in for Google's tokens",
    "SENTRY_DSN": "https://key@host/project; without it, alerts wait in our ledger",
    "SENTRY_ENVIRONMENT": "optional; default production",
    "SENTRY_AUTH_TOKEN": "optional: resolves the issue when its incident ends; needs event:write and org:read",
    "SENTRY_ORG": "the organization's slug; needed with SENTRY_AUTH_TOKEN",
    "SENTRY_URL": "optional, with SENTRY_AUTH_TOKEN: where Sentry's API is, default https://sentry.io",
    "SUSPEND_ALL_SMS": "optional: true stops every text at once; gaps are still found and alerted",
    "SUSPEND_ALL_EVENTS": "optional: true stops every change of the calendar at once",
    "RECONCILER_TOKEN": "opens the status page; 16 characters or more. Optional where it listens on loopback only",
    "RECONCILER_CONFIG": "where cron.yaml is; else ./cron.yaml. Without one, commands that write need --defaults",
}
"""Every variable that the product reads by a fixed name -> what it holds."""
ROUTE = "an on-call route as an apprise URL, such as pagerduty://INTEGRATION_KEY@API_KEY; cron.yaml names it"
SWITCH = "the ping URL of a dead man's switch, such as https://hc-ping.com/UUID; cron.yaml names it"


class Reader:
    """Reads variables and collects every mistake. It never quotes a value, which may be a secret."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.mistakes: list[str] = []

    def take(
        self,
        name: str,
        check: Callable[[str], str] | None = None,
        *,
        wanted: bool = True,
        holds: str = "",
        as_it_is: bool = False,
    ) -> str | None:
        """The variable's value, cleaned. ``None``, with a mistake noted, if it is wanted but missing, or invalid.

        ``holds`` describes the content of a variable whose name the operator chose. ``as_it_is``: quotes and line
        breaks belong to its form, and whoever reads that form cleans it.
        """
        value = self._raw(name)
        if value is not None and not as_it_is:
            value = cleaned(value)
        if value is None:
            return None
        if not value:
            if wanted:
                self.mistakes.append(f"{name}: not set; {holds or VARIABLES[name]}")
            return None
        if _PLACEHOLDER.match(value):
            self.mistakes.append(f"{name}: still holds a placeholder; {holds or VARIABLES[name]}")
            return None
        problem = "" if as_it_is else invisible_problem(value)
        if not problem and check:
            problem = check(value)
        if problem:
            self.mistakes.append(f"{name}: {problem}")
            return None
        return value

    def named(self, *names: str) -> list[str]:
        """The variables of ``names`` that are set, each under the name that is set: ``NAME`` or ``NAME_FILE``."""
        return [each for name in names for each in (name, f"{name}_FILE") if cleaned(self._environ.get(each, ""))]

    def _raw(self, name: str) -> str | None:
        """The variable's value: '' if it is not set, ``None`` if a mistake about it was noted."""
        value, file = self._environ.get(name, "").strip(), cleaned(self._environ.get(f"{name}_FILE", ""))
        if value and file:
            self.mistakes.append(f"{name}: set, and {name}_FILE too; keep one")
            return None
        if not file:
            return value
        try:
            value = Path(file).read_text(encoding="utf-8-sig").strip()
        except (OSError, UnicodeDecodeError):
            self.mistakes.append(f"{name}_FILE: the file it names cannot be read")
            return None
        if not value:
            self.mistakes.append(f"{name}_FILE: the file it names is empty")
            return None
        return value


def matching(pattern: str, name: str) -> Callable[[str], str]:
    return lambda value: "" if re.fullmatch(pattern, value) else f"does not look right; {VARIABLES[name]}"


def url_problem(value: str) -> str:
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return "not a URL"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "must be an http(s) URL"
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        return "plain http is accepted for loopback only; use https"
    return ""


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
