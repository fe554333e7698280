"""A service account's key file from a variable: unambiguous damage is repaired, other damage is described. No I/O.

Common damage: the quotes of a shell or an .env file become part of the value, escapes are doubled or undone, the file
is base64-encoded as a precaution, and an editor or a console adds a byte order mark, blanks or line breaks.
"""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from reconciler.settings.env.private_key import AS_IT_IS, NEW_KEY, UnusableKey, restored

NEEDED = ("client_email", "private_key", "token_uri")
_WRAPPINGS = 8
"""How many nested wrappings are removed at most."""

_EDGE = re.compile(r"\A(?:\s|\ufeff|\\+[nrt])+|(?:\s|\ufeff|\\+[nrt])+\Z")
_STRING_OR_ESCAPE = re.compile(r'("(?:[^"\\]|\\.)*")|\\+[nrt]', re.DOTALL)
_ESCAPED_QUOTES = re.compile(r'\{(?:\s|\\+[nrt])*\\+"')
_SINGLE_QUOTES = re.compile(r"\{\s*'")
_CONTROL = re.compile(r"[\x00-\x1f]")
_ADDRESS = re.compile(r"[!-?A-~]+@[!-?A-~]+")

_ONLY_THE_KEY = f"it is the private key alone; {AS_IT_IS}, all of it"
_ONE_QUOTE = f"not JSON: it begins with a quote and does not end with it, so it was cut off; {AS_IT_IS}"
_NEITHER = "neither JSON nor whole base64 of it; set its text, or the file's name as GOOGLE_SERVICE_ACCOUNT_KEY_FILE"
_NO_OBJECT = f"not a key file: it must be one JSON object; {AS_IT_IS}"
_OAUTH_CLIENT = (
    "it is the file of an OAuth client, not of a service account: its client_id and client_secret belong in "
    "GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET, with GOOGLE_REFRESH_TOKEN; remove this one then"
)
_OTHER_TYPES = {
    "authorized_user": "it holds a user's credentials, not a service account's: its client_id, client_secret and "
    "refresh_token belong in GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET and GOOGLE_REFRESH_TOKEN; remove this one then",
    "external_account": f"it is a workload identity configuration, which holds no key; {NEW_KEY}",
    "external_account_authorized_user": f"it is a workforce identity configuration, which holds no key; {NEW_KEY}",
    "impersonated_service_account": f"it only says whom to impersonate and holds no key; {NEW_KEY}",
}
_NO_TYPE = f"not the key of a service account: its `type` must say service_account; {NEW_KEY}"


def repaired(value: str) -> dict[str, Any]:
    """The key file in ``value``, undamaged, with its private key as Google writes it.

    Raises:
        UnusableKey: the value is not a key file, or is too damaged to contain a key.
    """
    read = _parsed(_unwrapped(value))
    # Only a private key has several lines. A break in any other field comes from a console that wrapped the line.
    file = {name: _CONTROL.sub("", text) if isinstance(text, str) else text for name, text in read.items()}
    _require_type(file)
    lacking = [name for name in NEEDED if not _is_filled(file.get(name))]
    if lacking:
        raise UnusableKey(f"the key lacks {', '.join(lacking)}; {AS_IT_IS}")
    if not _ADDRESS.fullmatch(file["client_email"]):
        raise UnusableKey(f"its client_email is no address; {AS_IT_IS}")
    return {**file, "private_key": restored(read["private_key"])}


def _unwrapped(value: str) -> str:
    """The JSON without quotes and encodings around it."""
    for _ in range(_WRAPPINGS):
        value = _EDGE.sub("", value)
        if value.startswith("{"):
            unescaped = _string(f'"{value}"') if _ESCAPED_QUOTES.match(value) else None
            if unescaped is None:
                return value
            value = unescaped
        elif value.startswith(("'", '"')):
            value = _unquoted(value)
        elif value.startswith("["):
            raise UnusableKey(_NO_OBJECT)
        elif value.startswith("-----BEGIN"):
            raise UnusableKey(_ONLY_THE_KEY)
        else:
            value = _from_base64(value)
    raise UnusableKey(_NEITHER)


def _unquoted(value: str) -> str:
    """The value without its quotes: decoded if it is a JSON string, otherwise with only the quotes removed."""
    if len(value) < 2 or value[-1] != value[0]:
        raise UnusableKey(_ONE_QUOTE)
    read = _string(value)
    return value[1:-1] if read is None else read


def _string(value: str) -> str | None:
    """The JSON string that ``value`` holds; ``None`` if it is not one."""
    try:
        read = json.loads(value, strict=False)
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, str) else None


def _from_base64(value: str) -> str:
    """Decode base64 in both alphabets, with or without padding, in one line or many."""
    letters = re.sub(r"\\+[nr]|\s", "", value).replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(letters + "=" * (-len(letters) % 4), validate=True).decode()
    except ValueError:
        raise UnusableKey(_NEITHER) from None


def _parsed(text: str) -> dict[str, Any]:
    """The JSON object. Line breaks within strings are accepted, and escaped line breaks between strings are ignored."""
    text = _STRING_OR_ESCAPE.sub(lambda found: found[1] or " ", text)
    try:
        file: dict[str, Any] = json.loads(text, strict=False, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise UnusableKey(_damage(text, error)) from None
    return file


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object's fields. A repeated field is refused: choosing one of two private keys would be a guess."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise UnusableKey(f"a field stands in it twice; {AS_IT_IS}")
    return found


def _damage(text: str, error: Exception) -> str:
    if isinstance(error, UnusableKey):
        return str(error)
    if _SINGLE_QUOTES.match(text):
        return f"not JSON: its quotes are single ones and JSON's are double; {AS_IT_IS}"
    if not text.rstrip().endswith("}"):
        return f"not JSON: cut off, there is no closing brace at its end; {AS_IT_IS}"
    return f"not JSON: cut off or altered on its way; {AS_IT_IS}"


def _require_type(file: Mapping[str, Any]) -> None:
    kind = file.get("type")
    if kind == "service_account":
        return
    if "type" not in file and ("installed" in file or "web" in file):
        raise UnusableKey(_OAUTH_CLIENT)
    raise UnusableKey(_OTHER_TYPES.get(kind, _NO_TYPE) if isinstance(kind, str) else _NO_TYPE)


def _is_filled(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
