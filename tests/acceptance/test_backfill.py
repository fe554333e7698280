"""``reconciler backfill`` as a person runs it the morning after: plan, refusal, repair, interruption."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.errors import Exit
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from tests.support.application_db import Venue
from tests.support.morning import Morning, morning_after

SINCE = "2026-01-01"
STALE = ("--stale-after", "72h")


@pytest.fixture
def morning(venue: Venue, tmp_path: Path) -> Iterator[Morning]:
    with morning_after(venue, tmp_path) as morning:
        yield morning


def test_plan_refusal_and_repair(morning: Morning) -> None:
    for number in range(3):
        morning.booking(number, past=True, days=20)
    for number in range(3, 5):
        morning.booking(number, days=5)
    for number in range(5, 7):
        morning.booking(number, days=1)
    plan = [
        "texts    7 gaps: 3 past, 2 due more than 72h ago, 2 possible   (--stale-after 7d: 2 more)",
        "         2 texts to 2 people (2 segments), about 1 min at 1/s",
        "events   7 gaps: 3 past, 4 possible, about 1 min at 5/s",
    ]
    refusal = [
        "REFUSED  texts: 2 new repairs, 7 bookings checked, 1 allowed; nothing was done, 2 held",
        f"      to continue for one run: reconciler backfill --only sms --since {SINCE} --stale-after 72h --do --max 2",
    ]
    before = morning.venue.checksum()
    looked = morning.run("backfill", "--since", SINCE, *STALE)
    assert (looked.code, looked.out.splitlines()) == (Exit.REFUSED_AS_UNSAFE, plan + refusal)
    assert (morning.venue.checksum(), morning.sandbox.writes()) == (before, {"Twilio": 0, "Google": 0})

    refused = morning.run("backfill", "--since", SINCE, *STALE, "--do")
    assert refused.out.splitlines() == [
        *plan,
        "events repaired: 4 created",
        "texts left: 2 due more than 72h ago, 2 possible",
        "events left: none",
        *refusal,
    ]
    assert (refused.code, morning.sandbox.writes()) == (Exit.REFUSED_AS_UNSAFE, {"Twilio": 0, "Google": 4})
    assert "events: 4 of 4, 4 repaired" in refused.err

    to_copy = refusal[1].partition("reconciler ")[2].split()
    copied = morning.run(*to_copy)
    assert copied.out.splitlines()[-2:] == ["texts repaired: 2 sent", "texts left: 2 due more than 72h ago"]
    assert (copied.code, len(morning.sandbox.twilio.messages)) == (Exit.NEEDS_A_HUMAN, 2)

    wider = morning.run(*to_copy, "--stale-after", "7d", "--limit", "1")
    assert "the oldest 1 (--limit 1): 1 text to 1 person" in wider.out
    assert wider.out.splitlines()[-2:] == ["texts left: 1 possible", "run it again: 1 text at once"]
    assert (wider.code, len(morning.sandbox.twilio.messages)) == (Exit.WORK_LEFT, 3)
    assert morning.run(*to_copy, "--stale-after", "7d").code == Exit.AS_DESIRED
    assert morning.run("backfill", "--since", SINCE).code == Exit.AS_DESIRED, "what is past is nobody's work"


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_it_finishes_the_call_in_hand(morning: Morning, signum: signal.Signals) -> None:
    (morning.folder / "cron.yaml").write_text("rules: {sms.missing: {quiet_hours: off, queue_failed_resent: no}}\n")
    for number in range(3):
        morning.booking(number, days=1)
    morning.sandbox.twilio.faults.always("messages.create", Fault(kind=Misbehaviour.SLOW, seconds=1))
    child = morning.start("backfill", "--since", SINCE, "--do")
    while not morning.sandbox.twilio.messages:
        assert child.poll() is None, child.communicate()
        time.sleep(0.01)
    for _ in range(2):
        child.send_signal(signum)
        time.sleep(0.1)
    out, err = child.communicate(timeout=30)
    assert (child.returncode, "Traceback" in err) == (128 + signum, False), err
    assert out.splitlines()[-4:] == [
        "texts repaired: 1 sent",
        "texts left: 2 possible",
        "events left: 3 possible",
        "run it again: 2 texts at once · 3 events at once",
    ]
    states = morning.venue.sql("SELECT state, count(*)::int FROM reconciler.intent GROUP BY state")
    assert (states, morning.sandbox.writes()) == ([("done", 1)], {"Twilio": 1, "Google": 0})
