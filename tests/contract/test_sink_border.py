"""Whatever a sink answers, its client returns a status. Nothing is raised or followed, and nothing is read for ever."""

import json
import resource
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from io import StringIO

import pytest

from reconciler.domain.alerting.alerts import CheckIn, DeliveryStatus
from reconciler.reporting import logs
from reconciler.reporting.border import guarded
from reconciler.reporting.heartbeats import Heartbeats
from reconciler.reporting.oncall import OncallRoute
from reconciler.reporting.sentry.issues import IssueResolver
from reconciler.reporting.sentry.notifier import UNEXPECTED, SentryNotifier
from reconciler.reporting.sink_call import LONGEST_BODY, call_sink
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.fakes.sentry import SentryStandIn
from tests.contract.test_oncall import PAGE
from tests.contract.test_sentry_notifier import ALERT, DRILL
from tests.support.webhook import Webhook

ACCEPTED, UNREADABLE = DeliveryStatus.ACCEPTED, DeliveryStatus.UNREADABLE
CHECK_IN = CheckIn(monitor="reconciler", ok=True, every=timedelta(minutes=5))


def answer(status: int, body: str = "", *headers: tuple[str, str]) -> Fault:
    return Fault(kind=Misbehaviour.STATUS, status=status, body=body, headers=headers)


NONSENSE = {
    "d4 nested 100,000 deep": answer(200, "[" * 100_000),
    "d4 nested as deep as is read": answer(200, '{"id":' * 10_000),
    "d4 400 digits": answer(429, "", ("X-Sentry-Rate-Limits", f"{'9' * 400}:error:key")),
    "400 digits to wait": answer(429, "", ("Retry-After", "9" * 400)),
    "5,000 digits to wait": answer(429, "", ("X-Sentry-Rate-Limits", f"{'9' * 5000}:monitor;error")),
    "a date far off": answer(429, "", ("Retry-After", "Fri, 31 Dec 99999 23:59:59 GMT")),
    "a number of 5,000 digits": answer(200, f'{{"id": {"9" * 5000}}}'),
    "a number beyond all floats": answer(200, '{"id": 1e999999}'),
    "an id of another shape": answer(200, '{"id": {"id": [null]}}'),
    "a list": answer(200, "[1, 2]"),
    "a word": answer(200, '"accepted"'),
    "nothing": answer(200),
    "no content": answer(204),
    "no gzip": answer(200, "no gzip at all", ("Content-Encoding", "gzip")),
    "an encoding of no name": answer(200, "x", ("Content-Encoding", "klingon, gzip, br")),
    "a redirect that is no URL": answer(302, "", ("Location", "http://[::1")),
    "a redirect in latin-1": answer(308, "", ("Location", "/\xff\xfe")),
    "cookies": answer(200, "", ("Set-Cookie", "a=" + ";" * 5000 + "expires=99999")),
    "1,000 headers": answer(200, "{}", *[(f"X-{number}", "y") for number in range(1000)]),
    "no status of HTTP": answer(999, "?"),
    "closed": Fault(kind=Misbehaviour.DROP),
    "reset": Fault(kind=Misbehaviour.LOSE),
    "endless": Fault(kind=Misbehaviour.ENDLESS, status=200),
}


@pytest.fixture
def sentry() -> Iterator[SentryStandIn]:
    with SentryStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook() as stand_in:
        yield stand_in


def notifier(sentry: SentryStandIn, **given: str) -> SentryNotifier:
    issues = IssueResolver(url=sentry.url, organization=sentry.organization, token="t", timeout=timedelta(seconds=2))
    return SentryNotifier(given.get("dsn", sentry.dsn), "venue", "r@1", issues, timeout=timedelta(seconds=2))


@pytest.mark.parametrize("fault", NONSENSE.values(), ids=NONSENSE.keys())
def test_d4_sentry_that_answers_nonsense(sentry: SentryStandIn, fault: Fault) -> None:
    sentry.faults.always("", fault)
    ours = notifier(sentry)

    assert ours.send(ALERT) is not ACCEPTED
    assert ours.send_test_event(DRILL) is not ACCEPTED
    assert isinstance(ours.check_in(CHECK_IN), bool)
    assert isinstance(ours.check(), str)
    assert ours.issues is not None
    assert ours.issues.resolve(ALERT.id) is False


@pytest.mark.parametrize("fault", NONSENSE.values(), ids=NONSENSE.keys())
def test_a_switch_that_answers_nonsense(webhook: Webhook, fault: Fault) -> None:
    webhook.faults.always("", fault)
    for path in ("/ping/0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f", "/api/push/token", "/any"):
        beats = Heartbeats({"a": f"{webhook.url}{path}"})
        assert all(
            isinstance(code, str) for code in (beats.start("a"), beats.end("a", failed=False), beats.try_out("a"))
        )


@pytest.mark.parametrize("name", NONSENSE)
def test_a_route_that_answers_nonsense(webhook: Webhook, name: str) -> None:
    webhook.faults.always("", NONSENSE[name])
    route = OncallRoute(name="PAGER_URL", url=webhook.route)

    assert route.send(PAGE) is (
        ACCEPTED if NONSENSE[name].status in (200, 204) and takes(name) else DeliveryStatus.UNREACHABLE
    )
    assert isinstance(route.send_test(DRILL), DeliveryStatus)


def takes(name: str) -> bool:
    """A webhook's answer is its status: apprise reads no body. What is no HTTP is no answer."""
    return name not in ("no gzip", "1,000 headers", "endless")


# Sentry's kin: what counts as accepted


def test_an_empty_200_of_a_server_that_tells_keys_apart_is_accepted(sentry: SentryStandIn) -> None:
    """As Bugsink and older GlitchTip answer."""
    sentry.faults.always("envelope", Fault(kind=Misbehaviour.EMPTY))
    ours = notifier(sentry)

    assert [ours.send(ALERT), ours.send(replace(ALERT, id="5a4f" * 8))] == [ACCEPTED] * 2
    assert (ours.check(), ours.check_in(CHECK_IN)) == ("", True)
    assert len(sentry.events) == 2
    assert sentry.asked["envelope"] == 5, "one control for all"


def test_an_empty_200_of_a_server_that_takes_any_key_is_not(sentry: SentryStandIn) -> None:
    sentry.faults.always("envelope", answer(200))
    ours = notifier(sentry)

    assert ours.send(ALERT) is UNREADABLE
    assert ours.check() == "not_sentry"


@pytest.mark.parametrize("body", ['{"id": null}', "{}", '{"id": "another"}', "OK", "<html>login</html>"])
def test_an_answer_that_does_not_name_the_event_needs_the_control(sentry: SentryStandIn, body: str) -> None:
    refused = answer(403)
    sentry.faults.next_calls("envelope", answer(200, body), refused)
    assert notifier(sentry).send(ALERT) is ACCEPTED

    sentry.faults.next_calls("envelope", answer(200, body), answer(200, body))
    assert notifier(sentry).send(ALERT) is UNREADABLE


def test_a_control_that_fails_proves_nothing_and_is_asked_again(sentry: SentryStandIn) -> None:
    sentry.faults.next_calls("envelope", answer(200), answer(503), answer(200), answer(401))
    ours = notifier(sentry)

    assert [ours.send(ALERT), ours.send(ALERT)] == [UNREADABLE, ACCEPTED]


def test_the_control_never_carries_our_key_or_an_alert(sentry: SentryStandIn) -> None:
    sentry.faults.next_calls("envelope", Fault(kind=Misbehaviour.EMPTY))
    notifier(sentry).send(ALERT)

    assert (sentry.asked["envelope"], len(sentry.items)) == (2, 1)


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed_with_a_secret(sentry: SentryStandIn, webhook: Webhook, status: int) -> None:
    """``webhook`` is another host: whatever arrives there has left with a key, a token or a message."""
    elsewhere = answer(status, "", ("Location", f"{webhook.url}/stolen"))
    sentry.faults.always("", elsewhere)
    ours = notifier(sentry)
    assert ours.send(ALERT) is DeliveryStatus.UNREACHABLE
    assert ours.issues is not None
    assert ours.issues.resolve(ALERT.id) is False

    json_route = sentry.url.replace("http://", "json://user:secret@") + "/hook"
    for asked in ("", "?redirect=yes"):
        assert OncallRoute(name="PAGER_URL", url=json_route + asked).send(PAGE) is DeliveryStatus.UNREACHABLE
    assert Heartbeats({"a": f"{sentry.url}/beat"}).end("a", failed=False) == f"http:{status}"
    assert webhook.paths == []


def test_a_netrc_does_not_replace_our_token(
    sentry: SentryStandIn, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    netrc = tmp_path_factory.mktemp("home") / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    ours = notifier(sentry)
    ours.send(ALERT)
    issues = IssueResolver(url=sentry.url, organization=sentry.organization, token=sentry.token)

    assert issues.resolve(ALERT.id) is True


# Bounds


def test_an_endless_body_is_left_after_64_kib(sentry: SentryStandIn) -> None:
    sentry.faults.always("", Fault(kind=Misbehaviour.ENDLESS, status=200))
    tracemalloc.start()
    came = call_sink("POST", sentry.url, limit=timedelta(seconds=5))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert (came.status, came.body) == (200, None)
    assert peak < 40 * LONGEST_BODY  # the stand-in pours from this process too


def test_an_endless_body_of_a_route_is_left_after_a_mebibyte(webhook: Webhook) -> None:
    """Long before its deadline of 20 s."""
    webhook.faults.always("", Fault(kind=Misbehaviour.ENDLESS, status=200))
    began = time.monotonic()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert OncallRoute(name="PAGER_URL", url=webhook.route).send(PAGE) is DeliveryStatus.UNREACHABLE
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before

    assert time.monotonic() - began < 10
    assert grown < 100 * 1024, "KiB"


@pytest.mark.parametrize("limit", ["61", "604800", "86401"])
def test_whatever_sentry_asks_for_it_is_asked_again_within_a_day(sentry: SentryStandIn, limit: str) -> None:
    sentry.faults.next_calls("envelope", answer(429, "", ("X-Sentry-Rate-Limits", f"{limit}:error:key, 7:unknown:x")))
    ours = notifier(sentry)
    ours.send(ALERT)

    kept = ours._transport._quiet_until
    assert kept.keys() == {"error"}, "limits of what we never send are not kept"


def test_a_limit_that_cannot_be_read_is_a_minute_for_everything(sentry: SentryStandIn) -> None:
    sentry.faults.next_calls(
        "envelope", answer(429, "", ("X-Sentry-Rate-Limits", f"soon:error, ,:, -1:error, {'9' * 400}:error"))
    )
    ours = notifier(sentry)

    assert ours.send(ALERT) is DeliveryStatus.UNREACHABLE
    assert ours.check() == "rate_limited"


# The unexpected


@pytest.mark.parametrize("dsn", ["https://key@host/" + "9" * 5000, "https://key@/42", "nonsense"])
def test_a_dsn_that_the_sdk_does_not_take_raises_nothing(sentry: SentryStandIn, dsn: str) -> None:
    ours = notifier(sentry, dsn=dsn)

    assert ours.send(ALERT) is DeliveryStatus.UNKNOWN
    assert (ours.check(), ours.check_in(CHECK_IN)) == (UNEXPECTED, False)


@pytest.mark.parametrize("error", [RecursionError, OverflowError, KeyError, RuntimeError("can't start new thread")])
def test_the_unexpected_is_unknown_and_its_place_is_logged(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    def call() -> str:
        raise error

    assert guarded("sentry", call, "unknown") == "unknown"
    assert "sink_unknown" in capsys.readouterr().out


def test_an_event_that_the_sdk_drops_has_not_the_answer_of_the_one_before(sentry: SentryStandIn) -> None:
    ours = notifier(sentry)
    assert ours.send(ALERT) is ACCEPTED
    ours._client.options["before_send"] = lambda *_: None

    assert ours.send(replace(ALERT, id="5a4f" * 8)) is DeliveryStatus.UNKNOWN


def test_what_is_json_and_what_is_not(sentry: SentryStandIn) -> None:
    def read(body: str) -> object:
        sentry.faults.next_calls("", answer(200, body))
        return call_sink("GET", sentry.url, limit=timedelta(seconds=2)).data()

    assert read(json.dumps({"a": 1})) == {"a": 1}
    assert [read(body) for body in ("", "{", "[" * 60_000, "\x00", "9" * 5000)] == [None] * 5


def test_a_header_that_urllib3_cannot_read_shows_no_url(webhook: Webhook) -> None:
    """It quotes the whole URL in a warning: for a heartbeat that is the secret."""
    said = StringIO()
    logs.set_up(stream=said)
    webhook.faults.always("", answer(200, "", (" : odd", "y"), ("X-Broken\x00", "z")))
    for path in ("/ping/s3cr3t", "/api/push/s3cr3t"):
        Heartbeats({"a": f"{webhook.url}{path}"}).end("a", failed=True)
        Heartbeats({"a": f"{webhook.url}{path}"}).end("a", failed=False)

    assert webhook.asked["hook"] >= 3
    assert "s3cr3t" not in said.getvalue()
