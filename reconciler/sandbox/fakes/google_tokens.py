"""The stand-in's token endpoint: exchanges a signed assertion or an OAuth refresh token for an access token.

It follows Google Identity's guides to both grants. If a guide gives no answer, it follows publicly reported responses.
"""

import base64
import json
import secrets
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from reconciler.sandbox.fakes.server import Response

CLIENT_ID = "000000000000-sandbox.apps.googleusercontent.com"
CLIENT_SECRET = "sandbox-client-secret"  # noqa: S105 - valid for the stand-in only
REFRESH_TOKEN = "1//sandbox-refresh-token"  # noqa: S105 - valid for the stand-in only
_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"  # the grant's public name
_SCOPE = "https://www.googleapis.com/auth/calendar.events"


_KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - valid for the stand-in only
"""Made when the module is imported. At the first use, two threads could make two keys, and one would be refused.

The key is short, because every load of a key verifies it.
"""


def private_key() -> str:
    """The service account's key in PEM, as in Google's key files."""
    pem = _KEY.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode()


class GoogleTokens:
    """Issues tokens for known credentials, and refuses others as Google does."""

    def __init__(self) -> None:
        self.issued: set[str] = set()
        self.delegated = True
        """Whether the service account has domain-wide delegation to act for the domain's users."""
        self.consented = True
        """Whether the consent behind the refresh token is still valid."""

    def answer(self, form: Mapping[str, str]) -> Response:
        if form.get("grant_type") == "refresh_token" and "client_id" in form:
            return self._refresh(form)
        if form.get("grant_type") != _JWT_GRANT or not _is_signed_by_us(form.get("assertion", "")):
            return _refused(400, "invalid_grant", "Invalid JWT Signature.")
        if "sub" in _claims(form["assertion"]) and not self.delegated:
            return _refused(401, "unauthorized_client", "The client may not retrieve tokens by this method.")
        return self._issue()

    def _refresh(self, form: Mapping[str, str]) -> Response:
        if form["client_id"] != CLIENT_ID:
            return _refused(401, "invalid_client", "The OAuth client was not found.")
        if form.get("client_secret") != CLIENT_SECRET:
            return _refused(401, "invalid_client", "The provided client secret is invalid.")
        if form.get("refresh_token") != REFRESH_TOKEN:
            return _refused(400, "invalid_grant", "Bad Request")
        if not self.consented:
            return _refused(400, "invalid_grant", "Token has been expired or revoked.")
        if form.get("scope", _SCOPE) != _SCOPE:
            return _refused(400, "invalid_scope", "Bad Request")
        return self._issue()

    def _issue(self) -> Response:
        token = f"sandbox-{secrets.token_hex(16)}"
        self.issued.add(token)
        return Response.of(200, {"access_token": token, "expires_in": 3600, "token_type": "Bearer"})


def _refused(status: int, error: str, description: str) -> Response:
    return Response.of(status, {"error": error, "error_description": description})


def _is_signed_by_us(assertion: str) -> bool:
    signed, _, signature = assertion.rpartition(".")
    try:
        _KEY.public_key().verify(_decoded(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def _claims(assertion: str) -> dict[str, object]:
    """The claims of a signed assertion."""
    claims: dict[str, object] = json.loads(_decoded(assertion.split(".")[1]))
    return claims


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
