"""``ports.SmsGateway``, one suite over every implementation: Twilio's against the stand-in, and the one in memory."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.domain.intents import Result
from reconciler.ports import OutgoingSms, ProviderFailure, SmsGateway
from reconciler.providers.memory import MemoryGateway
from reconciler.providers.twilio.gateway import TwilioGateway
from reconciler.sandbox.fakes.twilio import TwilioStandIn
from tests.support.clock import StandingClock

NOW = datetime(2026, 6, 10, 11, 0, tzinfo=UTC)
ANA, BEA = "+447700900101", "+447700900102"


@pytest.fixture(params=["twilio", "memory"])
def gateway(request: pytest.FixtureRequest) -> Iterator[SmsGateway]:
    if request.param == "memory":
        yield MemoryGateway(StandingClock(NOW))
        return
    with TwilioStandIn(lambda: NOW) as twilio:
        yield TwilioGateway(
            account_sid=twilio.account_sid,
            secret=twilio.auth_token,
            api_key=None,
            sender=twilio.phone_number,
            service_sid=None,
            timeout=timedelta(seconds=5),
            api_url=twilio.url,
        )


def text(number: str = ANA, body: str = "Hi Ana, Ref 1a2b3c4d") -> OutgoingSms:
    return OutgoingSms(number=number, body=body, validity=timedelta(hours=4))


def test_all_is_well(gateway: SmsGateway) -> None:
    assert gateway.check() is None
    assert all(note.message and not note.sql for note in gateway.notes())


def test_a_text_is_done_under_an_id_and_is_there(gateway: SmsGateway) -> None:
    outcome = gateway.send(text())
    assert (outcome.result, outcome.code, outcome.cause, outcome.stops_pass) == (Result.DONE, "queued", None, False)
    trail = gateway.sent_to(ANA)
    (sent,) = trail.texts
    assert (trail.complete, sent.sid, sent.number, sent.body) == (True, outcome.provider_id, ANA, text().body)
    assert (sent.by_api, sent.leaves, sent.arrived, sent.made_at) == (True, True, False, NOW)


def test_each_call_is_a_text(gateway: SmsGateway) -> None:
    """Nobody recognises a repeat: that is the ledger's business."""
    first, second = gateway.send(text()), gateway.send(text())
    assert first.provider_id != second.provider_id
    assert {sent.sid for sent in gateway.sent_to(ANA).texts} == {first.provider_id, second.provider_id}


def test_a_trail_is_one_number_s_and_the_newest_are_all_numbers(gateway: SmsGateway) -> None:
    assert (list(gateway.sent_to(ANA).texts), gateway.sent_to(ANA).complete, list(gateway.recent())) == ([], True, [])
    gateway.send(text())
    gateway.send(text(BEA, "Hi Bea"))
    assert [sent.body for sent in gateway.sent_to(BEA).texts] == ["Hi Bea"]
    assert {sent.number for sent in gateway.recent()} == {ANA, BEA}


def test_an_account_has_a_name(gateway: SmsGateway) -> None:
    assert gateway.account
    assert gateway.account == gateway.account


def test_how_a_text_fares(gateway: SmsGateway) -> None:
    sid = gateway.send(text()).provider_id
    assert sid is not None
    fares = gateway.delivery(sid)
    assert (fares.status, fares.error, fares.is_final, fares.arrived) == ("queued", "", False, False)
    with pytest.raises(ProviderFailure):
        gateway.delivery(f"SM{'0' * 32}")


def test_nothing_personal_is_in_a_repr(gateway: SmsGateway) -> None:
    gateway.send(text())
    assert "7700900101" not in repr(gateway) + repr(gateway.sent_to(ANA))
    assert "Hi Ana" not in repr(gateway) + repr(gateway.recent())
