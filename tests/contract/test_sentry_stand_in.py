"""The Sentry stand-in, told by the real SDK: what goes out is what it keeps."""

import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import sentry_sdk
from sentry_sdk import logger, metrics
from sentry_sdk.crons import MonitorStatus, capture_checkin

from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.fakes.sentry import SentryStandIn


@pytest.fixture
def sentry() -> Iterator[SentryStandIn]:
    with SentryStandIn() as stand_in:
        yield stand_in


@contextmanager
def reporting(dsn: str, **options: Any) -> Iterator[sentry_sdk.Client]:
    """A client of its own for what runs inside; everything is sent when it ends."""
    client = sentry_sdk.Client(dsn=dsn, default_integrations=False, auto_enabling_integrations=False, **options)
    with sentry_sdk.isolation_scope(), sentry_sdk.new_scope() as scope:
        scope.set_client(client)
        yield client
    client.close(timeout=5)


def test_an_event(sentry: SentryStandIn) -> None:
    with reporting(sentry.dsn, environment="test"), sentry_sdk.new_scope() as scope:
        scope.set_tag("kind", "sms.missing")
        scope.set_context("bookings", {"first": ["line\nbreak", "émoji 🎉"]})
        event_id = sentry_sdk.capture_message("3 gaps", level="warning")

    (event,) = sentry.events
    assert event["event_id"] == event_id
    assert (event["message"], event["level"], event["environment"]) == ("3 gaps", "warning", "test")
    assert event["tags"] == {"kind": "sms.missing"}
    assert event["contexts"]["bookings"] == {"first": ["line\nbreak", "émoji 🎉"]}
    assert sentry.check_ins == []


def test_check_ins(sentry: SentryStandIn) -> None:
    config: Any = {"schedule": {"type": "crontab", "value": "*/15 * * * *"}, "timezone": "Etc/UTC"}
    with reporting(sentry.dsn):
        began = capture_checkin(monitor_slug="missing-sms", status=MonitorStatus.IN_PROGRESS, monitor_config=config)
        capture_checkin(monitor_slug="missing-sms", status=MonitorStatus.OK, check_in_id=began, duration=1.5)

    first, last = sentry.check_ins
    assert (first["status"], first["monitor_slug"], first["check_in_id"]) == ("in_progress", "missing-sms", began)
    assert first["monitor_config"]["schedule"] == {"type": "crontab", "value": "*/15 * * * *"}
    assert (last["status"], last["check_in_id"], last["duration"]) == ("ok", began, 1.5)
    assert sentry.events == []


def test_metrics_and_logs_are_kept_under_their_types(sentry: SentryStandIn) -> None:
    with reporting(sentry.dsn, enable_logs=True):
        metrics.gauge("gaps.open", 3)
        logger.warning("gap {n}", n=3)

    assert {"trace_metric", "log"} <= {item.type for item in sentry.items}
    assert sentry.events == []


def test_what_was_received_is_kept_to_be_searched(sentry: SentryStandIn) -> None:
    with reporting(sentry.dsn):
        sentry_sdk.capture_message("a needle")

    assert any("a needle" in envelope for envelope in sentry.raw)


def test_each_event_is_a_write(sentry: SentryStandIn) -> None:
    with reporting(sentry.dsn):
        for number in range(3):
            sentry_sdk.capture_message(f"{number}")

    assert [event["message"] for event in sentry.events] == ["0", "1", "2"]
    assert sentry.writes == 3


@pytest.mark.parametrize("level", [0, 9])
def test_plain_and_compressed(sentry: SentryStandIn, level: int) -> None:
    with reporting(sentry.dsn, _experiments={"transport_compression_level": level}):
        sentry_sdk.capture_message("hello " * 200)

    assert [event["message"] for event in sentry.events] == ["hello " * 200]


# By hand, as Sentry's developer documentation draws an envelope


def post(
    sentry: SentryStandIn, body: bytes, project: str = "42", key: str | None = None, encoding: str = "identity"
) -> requests.Response:
    public_key = sentry.dsn.removeprefix("http://").partition("@")[0] if key is None else key
    auth = f"Sentry sentry_key={public_key}, sentry_version=7"
    headers = {"X-Sentry-Auth": auth, "Content-Encoding": encoding}
    return requests.post(f"{sentry.url}/api/{project}/envelope/", data=body, headers=headers, timeout=2)


def test_the_answer_names_the_event(sentry: SentryStandIn) -> None:
    answer = post(sentry, b'{"event_id": "9ec79c33ec9942ab8353589fcb2e04dc"}\n{"type": "event"}\n{"message": "a"}\n')

    assert (answer.status_code, answer.json()) == (200, {"id": "9ec79c33ec9942ab8353589fcb2e04dc"})
    assert sentry.events == [{"message": "a"}]


def test_a_payload_is_as_long_as_its_header_says(sentry: SentryStandIn) -> None:
    attachment = b'two\n{"type": "event"}\n{"message": "not one"}'
    header = b'{"type": "attachment", "length": %d}' % len(attachment)
    post(sentry, b"\n".join([b"{}", header, attachment, b'{"type": "event"}', b'{"message": "one"}']))

    assert [item.type for item in sentry.items] == ["attachment", "event"]
    assert sentry.events == [{"message": "one"}]


@pytest.mark.parametrize("encoding", ["deflate", "br"])
def test_the_less_usual_encodings(sentry: SentryStandIn, encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK uses Brotli where that package happens to be; here another algorithm stands in for it."""
    monkeypatch.setitem(sys.modules, "brotli", SimpleNamespace(decompress=zlib.decompress))

    assert post(sentry, zlib.compress(b'{}\n{"type": "event"}\n{"message": "a"}'), encoding=encoding).ok
    assert sentry.events == [{"message": "a"}]


@pytest.mark.parametrize(
    ("project", "key", "status"), [("43", None, 404), ("42", "somebody-elses", 403), ("42", "", 403)]
)
def test_only_its_own_project_and_key(sentry: SentryStandIn, project: str, key: str | None, status: int) -> None:
    assert post(sentry, b'{}\n{"type": "event"}\n{}', project, key).status_code == status
    assert (sentry.items, sentry.raw, sentry.writes) == ([], [], 0)


def test_it_can_refuse_as_sentry_does(sentry: SentryStandIn) -> None:
    limit = (("X-Sentry-Rate-Limits", "60:error:project"),)
    sentry.faults.next_calls("envelope", Fault(kind=Misbehaviour.STATUS, status=429, headers=limit))
    with reporting(sentry.dsn) as client:
        sentry_sdk.capture_message("refused")
        client.flush(timeout=5)
        sentry_sdk.capture_message("not even sent: the limit lasts a minute")
        capture_checkin(monitor_slug="missing-sms", status=MonitorStatus.OK)

    assert sentry.events == []
    assert len(sentry.check_ins) == 1


def test_every_answer_says_what_it_is(sentry: SentryStandIn) -> None:
    assert post(sentry, b"{}\n").headers["X-Reconciler-Sandbox"] == "stand-in"
