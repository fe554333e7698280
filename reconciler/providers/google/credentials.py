"""The two ways to authenticate with Google; tokens come from the configured endpoint and nowhere else.

google-auth's own service-account credentials start a background call to iamcredentials.googleapis.com on first use
(Regional Access Boundary), past every configured endpoint. Plain OAuth credentials do not, and get their token from
a handler: ours calls only the configured token endpoint.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from reconciler.timing.call_deadline import preparing

SCOPES = ("https://www.googleapis.com/auth/calendar.events",)
"""The narrowest scope that can write events and read our role in the calendar."""
TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
"""Google's own (Google Identity, Using OAuth 2.0 for web server applications)."""
REAUTHENTICATION = "invalid_rapt"
"""A Workspace that limits sessions (Admin console, Google Cloud session control) ends refresh tokens with them."""


@dataclass(frozen=True, kw_only=True)
class ServiceAccountAccess:
    """A service account's key. ``delegate``: the user it acts for (domain-wide delegation); ``None``: itself."""

    key: Mapping[str, Any] = field(repr=False)
    delegate: str | None = field(repr=False)
    token_url: str | None
    """Overrides the key file's token endpoint."""

    def owns(self, calendar_id: str) -> bool:
        """Whether it is the account's own calendar. For whom it acts has one that a person sees."""
        own = str(self.key.get("client_email") or "")
        # Google takes an address in any case.
        return self.delegate is None and calendar_id.casefold() in ("primary", own.casefold())

    def credentials(self) -> Any:
        return credentials(self.key, self.delegate, self.token_url)


@dataclass(frozen=True, kw_only=True)
class OAuthAccess:
    """A refresh token from a person's consent, and the client it was issued to."""

    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    token_url: str | None
    """Overrides Google's token endpoint."""

    def owns(self, calendar_id: str) -> bool:
        """``False``: whoever consented sees the calendar, ``primary`` included."""
        return False

    def credentials(self) -> Any:
        """Credentials for google-auth's transports.

        No scope is requested: a token has those of its consent, and Google rejects a narrower scope of another name.
        """
        from google.oauth2 import credentials as oauth2

        consent = oauth2.Credentials(
            token=None,
            refresh_token=self.refresh_token,
            token_uri=self.token_url or TOKEN_URL,
            client_id=self.client_id,
            client_secret=self.client_secret,
        )
        return _minting(lambda _: consent)


Access = ServiceAccountAccess | OAuthAccess


def credentials(service_account: Mapping[str, Any], delegate: str | None, token_url: str | None) -> Any:
    """Credentials for google-auth's transports.

    Raises:
        google.auth.exceptions.MalformedError: the private key cannot be read.
    """
    # Imported here: with its crypto it takes a while, and `--help` needs none of it.
    from google.auth.exceptions import MalformedError
    from google.oauth2 import service_account as accounts

    info = {**service_account, **({"token_uri": token_url} if token_url else {})}
    try:
        account = accounts.Credentials.from_service_account_info(info, scopes=SCOPES, subject=delegate)
    except (ValueError, TypeError):
        # TypeError: a key with a password. The library's message may quote the key.
        raise MalformedError("the private key cannot be read") from None
    return _minting(account.with_scopes)


def _minting(source: Any) -> Any:
    """Credentials whose tokens are minted by the google-auth credentials that ``source`` returns for the scopes."""
    from google.auth.exceptions import RefreshError, TransportError
    from google.oauth2 import credentials as oauth2

    def mint(request: Any, scopes: Sequence[str]) -> tuple[str, datetime]:
        minted = source(scopes)
        try:
            with preparing():  # a token's request leaves no event behind
                minted.refresh(request)
        except RefreshError as error:
            if "Reauthentication is needed" in str(error):  # the library keeps nothing else of this answer
                raise RefreshError(REAUTHENTICATION, {"error": REAUTHENTICATION}) from None
            raise
        except (OSError, ValueError, TypeError, AttributeError):
            # google-auth lets connection errors through, and assumes that every answer is a JSON object.
            raise TransportError("no token") from None
        return minted.token, minted.expiry

    return oauth2.Credentials(token=None, scopes=SCOPES, refresh_handler=mint)
