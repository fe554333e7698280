"""Every client against answers that never end: the call is over at its deadline, and so is its connection."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.domain.alerting.alerts import DeliveryStatus
from reconciler.domain.intents import Result
from reconciler.ports import ProviderFailure
from reconciler.providers.google.calendar import GoogleCalendar
from reconciler.providers.google.credentials import ServiceAccountAccess
from reconciler.reporting import heartbeats, oncall
from reconciler.reporting.heartbeats import Heartbeats
from reconciler.reporting.oncall import OncallRoute
from reconciler.reporting.sentry.issues import IssueResolver
from reconciler.reporting.sentry.notifier import SentryNotifier
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.fakes.google import GoogleStandIn
from reconciler.sandbox.fakes.sentry import SentryStandIn
from reconciler.sandbox.fakes.server import StandIn
from reconciler.sandbox.fakes.twilio import TwilioStandIn
from reconciler.timing.call_deadline import DeadlineOver, with_deadline
from tests.contract.test_google_gateway import EVENT
from tests.contract.test_oncall import PAGE
from tests.contract.test_twilio_gateway import TEXT, gateway
from tests.support.network import mute, slow_names
from tests.support.webhook import Webhook

NOW = datetime(2026, 6, 10, 11, 0, tzinfo=UTC)
DEADLINE = timedelta(seconds=0.4)
STEP = 0.1
"""Seconds between two signs of life: each single wait is well within the deadline."""
PATIENCE = 2.0
"""Seconds a call may take on a busy machine. Without a deadline the shortest of these answers takes longer."""

ANSWERS = {
    "trickled headers": Fault(kind=Misbehaviour.TRICKLE_HEADERS, seconds=STEP),
    "trickled body": Fault(kind=Misbehaviour.TRICKLE_BODY, seconds=STEP),
    "held": Fault(kind=Misbehaviour.HOLD),
}
REDIRECTS = Fault(kind=Misbehaviour.REDIRECT, seconds=0.3)
TIMEOUT, NOT_READ = (Result.UNKNOWN, "timeout"), (Result.LATER, "timeout")
NO_CONNECTION, NO_TOKEN = (Result.BROKEN, "no_connection"), (Result.LATER, "token:unavailable")


@dataclass(frozen=True, kw_only=True)
class Client:
    """One of our clients, at its stand-in."""

    call: Callable[[], Any]
    stand_in: StandIn
    silence: Any
    """What the call returns where a request may have left and no answer came."""
    never_left: Any


@pytest.fixture
def twilio() -> Iterator[TwilioStandIn]:
    with TwilioStandIn(lambda: NOW) as stand_in:
        yield stand_in


@pytest.fixture
def google() -> Iterator[GoogleStandIn]:
    with GoogleStandIn(lambda: NOW) as stand_in:
        yield stand_in


@pytest.fixture
def sentry() -> Iterator[SentryStandIn]:
    with SentryStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook() as stand_in:
        yield stand_in


@pytest.fixture
def calendar(google: GoogleStandIn) -> Iterator[GoogleCalendar]:
    access = ServiceAccountAccess(key=google.service_account_info(), delegate=None, token_url=google.token_url)
    calendar = GoogleCalendar(access=access, calendar_id=google.calendar_id, timeout=DEADLINE, api_url=google.api_url)
    yield calendar
    calendar.close()


def seen(outcome: Any) -> tuple[Result, str]:
    return outcome.result, outcome.code


def failure(read: Callable[[], object]) -> tuple[Result, str]:
    with pytest.raises(ProviderFailure) as failed:
        read()
    return seen(failed.value.outcome)


CLIENTS = ["twilio.send", "twilio.list", "google.insert", "google.get", "sentry", "issues", "on-call", "heartbeat"]


@pytest.fixture(params=CLIENTS)
def client(
    request: pytest.FixtureRequest,
    twilio: TwilioStandIn,
    google: GoogleStandIn,
    calendar: GoogleCalendar,
    sentry: SentryStandIn,
    webhook: Webhook,
    monkeypatch: pytest.MonkeyPatch,
) -> Client:
    monkeypatch.setattr(heartbeats, "TIMEOUT", DEADLINE)
    monkeypatch.setattr(oncall, "TIMEOUT", DEADLINE)
    texts = gateway(twilio, timeout=DEADLINE)
    notifier = SentryNotifier(dsn=sentry.dsn, environment="test", release="r", timeout=DEADLINE)
    issues = IssueResolver(url=sentry.url, organization="o", token="t", timeout=DEADLINE)
    beats = Heartbeats({"a": f"{webhook.url}/ping"})
    lost, unreachable = DeliveryStatus.UNREACHABLE, DeliveryStatus.UNREACHABLE
    clients: dict[str, tuple[Callable[[], Any], StandIn, Any, Any]] = {
        "twilio.send": (lambda: seen(texts.send(TEXT)), twilio, TIMEOUT, NO_CONNECTION),
        "twilio.list": (lambda: failure(lambda: texts.sent_to(TEXT.number)), twilio, TIMEOUT, NO_CONNECTION),
        "google.insert": (lambda: seen(calendar.insert(EVENT)), google, TIMEOUT, NO_TOKEN),
        "google.get": (lambda: failure(lambda: calendar.get(EVENT.id)), google, NOT_READ, NO_TOKEN),
        "sentry": (lambda: notifier.send(PAGE), sentry, lost, unreachable),
        "issues": (lambda: issues.resolve("5a4d" * 8), sentry, False, False),
        "on-call": (OncallRoute(name="PAGER_URL", url=webhook.route).send, webhook, lost, unreachable),
        "heartbeat": (lambda: beats.end("a", failed=False) == "", webhook, False, False),
    }
    call, stand_in, silence, never_left = clients[request.param]
    if request.param == "on-call":
        route, call = call, lambda: route(PAGE)  # type: ignore[call-arg]  # a route sends an alert
    return Client(call=call, stand_in=stand_in, silence=silence, never_left=never_left)


def timed(call: Callable[[], Any]) -> Any:
    began = time.monotonic()
    result = call()
    assert time.monotonic() - began < PATIENCE, "the call outlived its deadline"
    return result


def wait_until_closed(stand_in: StandIn) -> None:
    ends = time.monotonic() + 5
    while stand_in.open_connections:
        assert time.monotonic() < ends, "a connection is still open"
        time.sleep(0.01)


def always(client: Client, fault: Fault) -> None:
    """For each call but those for a token."""
    if isinstance(client.stand_in, GoogleStandIn):
        for operation in ("events.insert", "events.get", "events.list"):
            client.stand_in.faults.always(operation, fault)
    else:
        client.stand_in.faults.always("", fault)


@pytest.mark.parametrize("fault", ANSWERS.values(), ids=ANSWERS.keys())
def test_an_answer_without_end(client: Client, fault: Fault) -> None:
    always(client, fault)

    assert timed(client.call) == client.silence
    wait_until_closed(client.stand_in)


def test_a_chain_of_redirects(client: Client) -> None:
    """Nobody follows them: each is an answer, and no success."""
    always(client, REDIRECTS)
    timed(client.call)

    assert client.stand_in.writes == 0
    assert max(client.stand_in.asked.values()) == 1


def test_a_name_that_resolves_slowly_leaves_nothing_behind(client: Client) -> None:
    with slow_names(0.8):
        assert timed(client.call) == client.never_left
        time.sleep(0.8)  # by now the thread that was left behind has its address

    wait_until_closed(client.stand_in)
    assert client.stand_in.writes == 0


def test_a_token_that_trickles_is_no_event(google: GoogleStandIn, calendar: GoogleCalendar) -> None:
    google.faults.always("token", ANSWERS["trickled body"])

    assert timed(lambda: seen(calendar.insert(EVENT))) == NO_TOKEN
    assert google.calendar.events == {}

    google.faults.clear()
    assert calendar.insert(EVENT).result is Result.DONE, "the next call has connections of its own"


def test_tls_that_is_never_answered_lets_no_text_out(twilio: TwilioStandIn, google: GoogleStandIn) -> None:
    with mute() as address:
        secured = f"https://{address}"
        texts = gateway(twilio, timeout=DEADLINE, api_url=secured)
        access = ServiceAccountAccess(key=google.service_account_info(), delegate=None, token_url=f"{secured}/token")
        calendar = GoogleCalendar(
            access=access, calendar_id=google.calendar_id, timeout=DEADLINE, api_url=google.api_url
        )

        assert timed(lambda: seen(texts.send(TEXT))) == NO_CONNECTION
        assert timed(lambda: seen(calendar.insert(EVENT))) == NO_TOKEN
        calendar.close()


def test_a_connection_kept_from_the_call_before(google: GoogleStandIn, calendar: GoogleCalendar) -> None:
    """Google's client opens no connection for its second call."""
    assert calendar.insert(EVENT).result is Result.DONE
    always(Client(call=calendar.check, stand_in=google, silence=None, never_left=None), ANSWERS["trickled body"])

    assert timed(lambda: failure(lambda: calendar.get(EVENT.id))) == NOT_READ
    wait_until_closed(google)

    google.faults.clear()
    found = calendar.get(EVENT.id)
    assert found is not None
    assert found.live


def test_two_calls_at_once_do_not_disturb_each_other(twilio: TwilioStandIn) -> None:
    twilio.faults.next_calls("messages.create", ANSWERS["trickled body"])
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(gateway(twilio, timeout=DEADLINE).send, TEXT)
        while twilio.writes == 0:
            time.sleep(0.01)
        patient = gateway(twilio, timeout=timedelta(seconds=20))
        twilio.faults.next_calls("messages.create", Fault(kind=Misbehaviour.SLOW, seconds=0.8))
        other = pool.submit(patient.send, TEXT)

    assert seen(slow.result()) == TIMEOUT
    assert seen(other.result()) == (Result.DONE, "queued")
    assert len(twilio.messages) == 2


def test_what_a_call_raises_comes_out_unchanged() -> None:
    class Own(BaseException):
        pass

    def call() -> None:
        raise Own from KeyError("cause")

    with pytest.raises(Own) as raised:
        with_deadline(timedelta(seconds=5), call)
    assert isinstance(raised.value.__cause__, KeyError)


def test_a_call_that_uses_no_network_ends_as_well() -> None:
    with pytest.raises(DeadlineOver) as over:
        timed(lambda: with_deadline(timedelta(seconds=0.1), lambda: time.sleep(0.5)))
    assert not over.value.may_have_left
