"""Faults and remedies for Google's refusals, by authentication method.

They name the service account's address and client id, which Google's consoles require, and no other value.
"""

from collections.abc import Mapping
from typing import NamedTuple

from reconciler.domain.gaps import GapKind, IntegrationFault
from reconciler.providers.google.credentials import REAUTHENTICATION, SCOPES, Access, OAuthAccess, ServiceAccountAccess


class _Advice(NamedTuple):
    seen: str
    remedy: str


_Remedies = Mapping[str, _Advice]

_CLIENT_UNKNOWN = _Advice(
    seen="Google does not accept GOOGLE_CLIENT_ID with GOOGLE_CLIENT_SECRET: one is wrong, or the client was deleted",
    remedy="copy both again (Google Cloud console, APIs and services, Credentials); "
    "a new client needs a new refresh token",
)
_NOT_DELEGATED = _Advice(
    seen="domain-wide delegation is not granted: {account} may not act for GOOGLE_CALENDAR_DELEGATE_EMAIL",
    remedy="in the Google Admin console, Security, API controls, Domain-wide delegation, add client id {client} "
    "with the scope {scope}; or share the calendar with {account} and unset GOOGLE_CALENDAR_DELEGATE_EMAIL",
)

_BOTH: _Remedies = {
    "google:notFound": _Advice(
        seen="the calendar of GOOGLE_CALENDAR_ID does not exist or is not shared with us",
        remedy='correct GOOGLE_CALENDAR_ID, or share the calendar with {reader}, "Make changes to events"',
    ),
    "google:accessNotConfigured": _Advice(
        seen="the Google Calendar API is disabled in the project of {project}",
        remedy="enable it in the Google Cloud console, APIs and services",
    ),
}
_BY_SERVICE_ACCOUNT: _Remedies = {
    "google:authError": _Advice(
        seen="Google does not accept our token", remedy="create a new key for {account} and set it"
    ),
    "token:invalid_grant": _Advice(
        seen="Google issues no token: the key or its service account was deleted, or the machine's clock is wrong",
        remedy="check the clock; otherwise create a new key for {account} and set it",
    ),
    "token:unauthorized_client": _Advice(
        seen="Google issues no token to {account}: it is disabled, or it is not a service account",
        remedy="enable it (Google Cloud console, IAM and admin, Service accounts), or set the key of another account",
    ),
    "token:unusable_key": _Advice(
        seen="the private key in GOOGLE_SERVICE_ACCOUNT_KEY cannot be read",
        remedy="set GOOGLE_SERVICE_ACCOUNT_KEY to the key file's text, exactly as downloaded",
    ),
}
_FOR_A_DELEGATE: _Remedies = {
    "token:invalid_grant": _Advice(
        seen="Google issues no token: the user of GOOGLE_CALENDAR_DELEGATE_EMAIL does not exist, the key or its "
        "service account was deleted, or the machine's clock is wrong",
        remedy="check GOOGLE_CALENDAR_DELEGATE_EMAIL and the clock; "
        "otherwise create a new key for {account} and set it",
    ),
    "token:unauthorized_client": _NOT_DELEGATED,
    "token:access_denied": _NOT_DELEGATED,
}
_BY_CONSENT: _Remedies = {
    "google:authError": _Advice(
        seen="Google does not accept our token", remedy="consent again and set GOOGLE_REFRESH_TOKEN"
    ),
    "google:insufficientPermissions": _Advice(
        seen="the consent behind GOOGLE_REFRESH_TOKEN does not cover events",
        remedy="consent again with the scope {scope} and set GOOGLE_REFRESH_TOKEN",
    ),
    "token:invalid_grant": _Advice(
        seen="Google issues no token: the consent was revoked, or the refresh token belongs to another client or has "
        "expired (after seven days if the consent screen is in testing, or after six months without use)",
        remedy="publish the consent screen or make it internal (Google Cloud console, Google Auth Platform, Audience); "
        "then consent again with the client of GOOGLE_CLIENT_ID and the scope {scope}, and set GOOGLE_REFRESH_TOKEN",
    ),
    "token:unauthorized_client": _Advice(
        seen="GOOGLE_REFRESH_TOKEN was not issued to the client of GOOGLE_CLIENT_ID, or clients of its type may not "
        "refresh tokens",
        remedy="consent again with that client (type web or desktop, offline access) and the scope {scope}, and set "
        "GOOGLE_REFRESH_TOKEN; or set GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET of the client that has the token",
    ),
    "token:invalid_client": _CLIENT_UNKNOWN,
    "token:deleted_client": _CLIENT_UNKNOWN,
    "token:disabled_client": _CLIENT_UNKNOWN,
    f"token:{REAUTHENTICATION}": _Advice(
        seen="Google Workspace asks for a new sign-in of the person who consented",
        remedy="trust our client (Google Admin console, Security, Google Cloud session control), then consent again; "
        "or use a service account: its sessions do not end",
    ),
}


def cannot_write(role: str, access: Access) -> IntegrationFault:
    """The fault of a calendar shared with us as ``role``, which does not allow writing."""
    seen = f"our role in the calendar is {role}, which may not write events"
    return _fault(f"role_{role}", _Advice(seen, 'share it with {reader}, "Make changes to events"'), access)


def fault_of(code: str, access: Access) -> IntegrationFault:
    """The fault and remedy for ``code``, a reason of Calendar's or an error of the token endpoint."""
    unknown = _Advice(f"Google refuses ({code})", "look up the reason in Google Calendar's guide to API errors")
    return _fault(code, {**_BOTH, **_of(access)}.get(code, unknown), access)


def _of(access: Access) -> _Remedies:
    if isinstance(access, OAuthAccess):
        return _BY_CONSENT
    return {**_BY_SERVICE_ACCOUNT, **_FOR_A_DELEGATE} if access.delegate else _BY_SERVICE_ACCOUNT


def _fault(code: str, advice: _Advice, access: Access) -> IntegrationFault:
    names = _names(access)
    return IntegrationFault(
        kind=GapKind.INTEGRATION_GOOGLE,
        code=code,
        seen=advice.seen.format(**names),
        remedy=advice.remedy.format(**names),
    )


def _names(access: Access) -> dict[str, str]:
    """Values for the placeholders. ``reader``: the account that needs access to the calendar."""
    scope = " ".join(SCOPES)
    if isinstance(access, ServiceAccountAccess):
        account = str(access.key.get("client_email", "the service account"))
        client = str(access.key.get("client_id") or f"(the unique id of {account})")
        reader = "the user of GOOGLE_CALENDAR_DELEGATE_EMAIL" if access.delegate else account
        return {"account": account, "client": client, "reader": reader, "project": account, "scope": scope}
    return {"reader": "the account that consented", "project": "GOOGLE_CLIENT_ID", "scope": scope}
