"""Both ways to authenticate at Google, from the variables to the calendar: the same promises whichever is chosen."""

import base64
import json
import logging
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from reconciler.domain.bookings import BookingId
from reconciler.domain.decide.calendar_event import EventBody
from reconciler.domain.gaps import GapKind, IntegrationFault
from reconciler.domain.intents import Outcome, Result
from reconciler.ports import ProviderFailure
from reconciler.providers.google import credentials
from reconciler.providers.google.calendar import GoogleCalendar
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.fakes.google import CLIENT_EMAIL, GoogleStandIn, google_error
from reconciler.sandbox.fakes.google_tokens import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN
from reconciler.sandbox.fakes.server import Request, Response
from reconciler.settings.env.environment import read
from reconciler.wiring import assembly

pytestmark = pytest.mark.long

NOW = datetime(2026, 6, 10, 11, 0, tzinfo=UTC)
EVENT = EventBody(
    id="rcl0123456789abcdefghijklmnopqrstuv",
    title="[CONFIRMED] - 1a2b3c4d - Ana Ashworth",
    description="Booking 1a2b3c4d",
    starts_at=NOW + timedelta(days=2),
    ends_at=NOW + timedelta(days=2, hours=5),
    zone="Europe/London",
    booking=BookingId("1a2b3c4d-5e6f-4a7b-8c9d-0e1f2a3b4c5d"),
    generation=1,
)
SCOPE = "https://www.googleapis.com/auth/calendar.events"
KEY, DELEGATED, CONSENT = "a service account", "a service account for a delegate", "a refresh token"
WAYS = [KEY, DELEGATED, CONSENT]
DELEGATE = "manager@venue.example"
UNAVAILABLE = Outcome(result=Result.LATER, code="token:unavailable", stops_pass=True)
Open = Callable[..., GoogleCalendar]


class Listening(GoogleStandIn):
    """Remembers what was asked of it."""

    def __init__(self) -> None:
        super().__init__(lambda: NOW)
        self.alerted: list[Request] = []

    def answer(self, request: Request) -> Response:
        self.alerted.append(request)
        return super().answer(request)

    def forms(self) -> list[dict[str, str]]:
        return [request.form() for request in self.alerted if request.path == "/token"]


@pytest.fixture
def google() -> Iterator[Listening]:
    with Listening() as stand_in:
        yield stand_in


def variables(google: GoogleStandIn, way: str) -> dict[str, str]:
    """What an operator sets."""
    ways = {
        KEY: {"GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(google.service_account_info())},
        CONSENT: {
            "GOOGLE_CLIENT_ID": CLIENT_ID,
            "GOOGLE_CLIENT_SECRET": CLIENT_SECRET,
            "GOOGLE_REFRESH_TOKEN": REFRESH_TOKEN,
        },
    }
    ways[DELEGATED] = ways[KEY] | {"GOOGLE_CALENDAR_DELEGATE_EMAIL": DELEGATE}
    return {
        "DATABASE_URL": "postgresql://job@localhost/venue",
        "GOOGLE_CALENDAR_ID": google.calendar_id,
        "GOOGLE_API_URL": google.api_url,
        "GOOGLE_TOKEN_URL": google.token_url,
        **ways[way],
    }


@pytest.fixture
def opened(google: Listening) -> Iterator[Open]:
    """Opens the calendar by one of the ways, with variables that differ; each is closed in the end."""
    with ExitStack() as stack:

        def open_(way: str, timeout: float = 5, **changes: str) -> GoogleCalendar:
            parsed, mistakes = read(variables(google, way) | changes, texts=False, events=True)
            assert parsed is not None, mistakes
            assert parsed.providers.google is not None
            calendar = GoogleCalendar(
                access=assembly._google_access(parsed.providers.google),
                calendar_id=parsed.providers.google.calendar_id,
                timeout=timedelta(seconds=timeout),
                api_url=parsed.providers.google.api_url,
            )
            return stack.enter_context(closing(calendar))

        yield open_


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """google-auth asks a token endpoint that is unwell three times, with seconds in between."""
    monkeypatch.setattr("google.auth._exponential_backoff.time", SimpleNamespace(sleep=lambda _: None))


def broken(code: str) -> Outcome:
    return Outcome(result=Result.BROKEN, code=code, stops_pass=True)


def refusing(status: int, error: str, **more: str) -> Fault:
    return Fault(kind=Misbehaviour.STATUS, status=status, body=json.dumps({"error": error, **more}))


def provider_fault(calendar: GoogleCalendar) -> IntegrationFault:
    fault = calendar.check()
    assert fault is not None
    assert fault.kind is GapKind.INTEGRATION_GOOGLE
    return fault


# A token, and another


@pytest.mark.parametrize("way", WAYS)
def test_one_token_opens_the_calendar_for_all_calls(opened: Open, google: Listening, way: str) -> None:
    calendar = opened(way)

    assert calendar.check() is None
    assert calendar.insert(EVENT).result is Result.DONE
    assert calendar.get(EVENT.id) is not None
    assert calendar.delete(EVENT.id).result is Result.DONE
    assert len(google.forms()) == 1


@pytest.mark.parametrize("way", WAYS)
def test_what_is_asked_of_the_token_endpoint(opened: Open, google: Listening, way: str) -> None:
    opened(way).check()

    (form,) = google.forms()
    if way == CONSENT:
        # No scope: Google refuses one that the consent names differently, though it covers it.
        assert form == {
            "grant_type": "refresh_token",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "refresh_token": REFRESH_TOKEN,
        }
        return
    body = form["assertion"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    assert (claims["iss"], claims["scope"]) == (CLIENT_EMAIL, SCOPE)
    assert claims.get("sub") == (DELEGATE if way == DELEGATED else None)


@pytest.mark.parametrize("way", WAYS)
def test_a_token_that_is_rejected_is_replaced_once(opened: Open, google: Listening, way: str) -> None:
    calendar = opened(way)
    calendar.check()
    google.revoke_tokens()

    assert calendar.insert(EVENT).result is Result.DONE
    assert len(google.forms()) == 2
    assert len(google.live()) == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_token_that_is_rejected_again_and_again(opened: Open, google: Listening, way: str) -> None:
    rejected = Fault(kind=Misbehaviour.STATUS, status=401, body=google_error(401, "authError"))
    for operation in ("events.list", "events.insert"):
        google.faults.always(operation, rejected)
    calendar = opened(way)

    assert calendar.insert(EVENT) == broken("google:authError")
    remedy = provider_fault(calendar).remedy
    assert remedy == (
        "consent again and set GOOGLE_REFRESH_TOKEN"
        if way == CONSENT
        else f"create a new key for {CLIENT_EMAIL} and set it"
    )


# No token: broken, each with its own remedy


REFUSED = [
    # way, the endpoint's answer, what the remedy holds, what was seen
    (KEY, refusing(400, "invalid_grant"), ["clock", CLIENT_EMAIL], "deleted"),
    (DELEGATED, refusing(400, "invalid_grant"), ["GOOGLE_CALENDAR_DELEGATE_EMAIL", "clock", CLIENT_EMAIL], "user of"),
    (CONSENT, refusing(400, "invalid_grant"), ["publish", SCOPE, "GOOGLE_REFRESH_TOKEN"], "seven days"),
    (KEY, refusing(401, "unauthorized_client"), ["enable it"], f"no token to {CLIENT_EMAIL}"),
    (DELEGATED, refusing(401, "unauthorized_client"), ["5" * 21, SCOPE, CLIENT_EMAIL, "unset"], "is not granted"),
    (DELEGATED, refusing(403, "access_denied"), ["5" * 21, SCOPE, CLIENT_EMAIL, "unset"], "is not granted"),
    (CONSENT, refusing(401, "unauthorized_client"), ["offline", SCOPE, "type web or desktop"], "was not issued to"),
    (CONSENT, refusing(401, "invalid_client"), ["Credentials", "new refresh token"], "GOOGLE_CLIENT_SECRET"),
    (CONSENT, refusing(401, "deleted_client"), ["Credentials", "new refresh token"], "was deleted"),
    (CONSENT, refusing(401, "disabled_client"), ["Credentials", "new refresh token"], "GOOGLE_CLIENT_ID"),
    (KEY, refusing(400, "invalid_scope"), ["guide"], "token:invalid_scope"),
    (CONSENT, refusing(400, "admin_policy_enforced"), ["guide"], "token:admin_policy_enforced"),
]


@pytest.mark.parametrize(("way", "answer", "remedies", "seen"), REFUSED)
def test_no_token_is_broken_and_says_what_to_do(
    opened: Open, google: Listening, way: str, answer: Fault, remedies: list[str], seen: str
) -> None:
    google.faults.always("token", answer)
    calendar = opened(way)
    code = f"token:{json.loads(answer.body)['error']}"

    fault = provider_fault(calendar)

    assert fault.code == code
    assert seen in fault.seen
    assert [words for words in remedies if words not in fault.remedy] == []
    assert calendar.insert(EVENT) == broken(code)
    assert (google.writes, google.calendar.events) == (0, {})
    assert_silent(google, fault.seen + fault.remedy)

    google.faults.clear()
    assert calendar.insert(EVENT).result is Result.DONE, "mended, it goes on by itself"


def test_each_way_and_refusal_has_a_remedy_of_its_own(opened: Open, google: Listening) -> None:
    alerted = set()
    for way in WAYS:
        for error in ("invalid_grant", "unauthorized_client"):
            google.faults.always("token", refusing(400, error))
            fault = provider_fault(opened(way))
            alerted.add((fault.seen, fault.remedy))

    assert len(alerted) == 2 * len(WAYS)


def test_a_client_id_that_the_key_file_lacks(opened: Open, google: Listening) -> None:
    google.tokens.delegated = False
    key = {name: value for name, value in google.service_account_info().items() if name != "client_id"}

    fault = provider_fault(opened(DELEGATED, GOOGLE_SERVICE_ACCOUNT_KEY=json.dumps(key)))

    assert f"add client id (the unique id of {CLIENT_EMAIL}) with the scope {SCOPE}" in fault.remedy


def test_a_workspace_that_ends_sessions(opened: Open, google: Listening, capsys: pytest.CaptureFixture[str]) -> None:
    """google-auth would have the person sign in, at gcloud's prompt."""
    for subtype in ("invalid_rapt", "rapt_required"):
        google.faults.always("token", refusing(400, "invalid_grant", error_subtype=subtype))

        assert opened(CONSENT).insert(EVENT) == broken("token:invalid_rapt")
        assert "session control" in provider_fault(opened(CONSENT)).remedy
    assert capsys.readouterr() == ("", "")


def test_the_stand_ins_own_refusals(opened: Open, google: Listening) -> None:
    """Not faults on order: what comes of each mistake in a variable."""
    other_client = "999-other.apps.googleusercontent.com"

    assert provider_fault(opened(CONSENT, GOOGLE_CLIENT_ID=other_client)).code == "token:invalid_client"
    assert provider_fault(opened(CONSENT, GOOGLE_CLIENT_SECRET="wrong")).code == "token:invalid_client"
    assert provider_fault(opened(CONSENT, GOOGLE_REFRESH_TOKEN="1//wrong")).code == "token:invalid_grant"
    google.tokens.consented = google.tokens.delegated = False
    assert provider_fault(opened(CONSENT)).code == "token:invalid_grant"
    assert provider_fault(opened(DELEGATED)).code == "token:unauthorized_client"
    assert opened(KEY).check() is None
    assert google.calendar.events == {}


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({}, 200, None),
        ({"scope": SCOPE}, 200, None),
        ({"scope": "https://www.googleapis.com/auth/drive"}, 400, "invalid_scope"),
        ({"client_id": "x"}, 401, "invalid_client"),
        ({"client_secret": ""}, 401, "invalid_client"),
        ({"refresh_token": REFRESH_TOKEN + "x"}, 400, "invalid_grant"),
        ({"client_id": "x", "refresh_token": "x"}, 401, "invalid_client"),
        ({"grant_type": "authorization_code"}, 400, "invalid_grant"),
    ],
)
def test_the_stand_in_refreshes_as_google_does(
    google: Listening, form: dict[str, str], status: int, error: str | None
) -> None:
    right = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "refresh_token": REFRESH_TOKEN}
    answer = requests.post(google.token_url, data={"grant_type": "refresh_token"} | right | form, timeout=2)

    assert (answer.status_code, answer.json().get("error")) == (status, error)
    assert len(google.tokens.issued) == (1 if status == 200 else 0)
    assert answer.headers["X-Reconciler-Sandbox"] == "stand-in"


# No token for now: nothing has happened, later perhaps


LATER = [
    Fault(kind=Misbehaviour.STATUS, status=503),
    Fault(kind=Misbehaviour.STATUS, status=400, body="[]"),
    Fault(kind=Misbehaviour.STATUS, status=400, body="null"),
    Fault(kind=Misbehaviour.STATUS, status=400, body='{"error": {"code": 400}}'),
    Fault(kind=Misbehaviour.STATUS, status=400, body='{"error": "Ana Ashworth!"}'),
    Fault(kind=Misbehaviour.STATUS, status=200, body="[]"),
    Fault(kind=Misbehaviour.STATUS, status=200, body="{}"),
    Fault(kind=Misbehaviour.STATUS, status=200, body='{"access_token": null, "expires_in": 3600}'),
    Fault(kind=Misbehaviour.STATUS, status=200, body='{"access_token": "t"}'),
    Fault(kind=Misbehaviour.STATUS, status=200, body='{"access_token": "t", "expires_in": "soon"}'),
    Fault(kind=Misbehaviour.HTML, status=200),
    Fault(kind=Misbehaviour.HTML, status=403),
    Fault(kind=Misbehaviour.EMPTY),
    Fault(kind=Misbehaviour.DROP),
    Fault(kind=Misbehaviour.LOSE),
    Fault(kind=Misbehaviour.HANG, seconds=0.6),
    Fault(kind=Misbehaviour.SLOW, seconds=0.6),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fault", LATER, ids=range(len(LATER)))
def test_no_token_for_now(opened: Open, google: Listening, impatient: None, fault: Fault, way: str) -> None:
    google.faults.always("token", fault)
    calendar = opened(way, timeout=0.3)

    assert calendar.insert(EVENT) == UNAVAILABLE
    with pytest.raises(ProviderFailure) as failed:
        calendar.check()
    assert failed.value.outcome == UNAVAILABLE
    assert (google.writes, google.calendar.events) == (0, {})

    google.faults.clear()
    assert calendar.insert(EVENT).result is Result.DONE, "the next call asks again"


@pytest.mark.parametrize("way", WAYS)
def test_a_token_endpoint_nobody_listens_at(opened: Open, google: Listening, way: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = f"http://127.0.0.1:{listener.getsockname()[1]}/token"

    assert opened(way, GOOGLE_TOKEN_URL=nobody).insert(EVENT) == UNAVAILABLE
    assert google.alerted == []


# Whose rights count


@pytest.mark.parametrize(
    ("way", "reader"),
    [
        (KEY, CLIENT_EMAIL),
        (DELEGATED, "the user of GOOGLE_CALENDAR_DELEGATE_EMAIL"),
        (CONSENT, "the account that consented"),
    ],
)
def test_with_whom_the_calendar_is_to_be_shared(opened: Open, google: Listening, way: str, reader: str) -> None:
    for role, code in (("reader", "role_reader"), ("none", "google:notFound")):
        google.role = role
        fault = provider_fault(opened(way))

        assert fault.code == code
        assert f'with {reader}, "Make changes to events"' in fault.remedy
        assert DELEGATE not in fault.remedy


@pytest.mark.parametrize(("way", "project"), [(KEY, CLIENT_EMAIL), (CONSENT, "GOOGLE_CLIENT_ID")])
def test_in_whose_project_the_api_is_switched_off(opened: Open, google: Listening, way: str, project: str) -> None:
    off = Fault(kind=Misbehaviour.STATUS, status=403, body=google_error(403, "accessNotConfigured"))
    google.faults.always("events.list", off)

    assert provider_fault(opened(way)).seen == f"the Google Calendar API is disabled in the project of {project}"


def test_a_consent_that_covers_too_little(opened: Open, google: Listening) -> None:
    little = Fault(kind=Misbehaviour.STATUS, status=403, body=google_error(403, "insufficientPermissions"))
    google.faults.always("events.list", little)

    assert SCOPE in provider_fault(opened(CONSENT)).remedy


# A damaged key opens the calendar once it is repaired


DAMAGES: dict[str, Callable[[str], str]] = {
    "escaped twice": lambda key: key.replace("\\n", "\\\\n"),
    "real line breaks": lambda key: key.replace("\\n", "\r\n"),
    "quotes": lambda key: f"'{key}'",
    "a JSON string": json.dumps,
    "base64": lambda key: base64.encodebytes(key.encode()).decode(),
    "a mark and blanks": lambda key: f"\ufeff  {key} \r\n",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_repaired_key_really_signs(opened: Open, google: Listening, damage: str) -> None:
    key = json.dumps(google.service_account_info())
    assert DAMAGES[damage](key) != key

    assert opened(KEY, GOOGLE_SERVICE_ACCOUNT_KEY=DAMAGES[damage](key)).check() is None
    assert len(google.tokens.issued) == 1


# Nothing leaves by another way, and nothing secret comes out


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_asked_of_anybody_else(
    opened: Open, google: Listening, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """google-auth would look a service account up at iamcredentials.googleapis.com, in a thread of its own."""
    looked_up: list[str] = []
    resolve = socket.getaddrinfo

    def listening(host: str, *rest: Any, **options: Any) -> Any:
        looked_up.append(host)
        return resolve(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", listening)
    started: list[threading.Thread] = []
    start = threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", lambda self: (started.append(self), start(self))[1])
    calendar = opened(way)
    calendar.check()
    calendar.insert(EVENT)
    google.revoke_tokens()
    calendar.delete(EVENT.id)
    for thread in started:
        thread.join(0.2)

    assert set(looked_up) == {"127.0.0.1"}
    others = [thread.name for thread in started if "process_request_thread" not in thread.name]
    assert set(others) == {"call"}, "only those of our own deadline for a whole call"
    assert {request.path.split("/")[1] for request in google.alerted} == {"token", "calendar"}


@pytest.mark.parametrize("way", WAYS)
def test_google_is_asked_itself_if_nothing_else_is_said(opened: Open, google: Listening, way: str) -> None:
    """Or, for a service account, whoever its key file names."""
    if way == CONSENT:
        assert credentials.TOKEN_URL == "https://oauth2.googleapis.com/token"
        looked_up = asked_names(opened(way, GOOGLE_TOKEN_URL=""))
        assert looked_up == {"oauth2.googleapis.com"}
    else:
        assert opened(way, GOOGLE_TOKEN_URL="").check() is None


def asked_names(calendar: GoogleCalendar) -> set[str]:
    """Which names its first call looks up; none is resolved."""
    names: set[str] = set()
    with pytest.MonkeyPatch.context() as patch:

        def noting(host: str, *_: Any, **__: Any) -> Any:
            names.add(host)
            raise socket.gaierror(host)

        patch.setattr(socket, "getaddrinfo", noting)
        assert calendar.insert(EVENT) == UNAVAILABLE
    return names


def assert_silent(google: GoogleStandIn, said: str) -> None:
    """Neither secrets nor tokens nor a person's address nor the event."""
    key = google.service_account_info()["private_key"]
    secrets = [*key.split("\n")[1:-2], CLIENT_SECRET, REFRESH_TOKEN, DELEGATE, *google.tokens.issued]
    assert [secret for secret in [*secrets, EVENT.title, EVENT.booking] if secret in said] == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("problem", [*Misbehaviour, "quoting", "rejected", None])
def test_no_secret_in_repr_log_or_exception(
    opened: Open,
    google: Listening,
    impatient: None,
    problem: Misbehaviour | str | None,
    way: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("google", "googleapiclient", "urllib3", "requests"):
        monkeypatch.setattr(logging.getLogger(name), "propagate", True)  # google-auth turns its own off on the way
    quoted = " ".join([CLIENT_SECRET, REFRESH_TOKEN, DELEGATE, google.service_account_info()["private_key"]])
    if isinstance(problem, Misbehaviour):
        google.faults.always("token", Fault(kind=problem, status=400, body=quoted, seconds=0.06))
    elif problem == "quoting":
        google.faults.always("token", refusing(400, quoted, error_description=quoted))
    elif problem == "rejected":
        google.faults.always("token", refusing(400, "invalid_grant", error_description=quoted))
    calendar = opened(way, timeout=0.04 if problem in (Misbehaviour.HANG, Misbehaviour.SLOW) else 1)
    said = [repr(calendar), str(calendar.access)]

    with caplog.at_level(logging.DEBUG):
        for call in (lambda: calendar.insert(EVENT), calendar.check, lambda: calendar.delete(EVENT.id)):
            try:
                said.append(repr(call()))
            except ProviderFailure as failed:
                said += ["".join(traceback.format_exception(failed)), repr(failed), repr(failed.outcome)]

    assert len(said) >= 5
    assert_silent(google, "\n".join([*said, caplog.text]))


def test_a_secret_would_be_noticed(google: Listening) -> None:
    """The look itself can fail."""
    for secret in (CLIENT_SECRET, REFRESH_TOKEN, google.service_account_info()["private_key"]):
        with pytest.raises(AssertionError):
            assert_silent(google, f"x{secret}x")


def test_what_holds_a_secret_does_not_show_it(opened: Open, google: Listening) -> None:
    access = opened(CONSENT).access
    shown = repr(access)

    assert shown == f"OAuthAccess(token_url={google.token_url!r})"
    assert repr(replace(access, token_url=None)) == "OAuthAccess(token_url=None)"
    assert repr(opened(DELEGATED).access) == f"ServiceAccountAccess(token_url={google.token_url!r})"


@pytest.mark.parametrize("written", [str.upper, str.title, str])
def test_c12_the_account_s_own_calendar_is_known_in_any_case(written: Callable[[str], str]) -> None:
    access = credentials.ServiceAccountAccess(key={"client_email": "ours@venue.example"}, delegate=None, token_url=None)
    assert access.owns(written("ours@venue.example"))
    assert access.owns("primary")
    assert not access.owns("theirs@venue.example")
    assert not credentials.ServiceAccountAccess(key={}, delegate=None, token_url=None).owns("ours@venue.example")
