"""A service account's private key: its PEM is restored where that is unambiguous, and the key is verified. No I/O.

Restoring never guesses: the numbers of an RSA key determine each other, and a text whose numbers disagree is refused.
"""

import base64
import re
from math import lcm
from textwrap import wrap

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPrivateNumbers
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key

AS_IT_IS = "set the key file's text as it is"
NEW_KEY = (
    "create a JSON key for the service account (Google Cloud console, IAM and admin, Service accounts, Keys) and set it"
)

_BREAK = re.compile(r"\\+[nr]|\r")
"""The forms of a damaged line break: CRLF, or any number of backslashes and a letter."""
_BEGIN = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----")
_LABELS = {"PRIVATE KEY": PrivateFormat.PKCS8, "RSA PRIVATE KEY": PrivateFormat.TraditionalOpenSSL}


class UnusableKey(ValueError):
    """What is wrong with a key and how to fix it, for a person. The message quotes no part of the key."""


_NO_PEM = f"its private_key is none: there is no line -----BEGIN PRIVATE KEY-----; {AS_IT_IS}"
_CUT_OFF = f"its private_key was cut off: there is no line -----END PRIVATE KEY-----; {AS_IT_IS}"
_ALTERED = f"its private_key was altered on its way or lost a part; {AS_IT_IS}"
_SURROUNDED = f"its private_key holds more than one key, or text beside it; {AS_IT_IS}"
_PUBLIC = f"its private_key holds a public key or a certificate, which cannot sign; {NEW_KEY}"
_ENCRYPTED = f"its private_key is encrypted with a password, which Google's keys are not; {NEW_KEY}"
_OTHER_KIND = f"its private_key is no RSA key, and Google's are; {NEW_KEY}"


def restored(text: str) -> str:
    """The key as Google writes it: PEM with lines of 64 characters.

    Raises:
        UnusableKey: the key is incomplete, not private, or not of the kind that signs for a service account.
    """
    text = _BREAK.sub("\n", text).strip()
    begin = _BEGIN.search(text)
    if begin is None:
        raise UnusableKey(_NO_PEM)
    label = begin[1]
    _require_kind(label, text)
    body, end, after = text[begin.end() :].partition(f"-----END {label}-----")
    if not end:
        raise UnusableKey(_CUT_OFF)
    if begin.start() or after:
        raise UnusableKey(_SURROUNDED)
    der = _decoded("".join(body.split()))
    _require_whole(der, _LABELS[label])
    lines = wrap(base64.b64encode(der).decode(), 64)
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


def _require_kind(label: str, text: str) -> None:
    if label.startswith("ENCRYPTED") or "Proc-Type: 4,ENCRYPTED" in text:
        raise UnusableKey(_ENCRYPTED)
    if label.endswith(("PUBLIC KEY", "CERTIFICATE")):
        raise UnusableKey(_PUBLIC)
    if label not in _LABELS:
        raise UnusableKey(_OTHER_KIND)


def _decoded(body: str) -> bytes:
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        raise UnusableKey(_ALTERED) from None


def _require_whole(der: bytes, form: PrivateFormat) -> None:
    """Refuse what is no RSA key, or one whose parts disagree.

    ``cryptography`` reads DER, so that no parser of our own has to. Writing the key again shows that nothing in the
    bytes was left unread, and that its numbers form one key.
    """
    try:
        key = load_der_private_key(der, None)
    except UnsupportedAlgorithm:
        raise UnusableKey(_OTHER_KIND) from None
    except (ValueError, TypeError):
        raise UnusableKey(_ALTERED) from None
    if not isinstance(key, RSAPrivateKey):
        raise UnusableKey(_OTHER_KIND)
    if not _agree(key.private_numbers()) or key.private_bytes(Encoding.DER, form, NoEncryption()) != der:
        raise UnusableKey(_ALTERED)


def _agree(numbers: RSAPrivateNumbers) -> bool:
    """Whether the numbers form one key with two primes (RFC 8017, 3.2)."""
    p, q, private, public = numbers.p, numbers.q, numbers.d, numbers.public_numbers
    return (
        min(p, q) > 2
        and public.n == p * q
        and public.e * private % lcm(p - 1, q - 1) == 1
        and numbers.dmp1 == private % (p - 1)
        and numbers.dmq1 == private % (q - 1)
        and numbers.iqmp * q % p == 1
    )
