"""The Twilio adapter over the real client, against the stand-in: what each answer means, and what Twilio then holds."""

import json
import logging
import socket
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.domain.gaps import Cause, GapKind
from reconciler.domain.intents import Outcome, Result
from reconciler.ports import OutgoingSms, ProviderFailure
from reconciler.providers.twilio.gateway import TwilioGateway
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.fakes.twilio import API_KEY, API_SECRET, TwilioStandIn
from reconciler.sandbox.fakes.twilio_messages import twilio_error
from tests.support.network import closed_port, impostor

NOW = datetime(2026, 6, 10, 11, 0, tzinfo=UTC)
ANA = "+447700900101"
BODY = "Hi Ana, we look forward to Wednesday (PB-7F3K)."
TEXT = OutgoingSms(number=ANA, body=BODY, validity=timedelta(hours=4))

D, R, L, B, U = Result.DONE, Result.REFUSED, Result.LATER, Result.BROKEN, Result.UNKNOWN
HOUR = timedelta(hours=1)


@pytest.fixture
def twilio() -> Iterator[TwilioStandIn]:
    with TwilioStandIn(lambda: NOW) as stand_in:
        yield stand_in


def gateway(twilio: TwilioStandIn, **changes: Any) -> TwilioGateway:
    usual: dict[str, Any] = {
        "account_sid": twilio.account_sid,
        "secret": twilio.auth_token,
        "api_key": None,
        "sender": twilio.phone_number,
        "service_sid": None,
        "timeout": timedelta(seconds=1),
        "api_url": twilio.url,
    }
    return TwilioGateway(**usual | changes)


# Accepted


def test_a_text_is_accepted_once_as_written(twilio: TwilioStandIn) -> None:
    outcome = gateway(twilio).send(TEXT)

    (message,) = twilio.messages
    assert (message.to, message.body, message.from_, message.service) == (ANA, BODY, twilio.phone_number, None)
    assert message.validity == 4 * 3600 - 1, "less what the call may take"
    assert outcome == Outcome(result=D, code="queued", provider_id=message.sid)


def test_a_messaging_service_chooses_the_sender_later(twilio: TwilioStandIn) -> None:
    outcome = gateway(twilio, sender=None, service_sid=twilio.service_sid).send(TEXT)

    (message,) = twilio.messages
    assert (message.from_, message.service) == (None, twilio.service_sid)
    assert outcome == Outcome(result=D, code="accepted", provider_id=message.sid)


def test_a_number_and_a_service_are_both_given(twilio: TwilioStandIn) -> None:
    assert gateway(twilio, service_sid=twilio.service_sid).send(TEXT).result is D

    (message,) = twilio.messages
    assert (message.from_, message.service) == (twilio.phone_number, twilio.service_sid)


@pytest.mark.parametrize(
    ("validity", "timeout", "seconds"), [(90.9, 0.3, 90), (90.2, 0.3, 89), (600, 10, 590), (60, 10, 50), (60, 58, 6)]
)
def test_validity_is_in_whole_seconds_and_ends_in_time_if_the_call_takes_as_long_as_it_may(
    twilio: TwilioStandIn, validity: float, timeout: float, seconds: int
) -> None:
    limited = gateway(twilio, timeout=timedelta(seconds=timeout))
    limited.send(replace(TEXT, validity=timedelta(seconds=validity)))

    assert [message.validity for message in twilio.messages] == [seconds]


def test_region_and_edge_of_the_environment_are_not_ours(
    twilio: TwilioStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("REGION", "au1"), ("EDGE", "sydney"), ("ACCOUNT_SID", "AC0"), ("AUTH_TOKEN", "other")):
        monkeypatch.setenv(f"TWILIO_{name}", value)

    assert gateway(twilio).send(TEXT).result is D


@pytest.mark.parametrize("status", ["accepted", "queued", "scheduled", "sending", "sent", "delivered", "brand-new"])
def test_every_status_of_a_message_that_leaves_is_done(twilio: TwilioStandIn, status: str) -> None:
    answer = json.dumps({"sid": "SM" + "0" * 32, "status": status, "error_code": None})
    twilio.faults.next_calls("messages.create", Fault(kind=Misbehaviour.STATUS, status=201, body=answer))

    assert gateway(twilio).send(TEXT) == Outcome(result=D, code=status, provider_id="SM" + "0" * 32)


@pytest.mark.parametrize("status", ["failed", "undelivered", "canceled"])
@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (30005, Outcome(result=R, code="twilio:30005", cause=Cause.UNUSABLE_DATA)),
        (21610, Outcome(result=R, code="twilio:21610", cause=Cause.REFUSED_RECIPIENT)),
        (30034, Outcome(result=B, code="twilio:30034", stops_pass=True)),
        (30007, Outcome(result=B, code="twilio:30007", stops_pass=True)),
        (None, Outcome(result=B, code="twilio:not_leaving", stops_pass=True)),
    ],
)
def test_a_message_made_dead_is_not_done(
    twilio: TwilioStandIn, status: str, code: int | None, expected: Outcome
) -> None:
    answer = json.dumps({"sid": "SM" + "0" * 32, "status": status, "error_code": code})
    twilio.faults.next_calls("messages.create", Fault(kind=Misbehaviour.STATUS, status=201, body=answer))

    assert gateway(twilio).send(TEXT) == expected


# With an API key, or a sender that is no number


def test_an_api_key_opens_what_the_account_owns(twilio: TwilioStandIn) -> None:
    """A standard key may send and list, and may not read the account."""
    by_key = gateway(twilio, api_key=API_KEY, secret=API_SECRET)
    assert by_key.check() is None
    assert by_key.send(TEXT).result is D
    assert len(by_key.sent_to(ANA).texts) == 1
    assert [note.message for note in by_key.notes()]


@pytest.mark.parametrize("secret", ["wrong", "sandbox-token-that-opens-nothing"])
def test_an_api_key_with_another_secret(twilio: TwilioStandIn, secret: str) -> None:
    by_key = gateway(twilio, api_key=API_KEY, secret=secret)
    fault = by_key.check()
    assert fault is not None
    assert (fault.code, "TWILIO_API_KEY" in fault.remedy) == ("twilio:20003", True)
    assert by_key.send(TEXT).code == "twilio:20003"
    assert twilio.messages == []


@pytest.mark.parametrize("sender", ["The Venue", "VENUE-1", "a1"])
def test_an_alphanumeric_sender(twilio: TwilioStandIn, sender: str) -> None:
    named = gateway(twilio, sender=sender)
    assert named.check() is None
    assert named.send(TEXT).result is D
    assert [message.from_ for message in twilio.messages] == [sender]
    assert [note.remedy != "" for note in named.notes() if sender in note.message] == [True], "nobody can reply STOP"


def test_a_trial_account_has_no_alphanumeric_sender(twilio: TwilioStandIn) -> None:
    twilio.trial = True
    assert gateway(twilio, sender="The Venue").send(TEXT) == Outcome(result=B, code="twilio:21267", stops_pass=True)


# Turned down by Twilio: the codes of its error dictionary that a create can meet, written out by hand

BY_CODE: list[tuple[int, int, Result, Cause | None, bool, timedelta | None]] = [
    # HTTP, code, result, cause, stops the pass, retry after
    (401, 20003, B, None, True, None),
    (404, 20404, B, None, True, None),
    (429, 20429, L, None, True, None),
    (500, 20500, U, None, True, None),
    (503, 20503, U, None, True, None),
    (400, 21211, R, Cause.UNUSABLE_DATA, False, None),
    (400, 21212, B, None, True, None),
    (400, 21408, L, Cause.BLOCKED, False, HOUR),
    (403, 21408, L, Cause.BLOCKED, False, HOUR),
    (400, 21602, R, Cause.UNUSABLE_DATA, False, None),
    (400, 21603, B, None, True, None),
    (400, 21604, R, Cause.UNUSABLE_DATA, False, None),
    (400, 21606, B, None, True, None),
    (400, 21608, B, None, True, None),
    (400, 21610, R, Cause.REFUSED_RECIPIENT, False, None),
    (403, 21610, R, Cause.REFUSED_RECIPIENT, False, None),
    (400, 21611, L, None, True, HOUR),
    (429, 21611, L, None, True, HOUR),
    (400, 21612, R, Cause.UNUSABLE_DATA, False, None),
    (400, 21614, R, Cause.UNUSABLE_DATA, False, None),
    (400, 21617, R, Cause.UNUSABLE_DATA, False, None),
    (400, 21619, R, Cause.UNUSABLE_DATA, False, None),
    (400, 21701, B, None, True, None),
    (404, 21701, B, None, True, None),
    (400, 21703, B, None, True, None),
    (400, 21704, B, None, True, None),
    (400, 21705, B, None, True, None),
    (400, 35111, R, Cause.UNUSABLE_DATA, False, None),
    (400, 35114, R, Cause.UNUSABLE_DATA, False, None),
    (400, 35118, B, None, True, None),
    (400, 35125, L, None, True, HOUR),
    (429, 63038, L, None, True, HOUR),
    # C5: codes that say "later", and codes about us
    (400, 21730, L, None, True, None),
    (429, 14107, L, None, True, None),
    (400, 30001, L, None, True, None),
    (400, 30022, L, None, True, None),
    (400, 30023, L, None, True, HOUR),
    (400, 30450, L, None, True, HOUR),
    (400, 10001, B, None, True, None),
    (400, 21267, B, None, True, None),
    (400, 21654, B, None, True, None),
    (400, 21659, B, None, True, None),
    (400, 21712, B, None, True, None),
    (400, 30034, B, None, True, None),
    # C5: codes that are certainly about the recipient
    (400, 21214, R, Cause.UNUSABLE_DATA, False, None),
    (400, 30003, R, Cause.UNUSABLE_DATA, False, None),
    (400, 30006, R, Cause.UNUSABLE_DATA, False, None),
    # codes nobody has seen yet are about us
    (400, 99999, B, None, True, None),
    (401, 99999, B, None, True, None),
    (403, 99999, B, None, True, None),
    (404, 99999, B, None, True, None),
    (422, 99999, B, None, True, None),
    (429, 99999, L, None, True, None),
    (500, 99999, U, None, True, None),
    (503, 21610, U, None, True, None),
]


@pytest.mark.parametrize(("status", "code", "result", "cause", "stops", "retry_after"), BY_CODE)
def test_each_code_of_a_create(
    twilio: TwilioStandIn,
    status: int,
    code: int,
    result: Result,
    cause: Cause | None,
    stops: bool,
    retry_after: timedelta | None,
) -> None:
    twilio.refuse(ANA, status, code)

    assert gateway(twilio).send(TEXT) == Outcome(
        result=result, code=f"twilio:{code}", cause=cause, stops_pass=stops, retry_after=retry_after
    )
    assert twilio.messages == []


@pytest.mark.parametrize(
    ("changes", "text", "code"),
    [
        ({"sender": None}, {}, "twilio:21603"),
        ({"sender": "+447700900999"}, {}, "twilio:21606"),
        ({"sender": None, "service_sid": "MG" + "0" * 32}, {}, "twilio:21705"),
        ({"secret": "wrong"}, {}, "twilio:20003"),
        ({}, {"number": "07700 900101"}, "twilio:21211"),
        ({}, {"body": "x" * 1601}, "twilio:21617"),
        ({}, {"body": ""}, "twilio:21602"),
    ],
)
def test_what_twilio_checks_by_itself(
    twilio: TwilioStandIn, changes: dict[str, Any], text: dict[str, Any], code: str
) -> None:
    assert gateway(twilio, **changes).send(replace(TEXT, **text)).code == code
    assert twilio.messages == []


def test_a_problem_document_is_read_like_an_ordinary_error(twilio: TwilioStandIn) -> None:
    """RFC 9457: the SDK raises another exception for it, which is no subclass of the usual one."""
    problem = json.dumps({"type": "https://twilio.com/p", "title": "Stopped", "status": 400, "code": 21610})
    twilio.faults.next_calls("messages.create", Fault(kind=Misbehaviour.STATUS, status=400, body=problem))

    assert gateway(twilio).send(TEXT) == Outcome(result=R, code="twilio:21610", cause=Cause.REFUSED_RECIPIENT)


# Turned down by something on the way


@pytest.mark.parametrize(
    ("status", "result"),
    [(400, B), (401, B), (403, B), (404, B), (407, B), (408, U), (429, L), (302, U), (500, U), (502, U), (503, U)],
)
def test_a_page_that_is_not_twilios_refuses_no_text(twilio: TwilioStandIn, status: int, result: Result) -> None:
    """The SDK passes the HTTP status off as Twilio's code: a 503 must not be looked up as one."""
    twilio.faults.next_calls("messages.create", Fault(kind=Misbehaviour.HTML, status=status))

    assert gateway(twilio).send(TEXT) == Outcome(result=result, code=f"http:{status}", stops_pass=True)
    assert twilio.messages == []


# Unclear: at most once. Had the client sent again by itself, the world would hold one more.


@pytest.mark.parametrize(
    ("fault", "code", "accepted"),
    [
        (Fault(kind=Misbehaviour.DROP), "reset", 0),
        (Fault(kind=Misbehaviour.LOSE), "reset", 1),
        (Fault(kind=Misbehaviour.HANG, seconds=1.6), "timeout", 0),
        (Fault(kind=Misbehaviour.SLOW, seconds=1.6), "timeout", 1),
        (Fault(kind=Misbehaviour.EMPTY), "no_sid", 1),
        (Fault(kind=Misbehaviour.FAIL_AFTER, status=500, body=twilio_error(500, 20500)), "twilio:20500", 1),
        (Fault(kind=Misbehaviour.FAIL_AFTER, status=503), "http:503", 1),
        (Fault(kind=Misbehaviour.HTML, status=200), "unreadable", 0),
        (Fault(kind=Misbehaviour.STATUS, status=201, body="[]"), "unreadable", 0),
        (Fault(kind=Misbehaviour.STATUS, status=201, body="null"), "unreadable", 0),
        (Fault(kind=Misbehaviour.STATUS, status=201, body='{"status": "queued"}'), "no_sid", 0),
    ],
    ids=lambda value: value.kind.value if isinstance(value, Fault) else None,
)
def test_an_unclear_answer_is_unknown_and_nothing_is_repeated(
    twilio: TwilioStandIn, fault: Fault, code: str, accepted: int
) -> None:
    twilio.faults.next_calls("messages.create", fault)

    assert gateway(twilio).send(TEXT) == Outcome(result=U, code=code, stops_pass=True)
    assert len(twilio.messages) == accepted


def test_a_connection_that_was_cut_while_idle_costs_no_text(twilio: TwilioStandIn) -> None:
    with one_call_per_connection() as url:
        sending = gateway(twilio, api_url=url)

        assert [sending.send(TEXT).result for _ in range(2)] == [D, D]


@contextmanager
def one_call_per_connection() -> Iterator[str]:
    """Offers to keep connections alive, and cuts each as soon as it is used again."""
    body = b'{"sid": "SM00000000000000000000000000000000", "status": "queued"}'
    answer = b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return  # the test is over
            with connection:
                connection.recv(65536)
                connection.sendall(answer)
                connection.recv(65536)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


# Certainly nothing left

NO_CONNECTION = Outcome(result=B, code="no_connection", stops_pass=True)


def test_nobody_listens(twilio: TwilioStandIn) -> None:
    assert gateway(twilio, api_url=closed_port()).send(TEXT) == NO_CONNECTION


def test_the_name_does_not_resolve(twilio: TwilioStandIn) -> None:
    assert gateway(twilio, api_url="http://twilio.invalid").send(TEXT) == NO_CONNECTION


def test_the_proxy_is_not_there(twilio: TwilioStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("HTTP_PROXY", closed_port()),
        ("http_proxy", closed_port()),
        ("NO_PROXY", ""),
        ("no_proxy", ""),
    ):
        monkeypatch.setenv(name, value)

    assert gateway(twilio, api_url="http://twilio.invalid").send(TEXT) == NO_CONNECTION


def test_a_certificate_nobody_vouches_for(twilio: TwilioStandIn, tmp_path: Path) -> None:
    with impostor(tmp_path) as (url, heard):
        assert gateway(twilio, api_url=url, timeout=timedelta(seconds=5)).send(TEXT) == NO_CONNECTION
    assert heard == []


# The check before a pass


def test_all_is_well(twilio: TwilioStandIn) -> None:
    assert gateway(twilio, service_sid=twilio.service_sid).check() is None
    assert twilio.writes == 0


def test_a_trial_account_is_no_fault(twilio: TwilioStandIn) -> None:
    twilio.trial = True

    assert gateway(twilio).check() is None


def provider_fault(sending: TwilioGateway) -> tuple[str, str]:
    """Code and remedy."""
    fault = sending.check()
    assert fault is not None
    assert fault.kind is GapKind.INTEGRATION_TWILIO
    assert not fault.transient
    return fault.code, fault.remedy


def test_wrong_credentials(twilio: TwilioStandIn) -> None:
    code, remedy = provider_fault(gateway(twilio, secret="wrong"))

    assert code == "twilio:20003"
    assert "TWILIO_AUTH_TOKEN" in remedy


@pytest.mark.parametrize("status", ["suspended", "closed"])
def test_an_account_that_is_not_active(twilio: TwilioStandIn, status: str) -> None:
    twilio.account_status = status

    assert provider_fault(gateway(twilio))[0] == f"account_{status}"


def test_a_number_of_somebody_else(twilio: TwilioStandIn) -> None:
    twilio.owned = ["+447700900999"]

    code, remedy = provider_fault(gateway(twilio))

    assert code == "sender_not_ours"
    assert "TWILIO_PHONE_NUMBER" in remedy


def test_a_number_that_cannot_text(twilio: TwilioStandIn) -> None:
    numbers = [{"phone_number": twilio.phone_number, "capabilities": {"sms": False, "voice": True}}]
    page = json.dumps({"incoming_phone_numbers": numbers, "page": 0})
    twilio.faults.next_calls("numbers.list", Fault(kind=Misbehaviour.STATUS, status=200, body=page))

    assert provider_fault(gateway(twilio))[0] == "sender_incapable"


def test_a_messaging_service_that_is_not_there(twilio: TwilioStandIn) -> None:
    code, remedy = provider_fault(gateway(twilio, sender=None, service_sid="MG" + "0" * 32))

    assert code == "service_missing"
    assert "TWILIO_MESSAGING_SERVICE_SID" in remedy


def test_a_messaging_service_without_a_sender(twilio: TwilioStandIn) -> None:
    twilio.pool = []

    code, remedy = provider_fault(gateway(twilio, sender=None, service_sid=twilio.service_sid))

    assert code == "service_empty"
    assert "Sender Pool" in remedy


@pytest.mark.parametrize("status", [401, 403])
def test_a_restricted_key_that_may_only_send_and_list_is_no_fault(twilio: TwilioStandIn, status: int) -> None:
    for operation in ("account.fetch", "numbers.list", "services"):
        body = twilio_error(status, 70051)
        twilio.faults.always(operation, Fault(kind=Misbehaviour.STATUS, status=status, body=body))

    assert gateway(twilio, service_sid=twilio.service_sid).check() is None


OPERATIONS = ["account.fetch", "numbers.list", "services"]
UNANSWERED = [
    (Fault(kind=Misbehaviour.HTML, status=503), "http:503"),
    (Fault(kind=Misbehaviour.HTML, status=404), "http:404"),
    (Fault(kind=Misbehaviour.HTML, status=200), "unreadable"),
    (Fault(kind=Misbehaviour.EMPTY), "unreadable"),
    (Fault(kind=Misbehaviour.STATUS, status=200, body="{}"), "unreadable"),
    (Fault(kind=Misbehaviour.STATUS, status=429, body=twilio_error(429, 20429)), "twilio:20429"),
    (Fault(kind=Misbehaviour.HANG, seconds=1.6), "timeout"),
    (Fault(kind=Misbehaviour.DROP), "reset"),
]


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(("fault", "code"), UNANSWERED)
def test_twilio_could_not_be_asked(twilio: TwilioStandIn, operation: str, fault: Fault, code: str) -> None:
    twilio.faults.always(operation, fault)

    with pytest.raises(ProviderFailure) as caught:
        gateway(twilio, service_sid=twilio.service_sid).check()

    assert caught.value.outcome.code == code


def test_no_way_to_ask_twilio(twilio: TwilioStandIn) -> None:
    with pytest.raises(ProviderFailure) as caught:
        gateway(twilio, api_url=closed_port()).check()

    assert caught.value.outcome == NO_CONNECTION


# Nothing personal comes out


@pytest.mark.parametrize("kind", [*Misbehaviour, None])
def test_codes_come_out_and_nothing_else(
    twilio: TwilioStandIn, kind: Misbehaviour | None, caplog: pytest.LogCaptureFixture
) -> None:
    leaking = json.dumps({"code": 21211, "message": f"{ANA} cannot get {BODY!r}", "status": 400})
    if kind:
        twilio.faults.always("", Fault(kind=kind, status=400, body=leaking, seconds=0.4))
    sending = gateway(twilio, service_sid=twilio.service_sid)
    said = [repr(sending), repr(TEXT)]

    with caplog.at_level(logging.DEBUG):
        said.append(repr(sending.send(TEXT)))
        try:
            said.append(repr(sending.check()))
        except ProviderFailure as failure:
            said += ["".join(traceback.format_exception(failure)), repr(failure.outcome)]

    everything = "\n".join([*said, caplog.text])
    for secret in (ANA, ANA[1:], BODY, twilio.auth_token, twilio.phone_number[1:]):
        assert secret not in everything
