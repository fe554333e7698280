"""Looking messages up over the real client: all pages, whatever Twilio calls them, and every way it can fail."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.domain.intents import Result
from reconciler.ports import OutgoingSms, ProviderFailure
from reconciler.providers.twilio.gateway import TwilioGateway
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.fakes.twilio import TwilioStandIn
from reconciler.sandbox.fakes.twilio_messages import twilio_error

NOW = datetime(2026, 6, 10, 11, 0, tzinfo=UTC)
ANA, BEA = "+447700900101", "+447700900102"


@pytest.fixture
def twilio() -> Iterator[TwilioStandIn]:
    with TwilioStandIn(lambda: NOW) as stand_in:
        yield stand_in


def gateway(url: str, timeout: float = 20) -> TwilioGateway:
    return TwilioGateway(
        account_sid=TwilioStandIn.account_sid,
        secret=TwilioStandIn.auth_token,
        api_key=None,
        sender=TwilioStandIn.phone_number,
        service_sid=None,
        timeout=timedelta(seconds=timeout),
        api_url=url,
    )


def test_messages_to_one_number_and_no_other(twilio: TwilioStandIn) -> None:
    ours = twilio.add_message(ANA, "Hi Ana", NOW - timedelta(days=40))
    twilio.add_message(BEA, "Hi Bea", NOW)
    trail = gateway(twilio.url).sent_to(ANA)
    (text,) = trail.texts
    assert (trail.complete, text.sid, text.number, text.body) == (True, ours.sid, ANA, "Hi Ana")
    assert (text.made_at, text.status, text.leaves, text.by_api) == (NOW - timedelta(days=40), "delivered", True, True)


def test_what_was_just_accepted_is_seen_although_it_has_no_date_of_sending(twilio: TwilioStandIn) -> None:
    api = gateway(twilio.url)
    sent = api.send(OutgoingSms(number=ANA, body="Hi", validity=timedelta(hours=4)))
    assert [text.sid for text in api.sent_to(ANA).texts] == [sent.provider_id]


@pytest.mark.parametrize(("number", "complete"), [(199, True), (200, True), (201, True), (1000, True), (1001, False)])
def test_every_page_is_read_up_to_a_limit(twilio: TwilioStandIn, number: int, complete: bool) -> None:
    for _ in range(number):
        twilio.add_message(ANA, "Hi", NOW)
    trail = gateway(twilio.url).sent_to(ANA)
    assert (len({text.sid for text in trail.texts}), trail.complete) == (number, complete)


def test_the_newest_messages_of_the_account(twilio: TwilioStandIn) -> None:
    for minutes in range(210):
        twilio.add_message(BEA, f"{minutes}", NOW - timedelta(minutes=minutes))
    twilio.add_message(f"whatsapp:{ANA}", "another channel's", NOW)
    seen = gateway(twilio.url).recent()
    assert [text.body for text in seen] == [str(minutes) for minutes in range(199)]
    assert [text.arrived for text in seen[:2]] == [False, True], "the newest is on its way"


@pytest.mark.parametrize(
    "message", ['{"sid": "SM1"}', '{"sid": "SM1", "body": 7, "direction": "outbound-api"}', "null"]
)
def test_a_message_that_is_none_is_no_answer(twilio: TwilioStandIn, message: str) -> None:
    body = f'{{"messages": [{message}], "page": 0, "page_size": 200, "next_page_uri": null}}'
    twilio.faults.always("messages.list", Fault(kind=Misbehaviour.STATUS, status=200, body=body))
    for ask in (lambda: gateway(twilio.url).sent_to(ANA), gateway(twilio.url).recent):
        with pytest.raises(ProviderFailure, match="unreadable"):
            ask()


@pytest.mark.parametrize(("status", "leaves"), [("delivered", True), ("brandnew", True), ("undelivered", False),
                                                ("failed", False), ("canceled", False)])  # fmt: skip
def test_whether_it_leaves(twilio: TwilioStandIn, status: str, leaves: bool) -> None:
    twilio.messages.append(replace(twilio.add_message(ANA, "Hi", NOW), status=status))
    twilio.messages.pop(0)
    (text,) = gateway(twilio.url).sent_to(ANA).texts
    assert (text.status, text.leaves) == (status, leaves)


@pytest.mark.parametrize(
    ("fault", "result", "code"),
    [
        (Fault(kind=Misbehaviour.STATUS, status=429, body=twilio_error(429, 20429)), Result.LATER, "twilio:20429"),
        (Fault(kind=Misbehaviour.STATUS, status=401, body=twilio_error(401, 20003)), Result.BROKEN, "twilio:20003"),
        (Fault(kind=Misbehaviour.STATUS, status=500, body=twilio_error(500, 20500)), Result.UNKNOWN, "twilio:20500"),
        (Fault(kind=Misbehaviour.HTML, status=200), Result.UNKNOWN, "unreadable"),
        (Fault(kind=Misbehaviour.EMPTY), Result.UNKNOWN, "unreadable"),
        (Fault(kind=Misbehaviour.DROP), Result.UNKNOWN, "reset"),
        (Fault(kind=Misbehaviour.HANG, seconds=1), Result.UNKNOWN, "timeout"),
    ],
)
@pytest.mark.parametrize("ask", [lambda api: api.sent_to(ANA), lambda api: api.recent()], ids=["to", "recent"])
def test_a_list_that_fails_is_no_empty_list(
    twilio: TwilioStandIn, ask: Callable[[TwilioGateway], object], fault: Fault, result: Result, code: str
) -> None:
    twilio.faults.always("messages.list", fault)
    with pytest.raises(ProviderFailure) as failure:
        ask(gateway(twilio.url, timeout=0.4 if fault.kind is Misbehaviour.HANG else 20))
    assert (failure.value.outcome.result, failure.value.outcome.code) == (result, code)


def test_a_second_page_that_fails_is_no_end_of_the_list(twilio: TwilioStandIn) -> None:
    for _ in range(201):
        twilio.add_message(ANA, "Hi", NOW)
    working = Fault(kind=Misbehaviour.SLOW, seconds=0)
    twilio.faults.next_calls("messages.list", working, Fault(kind=Misbehaviour.STATUS, status=503, body="{}"))
    with pytest.raises(ProviderFailure):
        gateway(twilio.url).sent_to(ANA)


@pytest.mark.parametrize("header", ["17", "nonsense", None])
def test_how_long_twilio_asks_us_to_wait(twilio: TwilioStandIn, header: str | None) -> None:
    headers = (("Retry-After", header),) if header else ()
    busy = Fault(kind=Misbehaviour.STATUS, status=429, body=twilio_error(429, 20429), headers=headers)
    twilio.faults.next_calls("messages.create", busy)
    api = gateway(twilio.url)
    text = OutgoingSms(number=ANA, body="Hi", validity=timedelta(hours=4))
    assert api.send(text).retry_after == (timedelta(seconds=17) if header == "17" else None)
    assert api.send(text).result is Result.DONE
