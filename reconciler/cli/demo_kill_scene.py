"""The demo's fourth scene: the real command is killed between Twilio's answer and our ledger, and restarted."""

import os
import subprocess
import sys
import time

from reconciler.cli.once import run_jobs
from reconciler.cli.output import console
from reconciler.engine.jobs import available
from reconciler.ports import Mandate
from reconciler.sandbox.demo.bookings import one_more
from reconciler.sandbox.demo.fixtures import DemoBooking
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.world import HURRIED_SETTLE, Sandbox
from reconciler.settings import load
from reconciler.wiring import assembly

_COMMAND = (sys.executable, "-c", "from reconciler.cli.main import main; main()", "once", "--do")
_USUAL = ("PATH", "HOME", "TMPDIR", "LANG", "TZ", "PYTHONPATH", "VIRTUAL_ENV")
_STARTING = 60
"""Seconds that a busy machine may take to start Python and scan the bookings."""


def scene(sandbox: Sandbox) -> None:
    """Add a booking. Twilio accepts its text from a process that is killed before it reads the answer."""
    out = console()
    maya = one_more(sandbox.began)
    name = str(maya.row["customer_first_name"])
    out.print(
        f"[bold]4 KILL[/]    kill -9 after Twilio accepted a text, before we recorded it (an extra booking, {name})",
        soft_wrap=True,
    )
    sandbox.hurry()
    sandbox.add(maya)
    sandbox.twilio.faults.next_calls("messages.create", Fault(kind=Misbehaviour.SLOW, seconds=_STARTING))
    _kill_once_accepted(sandbox, maya)
    seen = [_pass_after_waiting(sandbox, maya), _pass_after_waiting(sandbox, maya)]
    (was, _, _), (is_now, code, sid) = seen
    texts = sum(maya.reference in message.body for message in sandbox.twilio.messages)
    out.print(f"  restarted: {was} -> asked Twilio -> {code} {(sid or '')[:4]}.. -> {is_now}", markup=False)
    out.print(f"  texts on {name}'s phone: {texts}\n", markup=False)


def _kill_once_accepted(sandbox: Sandbox, booking: DemoBooking) -> None:
    """Run ``once --do`` as a process of its own, and SIGKILL it when Twilio has the text."""
    # An operator's own variables, such as a kill switch, must not reach the sandbox.
    usual = {name: os.environ[name] for name in _USUAL if name in os.environ}
    child = subprocess.Popen(  # noqa: S603 - our own command
        _COMMAND, env={**usual, **sandbox.environment()}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        ends_at = time.monotonic() + _STARTING
        while child.poll() is None and time.monotonic() < ends_at:
            if any(booking.reference in message.body for message in sandbox.twilio.messages):
                break
            time.sleep(0.01)
    finally:
        child.kill()
        child.wait()


def _pass_after_waiting(sandbox: Sandbox, booking: DemoBooking) -> tuple[str, str, str | None]:
    """Wait for the lease or the settling time to pass, then run a pass. Returns state, code and SID of the text."""
    time.sleep(HURRIED_SETTLE.total_seconds())
    settings = load(sandbox.cron_yaml, sandbox.environment())
    with assembly.services(settings, Mandate(act=True)) as services:
        run_jobs(available(), services)
    query = "SELECT state, code, provider_id FROM reconciler.intent WHERE effect = 'sms' AND booking = %s"
    ((state, code, sid),) = sandbox.rows(query, booking.id)
    return state, code, sid
