"""The environment as types: the names the application uses already, each also as ``NAME_FILE``."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from reconciler.domain.gaps import Effect

_PLACEHOLDER = re.compile(r"(?i)^(?:<.*>|x{3,}|\.{3,}|changeme|change-me|todo|none|null|your[-_ ].*|.*-here)$")
_YES, _NO = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off"})
_SCHEMES = ("postgres", "postgresql", "postgresql+psycopg")


# Nothing here shows itself: every value is a secret, an address of a person, or may hold one.


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Twilio:
    account_sid: str
    auth_token: str
    phone_number: str | None
    messaging_service_sid: str | None
    api_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Google:
    service_account: Mapping[str, Any]
    calendar_id: str
    delegate: str | None
    api_url: str | None
    token_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Environment:
    """What the environment says. A part that is not wanted is ``None`` and was not looked at."""

    database_url: str
    """For SQLAlchemy with psycopg; always ``postgresql+psycopg://``."""
    twilio: Twilio | None
    google: Google | None
    suspended: frozenset[Effect]
    """Effects that SUSPEND_ALL_SMS and SUSPEND_ALL_EVENTS forbid."""


VARIABLES = {
    "DATABASE_URL": "postgresql://user:password@host/database; the role of our jobs",
    "TWILIO_ACCOUNT_SID": "AC and 32 hexadecimal digits",
    "TWILIO_AUTH_TOKEN": "the account's token",
    "TWILIO_PHONE_NUMBER": "the sender, as +447700900321; or a messaging service, or both",
    "TWILIO_MESSAGING_SERVICE_SID": "MG and 32 hexadecimal digits",
    "TWILIO_API_URL": "optional: a proxy or stand-in instead of Twilio",
    "GOOGLE_SERVICE_ACCOUNT_KEY": "the service account's key file: JSON",
    "GOOGLE_CALENDAR_ID": "the calendar the application writes to",
    "GOOGLE_CALENDAR_DELEGATE_EMAIL": "optional: whom the service account acts for (domain-wide delegation)",
    "GOOGLE_API_URL": "optional: a proxy or stand-in instead of Google's API",
    "GOOGLE_TOKEN_URL": "optional: the same for Google's tokens",
    "SUSPEND_ALL_SMS": "optional: true stops every text at once; gaps are still found and told",
    "SUSPEND_ALL_EVENTS": "optional: true stops every change of the calendar at once",
    "RECONCILER_CONFIG": "where cron.yaml is; else ./cron.yaml, else all defaults",
}
"""Every variable the product reads, and what stands in it."""


class Reader:
    """Takes variables and gathers every mistake; a value is never quoted, it may be a secret."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.mistakes: list[str] = []

    def take(self, name: str, check: Callable[[str], str] | None = None, *, wanted: bool = True) -> str | None:
        """The variable's value, stripped; ``None`` with a mistake noted if it is wanted and missing, or is wrong."""
        value = self._raw(name)
        if value is None:
            return None
        if not value:
            if wanted:
                self.mistakes.append(f"{name}: not set; {VARIABLES[name]}")
            return None
        if _PLACEHOLDER.match(value):
            self.mistakes.append(f"{name}: still holds a placeholder; {VARIABLES[name]}")
            return None
        problem = check(value) if check else ""
        if problem:
            self.mistakes.append(f"{name}: {problem}")
            return None
        return value

    def _raw(self, name: str) -> str | None:
        """'' if it is not set, ``None`` if a mistake about it was noted."""
        value, file = self._environ.get(name, "").strip(), self._environ.get(f"{name}_FILE", "").strip()
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


def read(environ: Mapping[str, str], *, texts: bool, events: bool) -> tuple[Environment | None, list[str]]:
    """The typed environment, or every mistake in it. ``texts``, ``events``: whether their variables are wanted."""
    reader = Reader(environ)
    url = reader.take("DATABASE_URL", _database_problem)
    twilio = _twilio(reader) if texts else None
    google = _google(reader) if events else None
    suspended = _suspended(reader)
    if reader.mistakes or url is None:
        return None, reader.mistakes
    return Environment(database_url=_with_driver(url), twilio=twilio, google=google, suspended=suspended), []


def _suspended(reader: Reader) -> frozenset[Effect]:
    switches = {"SUSPEND_ALL_SMS": Effect.TEXT, "SUSPEND_ALL_EVENTS": Effect.EVENT}
    thrown = {effect: reader.take(name, _switch_problem, wanted=False) for name, effect in switches.items()}
    return frozenset(effect for effect, word in thrown.items() if (word or "").lower() in _YES)


def _switch_problem(value: str) -> str:
    return "" if value.lower() in _YES | _NO else "must be true or false"


def _with_driver(url: str) -> str:
    return "postgresql+psycopg" + url[url.index("://") :]


def _database_problem(url: str) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "not a URL; postgresql://user:password@host/database, with special characters percent-encoded"
    if parts.scheme not in _SCHEMES or "://" not in url:
        return f"must begin with postgresql://; {VARIABLES['DATABASE_URL']}"
    return "" if parts.path.strip("/") else "names no database; postgresql://user:password@host/database"


def _matching(pattern: str, name: str) -> Callable[[str], str]:
    return lambda value: "" if re.fullmatch(pattern, value) else f"does not look right; {VARIABLES[name]}"


def _twilio(reader: Reader) -> Twilio | None:
    before = len(reader.mistakes)
    account = reader.take("TWILIO_ACCOUNT_SID", _matching("AC[0-9a-fA-F]{32}", "TWILIO_ACCOUNT_SID"))
    token = reader.take("TWILIO_AUTH_TOKEN")
    number = reader.take("TWILIO_PHONE_NUMBER", _matching(r"\+[1-9][0-9]{6,14}", "TWILIO_PHONE_NUMBER"), wanted=False)
    service = reader.take(
        "TWILIO_MESSAGING_SERVICE_SID", _matching("MG[0-9a-fA-F]{32}", "TWILIO_MESSAGING_SERVICE_SID"), wanted=False
    )
    api_url = reader.take("TWILIO_API_URL", _url_problem, wanted=False)
    sender_was_tried = any(name.startswith(("TWILIO_PHONE", "TWILIO_MESS")) for name in reader.mistakes[before:])
    if not number and not service and not sender_was_tried:
        reader.mistakes.append("TWILIO_PHONE_NUMBER or TWILIO_MESSAGING_SERVICE_SID: neither is set; one is needed")
    if account is None or token is None:
        return None
    return Twilio(
        account_sid=account,
        auth_token=token,
        phone_number=number,
        messaging_service_sid=service,
        api_url=api_url,
    )


def _google(reader: Reader) -> Google | None:
    key = reader.take("GOOGLE_SERVICE_ACCOUNT_KEY", _key_problem)
    calendar = reader.take("GOOGLE_CALENDAR_ID")
    delegate = reader.take("GOOGLE_CALENDAR_DELEGATE_EMAIL", wanted=False)
    api_url = reader.take("GOOGLE_API_URL", _url_problem, wanted=False)
    token_url = reader.take("GOOGLE_TOKEN_URL", _url_problem, wanted=False)
    if key is None or calendar is None:
        return None
    return Google(
        service_account=json.loads(key),
        calendar_id=calendar,
        delegate=delegate,
        api_url=api_url,
        token_url=token_url,
    )


def _key_problem(value: str) -> str:
    """What is wrong with a service-account key, without quoting any of it."""
    try:
        key = json.loads(value)
    except (ValueError, RecursionError) as error:
        return f"not JSON: {_damage(value, error)}"
    if isinstance(key, str):
        return f"not JSON: {_QUOTED}"
    if not isinstance(key, dict):
        return "not a key file: it must be a JSON object"
    if key.get("type") != "service_account":
        return "not the key of a service account: its `type` must say service_account"
    lacking = [name for name in ("client_email", "private_key", "token_uri") if not _is_filled(key.get(name))]
    if lacking:
        return f"the key lacks {', '.join(lacking)}"
    if "\\n" in key["private_key"]:
        return f"its line breaks were escaped twice, private_key holds \\n as two characters; {_AS_IT_IS}"
    return ""


_AS_IT_IS = "set the key file's text as it is"
_QUOTED = f"it is wrapped in quotes; {_AS_IT_IS}"


def _damage(value: str, error: Exception) -> str:
    if value.startswith(("'", '"')):
        return _QUOTED
    if not value.startswith("{"):
        return f"it does not begin with {{; {_AS_IT_IS}, not encoded and not the file's name"
    if isinstance(error, json.JSONDecodeError) and error.msg.startswith("Invalid control character"):
        return f"real line breaks inside private_key; {_AS_IT_IS}"
    return f"cut off or altered on its way; {_AS_IT_IS}"


def _is_filled(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _url_problem(value: str) -> str:
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return "not a URL"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "must be an http(s) URL"
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        return "plain http is accepted for loopback only; use https"
    return ""


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
