"""Google's part of the environment: a calendar, and a service account or an OAuth client."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.settings.env import service_account_key
from reconciler.settings.env.cleaning import foreign_problem
from reconciler.settings.env.private_key import UnusableKey
from reconciler.settings.env.reader import VARIABLES, Reader, matching, url_problem

# No field appears in a repr: every value is or may contain a secret or a person's address.


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ServiceAccount:
    key: Mapping[str, Any]
    """The key file, repaired."""
    delegate: str | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class OAuthClient:
    client_id: str
    client_secret: str
    refresh_token: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Google:
    access: ServiceAccount | OAuthClient
    calendar_id: str
    api_url: str | None
    token_url: str | None


def read_google(reader: Reader) -> Google | None:
    access = _google_access(reader)
    calendar = reader.take("GOOGLE_CALENDAR_ID", _calendar_problem)
    api_url = reader.take("GOOGLE_API_URL", url_problem, wanted=False)
    token_url = reader.take("GOOGLE_TOKEN_URL", url_problem, wanted=False)
    if access is None or calendar is None:
        return None
    if calendar == "primary" and isinstance(access, ServiceAccount) and access.delegate is None:
        reader.mistakes.append(
            "GOOGLE_CALENDAR_ID: primary is the service account's own calendar here, whose events nobody sees; "
            "name the venue's calendar, and share that one with the service account"
        )
        return None
    return Google(access=access, calendar_id=calendar, api_url=api_url, token_url=token_url)


def _calendar_problem(value: str) -> str:
    """What is wrong with a calendar's id, which is an address or ``primary`` (Calendar API, Calendars)."""
    if value == "primary" or re.fullmatch(r"[^\s@/:?]+@[^\s@/:?]+", value):
        return ""
    return (
        "is no calendar's id, which looks like an e-mail address: copy it from the calendar's settings, "
        '"Integrate calendar", without blanks, and not its link'
    )


_KEY, _DELEGATE = "GOOGLE_SERVICE_ACCOUNT_KEY", "GOOGLE_CALENDAR_DELEGATE_EMAIL"
_CONSENT = ("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET", "GOOGLE_REFRESH_TOKEN")
NAMES = (_KEY, *_CONSENT, "GOOGLE_CALENDAR_ID")
"""If none of them is set, nobody meant to give access to Google here."""


def _google_access(reader: Reader) -> ServiceAccount | OAuthClient | None:
    """The one way to authenticate that is set. Setting both is a mistake: choosing one would be a guess."""
    key, consent = reader.named(_KEY), reader.named(*_CONSENT)
    if key and consent:
        reader.mistakes.append(
            f"{_KEY} or {', '.join(_CONSENT)}: both ways to authenticate are set; "
            f"remove {' and '.join(key)}, or remove {' and '.join(consent)}"
        )
        return None
    if not key and not consent:
        reader.mistakes.append(
            f"{_KEY} or {', '.join(_CONSENT)}: neither a service account's key nor an OAuth client with its refresh "
            "token is set; one of the two ways is needed"
        )
        return None
    return _service_account(reader) if key else _oauth_client(reader)


def _service_account(reader: Reader) -> ServiceAccount | None:
    value, delegate = reader.take(_KEY, as_it_is=True), reader.take(_DELEGATE, wanted=False)
    if value is None:
        return None
    try:
        key = service_account_key.repaired(value)
    except UnusableKey as problem:
        reader.mistakes.append(f"{_KEY}: {problem}")
        return None
    problem_of_url = url_problem(key["token_uri"])
    if problem_of_url:
        reader.mistakes.append(f"{_KEY}: its token_uri: {problem_of_url}")
        return None
    return ServiceAccount(key=key, delegate=delegate)


def _oauth_client(reader: Reader) -> OAuthClient | None:
    client_id = reader.take("GOOGLE_CLIENT_ID", matching(r"[\w.-]+\.apps\.googleusercontent\.com", "GOOGLE_CLIENT_ID"))
    secret = reader.take("GOOGLE_CLIENT_SECRET", foreign_problem)
    token = reader.take("GOOGLE_REFRESH_TOKEN", _refresh_token_problem)
    for name in reader.named(_DELEGATE):
        reader.mistakes.append(
            f"{name}: only a service account acts for somebody else, a refresh token for whoever consented; remove it, "
            f"or set {_KEY} instead of {', '.join(_CONSENT)}"
        )
    if client_id is None or secret is None or token is None:
        return None
    return OAuthClient(client_id=client_id, client_secret=secret, refresh_token=token)


def _refresh_token_problem(value: str) -> str:
    if value.startswith("ya29."):
        return f"an access token, which lasts an hour; {VARIABLES['GOOGLE_REFRESH_TOKEN']}"
    if value.startswith("4/"):
        return f"a code to exchange once, not what it is exchanged for; {VARIABLES['GOOGLE_REFRESH_TOKEN']}"
    return foreign_problem(value)
