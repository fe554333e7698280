"""A service account's private key: its PEM is restored where that is unambiguous, and the key is verified. No I/O.

Restoring never guesses: the numbers of an RSA key determine each other, and a text whose numbers disagree is refused.
"""

import base64
import re
from math import lcm
from textwrap import wrap

AS_IT_IS = "set the key file's text as it is"
NEW_KEY = (
    "create a JSON key for the service account (Google Cloud console, IAM and admin, Service accounts, Keys) and set it"
)

_BREAK = re.compile(r"\\+[nr]|\r")
"""The forms of a damaged line break: CRLF, or any number of backslashes and a letter."""
_BEGIN = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----")
_LABELS = ("PRIVATE KEY", "RSA PRIVATE KEY")
_RSA = bytes.fromhex("2a864886f70d010101")
"""The object identifier rsaEncryption (RFC 8017, appendix C)."""
_NULL = b"\x05\x00"
_INTEGER, _OCTETS, _OBJECT_ID, _SEQUENCE = 0x02, 0x04, 0x06, 0x30


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
    if not _agree(_numbers(der, wrapped=label == "PRIVATE KEY")):
        raise UnusableKey(_ALTERED)
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


def _numbers(der: bytes, *, wrapped: bool) -> list[int]:
    """The integers of an RSAPrivateKey (RFC 8017, A.1.2). ``wrapped``: it is in a PrivateKeyInfo (RFC 5208, 5)."""
    if wrapped:
        info, after_info = _value(der, _SEQUENCE)
        version, rest = _value(info, _INTEGER)
        algorithm, rest = _value(rest, _SEQUENCE)
        object_id, parameters = _value(algorithm, _OBJECT_ID)
        if object_id != _RSA:
            raise UnusableKey(_OTHER_KIND)
        der, attributes = _value(rest, _OCTETS)
        if (version, parameters, attributes, after_info) != (b"\0", _NULL, b"", b""):
            raise UnusableKey(_ALTERED)
    rest, after = _value(der, _SEQUENCE)
    if after:
        raise UnusableKey(_ALTERED)
    numbers = []
    while rest:
        number, rest = _value(rest, _INTEGER)
        numbers.append(int.from_bytes(number, signed=True))
    return numbers


def _value(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """The contents of the first DER value in ``data``, and the bytes after it."""
    if len(data) < 2 or data[0] != tag:
        raise UnusableKey(_ALTERED)
    start, length = 2, data[1]
    if length >= 0x80:  # the low seven bits count the bytes of the length
        start += length - 0x80
        length = int.from_bytes(data[2:start])
    if len(data) < start + length:
        raise UnusableKey(_ALTERED)
    return data[start : start + length], data[start + length :]


def _agree(numbers: list[int]) -> bool:
    """Whether the numbers form one key with two primes (RFC 8017, 3.2)."""
    if len(numbers) != 9:
        return False
    version, modulus, public, private, p, q, private_p, private_q, inverse = numbers
    return (
        version == 0
        and min(p, q) > 2
        and modulus == p * q
        and public * private % lcm(p - 1, q - 1) == 1
        and private_p == private % (p - 1)
        and private_q == private % (q - 1)
        and inverse * q % p == 1
    )
