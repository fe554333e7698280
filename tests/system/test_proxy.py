"""What leaves goes through the environment's proxy and trusts its CA: Twilio, Google, Sentry, on-call (D3)."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from reconciler.domain.bookings import BookingId
from reconciler.errors import Exit
from reconciler.sandbox.world import Sandbox
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
            "reporting: {oncall: [ONCALL]}\n"
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
    assert fenced.proxy.reached() >= {fenced.ports[name] for name in ADDRESSES}


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
