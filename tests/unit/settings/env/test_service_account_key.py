"""A service account's key file after what happens on its way: healed or named, never another key, never quoted."""

import base64
import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from reconciler.settings.env.private_key import AS_IT_IS, NEW_KEY, UnusableKey, restored
from reconciler.settings.env.service_account_key import repaired

Damage = Callable[[str], str]


@cache
def rsa_key(number: int = 0) -> rsa.RSAPrivateKey:
    """The same each time for a number; small, because nothing depends on its size."""
    return rsa.generate_private_key(65537, 1024)


def pem(key: Any, form: PrivateFormat = PrivateFormat.PKCS8, password: bytes | None = None) -> str:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, form, encryption).decode()


FILE = {
    "type": "service_account",
    "project_id": "venue",
    "private_key_id": "5a4d" * 10,
    "private_key": pem(rsa_key()),
    "client_email": "booker@venue.iam.gserviceaccount.com",
    "client_id": "112233445566778899001",
    "token_uri": "https://oauth2.googleapis.com/token",
}
GOOD = json.dumps(FILE, indent=2)
LINES = FILE["private_key"].split("\n")


def with_key(private_key: object) -> str:
    return json.dumps(FILE | {"private_key": private_key})


def problem(value: str) -> str:
    """What is wrong with it; nothing of it is in there."""
    with pytest.raises(UnusableKey) as caught:
        repaired(value)
    alerted = str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None, "a traceback would show the rest"
    assert_quotes_nothing(alerted, value)
    return alerted


def assert_quotes_nothing(alerted: str, value: str) -> None:
    held = [*LINES[1:-2], "booker", "venue", FILE["private_key_id"], FILE["client_id"], "t0ken", "s3cret"]
    assert [part for part in held if part in alerted] == []
    assert [line for line in value.splitlines() if len(line) > 8 and line in alerted] == []


def assert_signs(file: dict[str, Any]) -> None:
    """With the repaired key, so that the original one vouches for it."""
    key = serialization.load_pem_private_key(file["private_key"].encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    signature = key.sign(b"assertion", padding.PKCS1v15(), hashes.SHA256())
    rsa_key().public_key().verify(signature, b"assertion", padding.PKCS1v15(), hashes.SHA256())


# What is done to the private key within the file

ESCAPED_TWICE = GOOD.replace("\\n", "\\\\n")
WITHIN: dict[str, Damage] = {
    "nothing": lambda text: text,
    "escaped twice": lambda text: text.replace("\\n", "\\\\n"),
    "escaped three times": lambda text: text.replace("\\n", "\\\\\\\\n"),
    "real line breaks": lambda text: text.replace("\\n", "\n"),
    "real line breaks of Windows": lambda text: text.replace("\\n", "\r\n"),
    "escaped line breaks of Windows": lambda text: text.replace("\\n", "\\r\\n"),
    "line breaks of Windows escaped twice": lambda text: text.replace("\\n", "\\\\r\\\\n"),
    "blanks instead of line breaks": lambda text: text.replace("\\n", " "),
    "indented": lambda text: text.replace("\\n", "\\n    "),
    "line breaks doubled": lambda text: text.replace("\\n", "\\n\\n"),
    "no last line break": lambda text: text.replace('\\n",', '",'),
}

# What is done to the file as a whole


def in_lines(text: str) -> str:
    return "\n".join(re.findall(".{1,76}", text))


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


AROUND: dict[str, Damage] = {
    "single quotes": lambda text: f"'{text}'",
    "double quotes": lambda text: f'"{text}"',
    "a JSON string": json.dumps,
    "a JSON string that kept its marks": lambda text: json.dumps(text, ensure_ascii=False),
    "base64": encoded,
    "base64 in lines": lambda text: in_lines(encoded(text)),
    "base64 in lines of Windows": lambda text: in_lines(encoded(text)).replace("\n", "\r\n"),
    "base64 in escaped lines": lambda text: in_lines(encoded(text)).replace("\n", "\\n"),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 without its padding": lambda text: encoded(text).rstrip("="),
    "a byte order mark": lambda text: "\ufeff" + text,
    "blanks": lambda text: f" \t{text}\n ",
    "an escaped line break at its end": lambda text: text + "\\n",
    "Windows": lambda text: text.replace("\r\n", "\n").replace("\n", "\r\n"),
}
# The file has several lines of its own, and these touch them: only where nothing is around it yet.
OF_THE_FILE: dict[str, Damage] = {
    "one line": lambda text: re.sub(r"\n\s*", "", text) if "\n-" not in text and "\n  -" not in text else text,
    "every quote escaped": lambda text: json.dumps(text)[1:-1],
    "escaped line breaks between fields": lambda text: re.sub(r'\n(?=  "|\})', r"\\n", text),
}


@pytest.mark.parametrize("damage", [*WITHIN.items(), *AROUND.items(), *OF_THE_FILE.items()], ids=lambda item: item[0])
def test_each_damage_alone_is_healed(damage: tuple[str, Damage]) -> None:
    name, done = damage
    assert name == "nothing" or done(GOOD) != GOOD, "else this shows nothing"

    assert repaired(done(GOOD)) == FILE
    assert_signs(repaired(done(GOOD)))


@given(
    within=st.sampled_from(sorted(WITHIN)),
    whole=st.sampled_from([None, *sorted(OF_THE_FILE)]),
    around=st.lists(st.sampled_from(sorted(AROUND)), max_size=4),
    indent=st.sampled_from([None, 2]),
)
def test_any_of_them_together_are_healed(within: str, whole: str | None, around: list[str], indent: int | None) -> None:
    text = WITHIN[within](json.dumps(FILE, indent=indent))
    for done in [*([OF_THE_FILE[whole]] if whole else []), *[AROUND[name] for name in around]]:
        text = done(text)

    assert repaired(text) == FILE


def test_a_console_that_wrapped_its_lines() -> None:
    """Wherever a break fell within a value, but for the lines that frame the key."""
    one_line = json.dumps(FILE)
    values = [found.span(1) for found in re.finditer(r': "([^"]*)"', one_line)]
    frames = [found.span() for found in re.finditer(r"-----[A-Z ]+-----", one_line)]
    escapes = [found.span() for found in re.finditer(r"\\n", one_line)]
    places = [at for start, end in values for at in range(start, end + 1)]
    places = [at for at in places if not any(start < at < end for start, end in frames + escapes)]
    assert len(places) > len(FILE["private_key"])
    for at in places:
        assert repaired(f"{one_line[:at]}\n{one_line[at:]}") == FILE, at


def test_a_key_in_the_older_form() -> None:
    older = pem(rsa_key(), PrivateFormat.TraditionalOpenSSL)
    assert older.startswith("-----BEGIN RSA PRIVATE KEY-----")

    assert repaired(with_key(older.replace("\n", "\\n")))["private_key"] == older
    assert_signs(repaired(with_key(older)))


@pytest.mark.parametrize("size", [512 * n for n in (2, 3, 4, 8)])
def test_keys_of_any_size(size: int) -> None:
    text = pem(rsa.generate_private_key(65537, size))

    assert restored(text.replace("\n", " ")) == text


# Never another key


@given(st.data())
def test_what_is_altered_at_random_is_the_same_key_or_named(data: st.DataObject) -> None:
    text = AROUND[data.draw(st.sampled_from(["blanks", "a JSON string", "base64"]))](GOOD)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text) - 1))
        removed = data.draw(st.integers(0, 80))
        text = text[:at] + data.draw(st.text(max_size=2)) + text[at + removed :]
    try:
        file = repaired(text)
    except UnusableKey as named:
        assert_quotes_nothing(str(named), "")
    else:
        assert file["private_key"] == FILE["private_key"]


@given(st.integers(0, len("".join(LINES[1:-2])) - 1), st.sampled_from("AZaz09+/="))
def test_one_letter_of_the_key_changed(at: int, letter: str) -> None:
    body = "".join(LINES[1:-2])
    altered = body[:at] + letter + body[at + 1 :]
    text = f"-----BEGIN PRIVATE KEY-----\n{altered}\n-----END PRIVATE KEY-----\n"
    try:
        assert restored(text) == FILE["private_key"]
    except UnusableKey as named:
        assert altered != body
        assert_quotes_nothing(str(named), altered)


@given(st.integers(0, len(GOOD) - 1))
def test_a_file_that_was_cut_off_is_named(length: int) -> None:
    for text in (GOOD, f"'{GOOD}'", json.dumps(GOOD), encoded(GOOD)):
        assert problem(text[:length])


@given(st.integers(0, len(FILE["private_key"].strip()) - 1))
def test_a_private_key_that_was_cut_off_is_named(length: int) -> None:
    assert problem(with_key(FILE["private_key"][:length]))


def der(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = [size] if size < 0x80 else [0x81, size] if size < 0x100 else [0x82, *size.to_bytes(2)]
    return bytes([tag, *length]) + content


def older_form(numbers: list[int]) -> str:
    """A PEM of these numbers, in the order of RFC 8017."""
    integers = b"".join(der(2, number.to_bytes(number.bit_length() // 8 + 1)) for number in numbers)
    body = base64.b64encode(der(0x30, integers)).decode()
    return f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----\n"


@pytest.mark.parametrize("which", range(9))
def test_numbers_that_are_not_one_key(which: int) -> None:
    held = rsa_key().private_numbers()
    public, primes = held.public_numbers, (held.p, held.q)
    numbers = [0, public.n, public.e, held.d, *primes, held.dmp1, held.dmq1, held.iqmp]
    assert restored(older_form(numbers)), "as they are, they are one"

    numbers[which] += 2
    assert problem(with_key(older_form(numbers))).startswith("its private_key was altered")
    assert problem(with_key(older_form([*numbers[:which], *numbers[which + 1 :]]))).startswith(
        "its private_key was altered"
    )


def test_a_private_key_with_something_behind_it() -> None:
    inner = rsa_key().private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    outer = rsa_key().private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    for label, content in (("RSA PRIVATE KEY", inner), ("PRIVATE KEY", outer)):
        for extra, whole in ((b"", True), (b"\0", False)):
            body = base64.b64encode(content + extra).decode()
            text = f"-----BEGIN {label}-----\n{body}\n-----END {label}-----"
            if whole:
                assert restored(text)
            else:
                assert problem(with_key(text)).startswith("its private_key was altered")


def test_two_keys_are_one_too_many() -> None:
    other = pem(rsa_key(1))
    twice = f'{GOOD[:-2]}, "private_key": {json.dumps(other)}}}'

    assert problem(twice) == f"a field stands in it twice; {AS_IT_IS}"
    assert problem(GOOD + GOOD) == f"not JSON: cut off or altered on its way; {AS_IT_IS}"
    assert problem(with_key(FILE["private_key"] + other)).startswith("its private_key holds more than one key")
    assert problem(with_key("Bag Attributes\n" + other)).startswith("its private_key holds more than one key")


# What cannot be healed says what it is, and what to do


def public(key: Any) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


ELLIPTIC = ec.generate_private_key(ec.SECP256R1())
BEYOND_REPAIR = {
    # of the file
    "nothing in it": ("{}", "not the key of a service account: its `type` must say service_account"),
    "a list": ("[]", "not a key file: it must be one JSON object"),
    "a file's name": ("/run/secrets/key.json", "neither JSON nor whole base64 of it; set its text, or the file's name"),
    "base64 of something else": (encoded("x"), "neither JSON nor whole base64 of it"),
    "base64 of no text": (base64.b64encode(b"\xff\xfe{").decode(), "neither JSON nor whole base64 of it"),
    "base64 cut off": (encoded(GOOD)[:401], "neither JSON nor whole base64 of it"),
    "the private key alone": (FILE["private_key"], "it is the private key alone"),
    "base64 of the private key alone": (encoded(FILE["private_key"]), "it is the private key alone"),
    "one quote": (f"'{GOOD}", "not JSON: it begins with a quote and does not end with it"),
    "nothing but a quote": ("'", "not JSON: it begins with a quote and does not end with it"),
    "single quotes for double": (GOOD.replace('"', "'"), "not JSON: its quotes are single ones"),
    "cut off": (GOOD[:-20], "not JSON: cut off, there is no closing brace"),
    "altered": (GOOD.replace(":", "="), "not JSON: cut off or altered"),
    "too deep": ('{"a":' * 100_000 + "}", "not JSON: cut off or altered"),
    "too long a number": ('{"a":' + "9" * 5000 + "}", "not JSON: cut off or altered"),
    "wrapped without end": (AROUND["base64"]("'" * 40 + GOOD + "'" * 40), "neither JSON nor whole base64"),
    "half a character": ("\udcff{}", "neither JSON nor whole base64"),
    # of another type
    "a user's": (json.dumps({"type": "authorized_user", "refresh_token": "t0ken"}), "it holds a user's credentials"),
    "a federation's": (json.dumps({"type": "external_account"}), "it is a workload identity configuration"),
    "a workforce's": (
        json.dumps({"type": "external_account_authorized_user", "refresh_token": "t0ken"}),
        "it is a workforce identity configuration",
    ),
    "an impersonation": (json.dumps({"type": "impersonated_service_account"}), "it only says whom to impersonate"),
    "an installed client's": (
        json.dumps({"installed": {"client_secret": "s3cret"}}),
        "it is the file of an OAuth client",
    ),
    "a web client's": (json.dumps({"web": {"client_secret": "s3cret"}}), "it is the file of an OAuth client"),
    "of an unheard-of type": (json.dumps(FILE | {"type": "s3cret"}), "not the key of a service account"),
    "of no type": (json.dumps(FILE | {"type": ["service_account"]}), "not the key of a service account"),
    # lacking something
    "no private key": (json.dumps({k: v for k, v in FILE.items() if k != "private_key"}), "the key lacks private_key;"),
    "blank fields": (
        json.dumps(FILE | {"client_email": None, "token_uri": " "}),
        "the key lacks client_email, token_uri;",
    ),
    "a list for a key": (with_key(LINES), "the key lacks private_key;"),
    "no address": (json.dumps(FILE | {"client_email": "booker"}), "its client_email is no address"),
    # of the private key
    "no PEM": (with_key("s3cret"), "its private_key is none: there is no line -----BEGIN"),
    "no end": (with_key("\n".join(LINES[:-2])), "its private_key was cut off: there is no line -----END"),
    "another end": (
        with_key(FILE["private_key"].replace("END PRIVATE", "END RSA PRIVATE")),
        "its private_key was cut off",
    ),
    "a line lost": (with_key("\n".join(LINES[:3] + LINES[4:])), "its private_key was altered on its way or lost"),
    "its last line lost": (with_key("\n".join(LINES[:-3] + LINES[-2:])), "its private_key was altered"),
    "two lines swapped": (
        with_key("\n".join([*LINES[:5], LINES[6], LINES[5], *LINES[7:]])),
        "its private_key was altered",
    ),
    "no body": (with_key(f"{LINES[0]}\n{LINES[-2]}"), "its private_key was altered"),
    "a shortened body": (with_key(f"{LINES[0]}\n...\n{LINES[-2]}"), "its private_key was altered"),
    "backslashes lost": (with_key("n".join(LINES)), "its private_key holds more than one key, or text beside it"),
    "backslashes lost within": (with_key("n".join(LINES[:-1])), "its private_key was altered"),
    "public": (with_key(public(rsa_key())), "its private_key holds a public key or a certificate"),
    "a certificate": (
        with_key("-----BEGIN CERTIFICATE-----\ns3cret\n-----END CERTIFICATE-----"),
        "its private_key holds a public key or a certificate",
    ),
    "encrypted": (with_key(pem(rsa_key(), password=b"s3cret")), "its private_key is encrypted with a password"),
    "encrypted as of old": (
        with_key(pem(rsa_key(), PrivateFormat.TraditionalOpenSSL, b"s3cret")),
        "its private_key is encrypted with a password",
    ),
    "elliptic": (with_key(pem(ELLIPTIC)), "its private_key is no RSA key"),
    "elliptic as of old": (with_key(pem(ELLIPTIC, PrivateFormat.TraditionalOpenSSL)), "its private_key is no RSA key"),
    "of ssh": (with_key(pem(rsa_key(), PrivateFormat.OpenSSH)), "its private_key is no RSA key"),
}


@pytest.mark.parametrize("case", BEYOND_REPAIR)
def test_what_cannot_be_healed_is_named(case: str) -> None:
    value, alerted = BEYOND_REPAIR[case]

    assert problem(value).startswith(alerted)
    assert [word for word in (AS_IT_IS, NEW_KEY, "set its text", "belong in") if word in problem(value)] != []


@pytest.mark.parametrize("case", [case for case, (value, _) in BEYOND_REPAIR.items() if value.startswith("{")])
@pytest.mark.parametrize("around", ["single quotes", "a JSON string", "base64"])
def test_it_is_named_through_a_wrapping(case: str, around: str) -> None:
    value, alerted = BEYOND_REPAIR[case]

    assert problem(AROUND[around](value)).startswith(alerted)


@pytest.mark.parametrize("field", ["client_email", "private_key", "token_uri"])
def test_each_field_that_is_missing(field: str) -> None:
    lacking = {name: value for name, value in FILE.items() if name != field}

    assert problem(json.dumps(lacking)) == f"the key lacks {field}; {AS_IT_IS}"


@given(st.text() | st.text("{}'\"\\n [:,-=eyJA", max_size=40) | st.binary().map(lambda b: b.decode(errors="replace")))
def test_whatever_else_it_is_it_is_named(value: str) -> None:
    with pytest.raises(UnusableKey):
        repaired(value)
