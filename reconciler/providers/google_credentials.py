"""Tokens for a service account, minted through the configured endpoint and nowhere else."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

SCOPES = ("https://www.googleapis.com/auth/calendar.events",)
"""The least that may write events and see the calendar's role."""


def credentials(service_account: Mapping[str, Any], delegate: str | None, token_url: str | None) -> Any:
    """Credentials for google-auth's transports.

    google-auth's own service-account credentials start a background call to iamcredentials.googleapis.com on first
    use (Regional Access Boundary), past every configured endpoint. Plain OAuth credentials do not, and take their
    token from a handler: ours asks the service account's token endpoint.

    Raises:
        google.auth.exceptions.MalformedError: the private key cannot be read.
    """
    # Imported here: with its crypto it takes a while, and `--help` needs none of it.
    from google.auth.exceptions import MalformedError, TransportError
    from google.oauth2 import credentials as oauth2
    from google.oauth2 import service_account as accounts

    info = {**service_account, **({"token_uri": token_url} if token_url else {})}
    try:
        account = accounts.Credentials.from_service_account_info(info, scopes=SCOPES, subject=delegate)
    except (ValueError, TypeError):
        # TypeError: a key that asks for a password. The library's message may quote the key.
        raise MalformedError("the private key cannot be read") from None

    def mint(request: Any, scopes: Sequence[str]) -> tuple[str, datetime]:
        minted = account.with_scopes(scopes)
        try:
            minted.refresh(request)
        except (OSError, ValueError, TypeError):
            # google-auth lets the connection's failures through, and takes whatever was answered for an object.
            raise TransportError("no token") from None
        return minted.token, minted.expiry

    return oauth2.Credentials(token=None, scopes=SCOPES, refresh_handler=mint)
