"""What leaves goes through the environment's proxy and trusts its CA: Twilio, Google, Sentry, on-call (D3)."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from reconciler.domain.alerting.alerts import DeliveryStatus
from reconciler.domain.bookings import BookingId
from reconciler.errors import Exit
from reconciler.reporting import heartbeats, oncall
from reconciler.reporting.heartbeats import Heartbeats
from reconciler.reporting.oncall import OncallRoute
from reconciler.reporting.sentry.notifier import SentryNotifier
from reconciler.sandbox.fakes.faults import Fault
from reconciler.sandbox.fakes.server import StandIn
from reconciler.sandbox.world import Sandbox
from tests.contract.test_call_deadline import ANSWERS, DEADLINE, timed, wait_until_closed
from tests.contract.test_oncall import PAGE
from tests.support.application_db import Venue
from tests.support.command import Ran, reconciler
from tests.support.tls_front import HOST, Identity, Proxy, identity, tinyproxy, tls_front
from tests.support.webhook import Webhook

pytestmark = pytest.mark.system
ADDRESSES = ("TWILIO_API_URL", "GOOGLE_API_URL", "GOOGLE_TOKEN_URL", "SENTRY_DSN")


@dataclass
class Fenced:
    """A sandbox whose every provider is behind TLS, and a proxy."""

    sandbox: Sandbox
    webhook: Webhook
    proxy: Proxy
    own: Identity
    variables: dict[str, str]
    ports: dict[str, int]
    folder: Path

    def once(self, **more: str) -> Ran:
        return reconciler("once", "--do", folder=self.folder, **{**self.variables, **more})


def book(venue: Venue) -> BookingId:
    """By the real clock, for the real command."""
    now = datetime.now(UTC)
    return venue.booking(status="draft", created_at=now - timedelta(hours=2), event_date=(now + timedelta(30)).date())


@pytest.fixture
def fenced(venue: Venue, tmp_path: Path) -> Iterator[Fenced]:
    with ExitStack() as stack:
        sandbox = stack.enter_context(Sandbox(postgres=venue.postgres, database=venue.name, bookings=()))
        webhook = stack.enter_context(Webhook())
        own, proxy = identity(tmp_path), stack.enter_context(tinyproxy(tmp_path))
        fronts: dict[int, int] = {}

        def fronted(url: str) -> str:
            behind = urlsplit(url).port
            assert behind is not None
            if behind not in fronts:
                fronts[behind] = stack.enter_context(tls_front(behind, own))
            return url.replace("http://", "https://").replace(f"127.0.0.1:{behind}", f"{HOST}:{fronts[behind]}")

        plain = sandbox.environment()
        variables = {**plain, **{name: fronted(plain[name]) for name in ADDRESSES}}
        route = fronted(webhook.url).replace("https://", "jsons://") + "/hooks/t0ken"
        variables |= {"ONCALL": route, "HTTPS_PROXY": proxy.url, "REQUESTS_CA_BUNDLE": str(own.ca)}
        (tmp_path / "cron.yaml").write_text(
            "bookings: {since: 2026-01-01}\nrules: {sms.missing: {quiet_hours: off, queue_failed_resent: no}}\n"
            "reporting: {oncall: [ONCALL], page_after: 1s}\n"
        )
        variables["RECONCILER_CONFIG"] = str(tmp_path / "cron.yaml")
        ports = {name: urlsplit(variables[name]).port or 0 for name in (*ADDRESSES, "ONCALL")}
        yield Fenced(sandbox, webhook, proxy, own, variables, ports, tmp_path)


def test_d3_everything_through_a_proxy_and_a_private_ca(fenced: Fenced, venue: Venue) -> None:
    booking = book(venue)
    ran = fenced.once()
    assert (ran.err, len(fenced.sandbox.twilio.messages), len(fenced.sandbox.google.live())) == ("", 1, 1), ran.out
    assert venue.stored_event(booking)
    # Something to be told: the calendar is gone from one moment to the next.
    fenced.sandbox.google.role = "none"
    book(venue)
    ran = fenced.once()
    assert ran.code == Exit.NEEDS_A_HUMAN, ran.out + ran.err
    assert fenced.sandbox.sentry.events
    assert fenced.webhook.alerted
    assert fenced.proxy.reached() == set(fenced.ports.values())


@pytest.mark.parametrize("fault", ANSWERS.values(), ids=ANSWERS.keys())
@pytest.mark.parametrize("sink", ["sentry", "on-call", "heartbeat"])
def test_d3_a_sink_has_a_deadline_through_a_proxy_too(
    fenced: Fenced, sink: str, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, fenced.variables[name])
    monkeypatch.setattr(heartbeats, "TIMEOUT", DEADLINE)
    monkeypatch.setattr(oncall, "TIMEOUT", DEADLINE)
    dsn, route = fenced.variables["SENTRY_DSN"], fenced.variables["ONCALL"]
    hook, port = fenced.webhook, fenced.ports["ONCALL"]
    sentry = SentryNotifier(dsn=dsn, environment="test", release="r", timeout=DEADLINE)
    beats = Heartbeats({"a": f"https://{HOST}:{port}/ping"})
    calls: dict[str, tuple[Callable[[], Any], StandIn, Any, int]] = {
        "sentry": (lambda: sentry.send(PAGE), fenced.sandbox.sentry, DeliveryStatus.UNREACHABLE, urlsplit(dsn).port),
        "on-call": (lambda: OncallRoute(name="ONCALL", url=route).send(PAGE), hook, DeliveryStatus.UNREACHABLE, port),
        "heartbeat": (lambda: beats.end("a", failed=False) == "", hook, False, port),
    }
    call, stand_in, silence, asked = calls[sink]
    stand_in.faults.always("", fault)
    assert timed(call) == silence
    wait_until_closed(stand_in)
    assert asked in fenced.proxy.reached()
    stand_in.faults.clear()
    assert call() != silence, "nothing is left of the call before"


def test_an_untrusted_certificate_is_no_connection(fenced: Fenced, venue: Venue) -> None:
    book(venue)
    fenced.variables.pop("REQUESTS_CA_BUNDLE")
    ran = fenced.once()
    assert (fenced.sandbox.twilio.messages, fenced.sandbox.google.live()) == ([], [])
    assert "Traceback" not in ran.out + ran.err
    assert "no_connection" in ran.out


def test_a_proxy_that_is_away_is_no_connection(fenced: Fenced, venue: Venue) -> None:
    book(venue)
    ran = fenced.once(HTTPS_PROXY="http://127.0.0.1:9")
    assert (fenced.sandbox.twilio.messages, fenced.sandbox.google.live()) == ([], [])
    assert "Traceback" not in ran.out + ran.err
    assert "no_connection" in ran.out


def test_no_proxy_names_what_goes_directly(fenced: Fenced, venue: Venue) -> None:
    book(venue)
    ran = fenced.once(NO_PROXY=HOST)
    assert (ran.err, len(fenced.sandbox.twilio.messages), len(fenced.sandbox.google.live())) == ("", 1, 1), ran.out
    assert fenced.proxy.reached() == set()
