"""The Twilio stand-in, asked by the real client: it must answer as Twilio's documents say Twilio does."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.fakes.twilio import TwilioStandIn

NOW = datetime(2026, 6, 10, 11, 0, tzinfo=UTC)
ANA, BEN = "+447700900101", "+447700900102"


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def twilio(clock: Clock) -> Iterator[TwilioStandIn]:
    with TwilioStandIn(clock) as stand_in:
        yield stand_in


@pytest.fixture
def client(twilio: TwilioStandIn) -> Client:
    return client_of(twilio, twilio.auth_token)


def client_of(twilio: TwilioStandIn, token: str) -> Client:
    http = TwilioHttpClient(timeout=2, pool_connections=False)
    client = Client(twilio.account_sid, token, http_client=http, environment={"-": ""})
    client.api.base_url = client.messaging.base_url = twilio.url
    return client


def create(client: Client, **changes: Any) -> Any:
    return client.messages.create(**{"to": ANA, "from_": TwilioStandIn.phone_number, "body": "Hello"} | changes)


def refusal(client: Client, **changes: Any) -> tuple[int, int]:
    with pytest.raises(TwilioRestException) as caught:
        create(client, **changes)
    return caught.value.status, caught.value.code


def sent(twilio: TwilioStandIn, number: int, at: datetime) -> None:
    """Let a message leave Twilio's queue."""
    twilio.messages[number] = replace(twilio.messages[number], status="sent", date_sent=at)


# It cannot be mistaken for the real thing


def test_every_answer_says_what_it_is(twilio: TwilioStandIn) -> None:
    for path in ("/2010-04-01/Accounts.json", "/_sandbox/state"):
        assert requests.get(twilio.url + path, timeout=2).headers["X-Reconciler-Sandbox"] == "stand-in"


@pytest.mark.parametrize("path", ["Messages.json", "Messages/SM0.json", "IncomingPhoneNumbers.json"])
def test_only_its_own_credentials_open_it(twilio: TwilioStandIn, path: str) -> None:
    url = f"{twilio.url}/2010-04-01/Accounts/{twilio.account_sid}/{path}"
    for auth in (None, (twilio.account_sid, "a real token"), ("AC" + "0" * 32, twilio.auth_token)):
        answer = requests.get(url, auth=auth, timeout=2)

        assert answer.status_code == 401
        assert answer.json() == {
            "code": 20003,
            "message": "Authenticate",
            "more_info": "https://www.twilio.com/docs/errors/20003",
            "status": 401,
        }


def test_the_wrong_token_creates_nothing(twilio: TwilioStandIn) -> None:
    assert refusal(client_of(twilio, "other")) == (401, 20003)
    assert (twilio.messages, twilio.writes) == ([], 0)


# Create


def test_a_number_queues_at_once(client: Client, twilio: TwilioStandIn) -> None:
    made = create(client, validity_period=600)

    assert (made.status, made.direction, made.from_) == ("queued", "outbound-api", twilio.phone_number)
    assert (made.to, made.body, made.error_code) == (ANA, "Hello", None)
    assert (made.date_created, made.date_sent) == (NOW, None)
    assert made.sid.startswith("SM")
    assert len(made.sid) == 34
    assert twilio.messages[0].validity == 600
    assert twilio.writes == 1


def test_a_service_accepts_and_chooses_the_sender_later(client: Client, twilio: TwilioStandIn) -> None:
    made = create(client, from_=None, messaging_service_sid=twilio.service_sid)

    assert (made.status, made.from_, made.num_segments) == ("accepted", None, "0")
    assert made.messaging_service_sid == twilio.service_sid


def test_a_service_with_a_number_queues(client: Client, twilio: TwilioStandIn) -> None:
    assert create(client, messaging_service_sid=twilio.service_sid).status == "queued"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"to": ""}, 21604),
        ({"to": "07700900101"}, 21211),
        ({"to": "+0123456789"}, 21211),
        ({"to": TwilioStandIn.phone_number}, 21211),
        ({"body": None}, 21602),
        ({"body": ""}, 21602),
        ({"body": "x" * 1601}, 21617),
        ({"from_": None}, 21603),
        ({"from_": "not a sender"}, 21212),
        ({"from_": "+447700900999"}, 21606),
        ({"messaging_service_sid": "MG" + "0" * 32}, 21705),
    ],
)
def test_what_it_turns_down(client: Client, twilio: TwilioStandIn, changes: dict[str, Any], code: int) -> None:
    assert refusal(client, **changes) == (400, code)
    assert (twilio.messages, twilio.writes) == ([], 0)


def test_1600_characters_are_not_too_many(client: Client) -> None:
    assert create(client, body="x" * 1600).sid


def test_it_refuses_one_number_on_request(client: Client, twilio: TwilioStandIn) -> None:
    twilio.refuse(ANA, 400, 21610)

    assert refusal(client) == (400, 21610)
    assert create(client, to=BEN).sid
    assert [message.to for message in twilio.messages] == [BEN]


def test_a_trial_account_writes_a_sentence_of_its_own_first(client: Client, twilio: TwilioStandIn) -> None:
    twilio.trial = True

    assert create(client).body == "Sent from your Twilio trial account - Hello"
    assert client.api.accounts(twilio.account_sid).fetch().type == "Trial"


# Look up


def test_fetch_by_sid(client: Client) -> None:
    made = create(client)

    assert client.messages(made.sid).fetch().body == "Hello"


def test_fetch_of_what_never_was(client: Client) -> None:
    with pytest.raises(TwilioRestException) as caught:
        client.messages("SM" + "f" * 32).fetch()

    assert (caught.value.status, caught.value.code) == (404, 20404)


def test_list_by_number(client: Client, twilio: TwilioStandIn) -> None:
    create(client, to=ANA)
    create(client, to=BEN)
    create(client, to=ANA, from_=None, messaging_service_sid=twilio.service_sid)

    assert [found.to for found in client.messages.list(to=ANA, page_size=10)] == [ANA, ANA]
    assert [found.to for found in client.messages.list(from_=twilio.phone_number, to=ANA, page_size=10)] == [ANA]
    assert client.messages.list(to="+447700900109", page_size=10) == []


def test_the_newest_come_first(client: Client, clock: Clock) -> None:
    for minute in (2, 0, 1):
        clock.now = NOW + timedelta(minutes=minute)
        create(client, body=f"at {minute}")
    clock.now = NOW + timedelta(hours=1)

    assert [found.body for found in client.messages.list(page_size=10)] == ["at 2", "at 1", "at 0"]


def test_pages_are_read_to_the_end(client: Client) -> None:
    for number in range(7):
        create(client, body=str(number))
        create(client, body="for somebody else", to=BEN)

    assert {found.body for found in client.messages.list(to=ANA, page_size=3)} == set("0123456")
    assert len(client.messages.list(limit=4, page_size=3)) == 4


def test_a_page_holds_a_thousand_at_most(client: Client) -> None:
    """The client passes ``limit`` on as the page size, unclamped."""
    with pytest.raises(TwilioException) as caught:
        client.messages.list(limit=5000)

    assert caught.value.args[1].status_code == 400


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"date_sent": "2026-06-10"}, ["10th, early", "10th, late"]),
        ({"date_sent_before": "2026-06-10"}, ["9th", "10th, early", "10th, late"]),
        ({"date_sent_after": "2026-06-10"}, ["10th, early", "10th, late", "11th"]),
        ({"date_sent_after": "2026-06-09", "date_sent_before": "2026-06-09"}, ["9th"]),
        # the time of day is not looked at, and what was not sent yet is not found by a date
        ({"date_sent_after": datetime(2026, 6, 10, 23, 59, 59, tzinfo=UTC)}, ["10th, early", "10th, late", "11th"]),
        ({}, ["9th", "10th, early", "10th, late", "11th", "not sent yet"]),
    ],
)
def test_dates_are_whole_gmt_days(
    client: Client, twilio: TwilioStandIn, filters: dict[str, Any], found: list[str]
) -> None:
    moments = {
        "9th": datetime(2026, 6, 9, 23, 59, tzinfo=UTC),
        "10th, early": datetime(2026, 6, 10, 0, 0, tzinfo=UTC).astimezone(ZoneInfo("America/New_York")),
        "10th, late": datetime(2026, 6, 10, 23, 59, tzinfo=UTC),
        "11th": datetime(2026, 6, 11, 0, 0, tzinfo=UTC),
    }
    for number, (body, moment) in enumerate(moments.items()):
        create(client, body=body)
        sent(twilio, number, moment)
    create(client, body="not sent yet")

    assert sorted(message.body for message in client.messages.list(page_size=50, **filters)) == sorted(found)


def test_a_list_may_lag(client: Client, twilio: TwilioStandIn, clock: Clock) -> None:
    twilio.list_lag = timedelta(seconds=30)
    made = create(client)

    assert client.messages.list(page_size=10) == []
    assert client.messages(made.sid).fetch().sid == made.sid
    clock.now = NOW + timedelta(seconds=30)
    assert [found.sid for found in client.messages.list(page_size=10)] == [made.sid]


def test_redaction_defeats_every_look_up_once_a_message_has_arrived(
    client: Client, twilio: TwilioStandIn, clock: Clock
) -> None:
    twilio.redacts = True
    made = create(client)

    assert (made.to, made.body) == (ANA, "Hello")
    assert [found.status for found in client.messages.list(to=ANA, page_size=10)] == ["queued"]
    clock.now += timedelta(seconds=1)
    assert [found.status for found in client.messages.list(page_size=10)] == ["delivered"]
    assert client.messages.list(to=ANA, page_size=10) == []
    for seen in (*client.messages.list(page_size=10), client.messages(made.sid).fetch()):
        assert (seen.to, seen.body) == ("+44770090XXXX", "")
    assert twilio.messages[0].to == ANA


def test_a_text_of_the_applications(client: Client, twilio: TwilioStandIn) -> None:
    twilio.add_message(BEN, "By hand", NOW - timedelta(hours=1))

    (found,) = client.messages.list(to=BEN, page_size=10)
    assert (found.body, found.date_created) == ("By hand", NOW - timedelta(hours=1))
    assert twilio.writes == 0


# Account, numbers, services


def test_the_account(client: Client, twilio: TwilioStandIn) -> None:
    account = client.api.accounts(twilio.account_sid).fetch()
    assert (account.status, account.type) == ("active", "Full")

    twilio.account_status = "suspended"
    assert client.api.accounts(twilio.account_sid).fetch().status == "suspended"


def test_the_numbers(client: Client, twilio: TwilioStandIn) -> None:
    twilio.owned = [twilio.phone_number, "+447700900777"]

    assert [n.phone_number for n in client.incoming_phone_numbers.list(page_size=10)] == twilio.owned
    (ours,) = client.incoming_phone_numbers.list(phone_number=twilio.phone_number, limit=1, page_size=1)
    assert ours.capabilities["sms"] is True
    assert client.incoming_phone_numbers.list(phone_number="+447700900778", limit=1, page_size=1) == []


def test_the_messaging_services(client: Client, twilio: TwilioStandIn) -> None:
    service = client.messaging.v1.services(twilio.service_sid)

    assert service.fetch().sid == twilio.service_sid
    assert [n.phone_number for n in service.phone_numbers.list(page_size=10)] == [twilio.phone_number]
    with pytest.raises(TwilioRestException) as caught:
        client.messaging.v1.services(f"{twilio.service_sid}0").fetch()
    assert (caught.value.status, caught.value.code) == (404, 20404)


# Misbehaviour, as a client meets it


@pytest.mark.parametrize(
    ("fault", "error", "accepted"),
    [
        (Fault(kind=Misbehaviour.DROP), requests.exceptions.ConnectionError, 0),
        (Fault(kind=Misbehaviour.LOSE), requests.exceptions.ConnectionError, 1),
        (Fault(kind=Misbehaviour.HANG, seconds=0.2), requests.exceptions.ConnectionError, 0),
        (Fault(kind=Misbehaviour.FAIL_AFTER, status=500), TwilioRestException, 1),
        (Fault(kind=Misbehaviour.STATUS, status=429), TwilioRestException, 0),
        (Fault(kind=Misbehaviour.HTML, status=502), TwilioRestException, 0),
    ],
    ids=lambda value: value.kind.value if isinstance(value, Fault) else None,
)
def test_what_a_fault_leaves(
    client: Client, twilio: TwilioStandIn, fault: Fault, error: type[Exception], accepted: int
) -> None:
    twilio.faults.next_calls("messages.create", fault)

    with pytest.raises(error):
        create(client)

    assert len(twilio.messages) == twilio.writes == accepted
    assert create(client).sid, "the fault is over"


def test_success_without_a_word(client: Client, twilio: TwilioStandIn) -> None:
    twilio.faults.next_calls("messages.create", Fault(kind=Misbehaviour.EMPTY))

    assert create(client).sid is None
    assert len(twilio.messages) == 1


def test_slow_is_late_and_well(client: Client, twilio: TwilioStandIn) -> None:
    twilio.faults.next_calls("messages.create", Fault(kind=Misbehaviour.SLOW, seconds=0.1))

    assert create(client).status == "queued"


def test_headers_of_a_fault_arrive(twilio: TwilioStandIn) -> None:
    fault = Fault(kind=Misbehaviour.STATUS, status=429, headers=(("Retry-After", "7"),))
    twilio.faults.next_calls("account.fetch", fault)

    answer = requests.get(f"{twilio.url}/2010-04-01/Accounts/{twilio.account_sid}.json", timeout=2)

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")


def test_another_process_orders_faults_and_counts_writes(client: Client, twilio: TwilioStandIn) -> None:
    create(client)
    assert requests.get(f"{twilio.url}/_sandbox/state", timeout=2).json() == {"writes": 1, "messages": 1}

    order = {"seed": 1, "rate": 1.0, "kinds": ["html"], "operations": ["messages.create"]}
    assert requests.post(f"{twilio.url}/_sandbox/faults", json=order, timeout=2).ok
    assert refusal(client) == (503, 503)
    assert client.messages.list(page_size=10), "other operations are well"

    assert requests.delete(f"{twilio.url}/_sandbox/faults", timeout=2).ok
    assert create(client).sid
    assert requests.get(f"{twilio.url}/_sandbox/other", timeout=2).status_code == 404


def test_after_it_stopped_nobody_answers() -> None:
    with TwilioStandIn(lambda: NOW) as stand_in, requests.Session() as kept_alive:
        assert kept_alive.get(stand_in.url, timeout=2).status_code == 401
        url = stand_in.url

        stand_in.stop()

        with pytest.raises(requests.exceptions.ConnectionError):
            kept_alive.get(url, timeout=2)
