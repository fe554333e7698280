"""Provider faults by name: for one call of Twilio or Google, or for every list that Twilio returns."""

from datetime import timedelta

from hypothesis import strategies as st

from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.fakes.google import google_error
from reconciler.sandbox.fakes.twilio_messages import twilio_error
from reconciler.sandbox.world import Sandbox

ProviderFault = tuple[str, str, str] | None
"""Which provider misbehaves, at which call (or, for lists, how), and the name of the fault."""
TIMEOUTS = "timeouts: {twilio: 100ms, google: 100ms}"
LONGER = 0.15
"""Seconds: longer than we wait for a provider."""

TWILIO_READS = ["messages.list", "messages.list", "account.fetch"]
GOOGLE_REST = ["events.get", "events.get", "events.list", "events.delete", "events.delete"]
BOTH_KINDS = {
    "takes effect, and the answer is lost": Fault(kind=Misbehaviour.LOSE),
    "takes effect, and says 503": Fault(kind=Misbehaviour.FAIL_AFTER),
    "takes effect, and says nothing": Fault(kind=Misbehaviour.EMPTY),
    "takes effect, and is slow": Fault(kind=Misbehaviour.SLOW, seconds=LONGER),
    "drops the connection": Fault(kind=Misbehaviour.DROP),
    "hangs": Fault(kind=Misbehaviour.HANG, seconds=LONGER),
    "a proxy's page, 503": Fault(kind=Misbehaviour.HTML),
    "a proxy's page, 200": Fault(kind=Misbehaviour.HTML, status=200),
}
TWILIO = BOTH_KINDS | {
    "429": Fault(kind=Misbehaviour.STATUS, status=429, body=twilio_error(429, 20429)),
    "401": Fault(kind=Misbehaviour.STATUS, status=401, body=twilio_error(401, 20003)),
    "500": Fault(kind=Misbehaviour.STATUS, status=500, body=twilio_error(500, 20500)),
    "a country switched off": Fault(kind=Misbehaviour.STATUS, status=400, body=twilio_error(400, 21408)),
    "STOP": Fault(kind=Misbehaviour.STATUS, status=400, body=twilio_error(400, 21610)),
    "no such number": Fault(kind=Misbehaviour.STATUS, status=400, body=twilio_error(400, 21211)),
}
GOOGLE = BOTH_KINDS | {
    "429": Fault(kind=Misbehaviour.STATUS, status=403, body=google_error(403, "rateLimitExceeded")),
    "403": Fault(kind=Misbehaviour.STATUS, status=403, body=google_error(403, "forbidden")),
    "500": Fault(kind=Misbehaviour.STATUS, status=500, body=google_error(500, "backendError")),
    "400": Fault(kind=Misbehaviour.STATUS, status=400, body=google_error(400, "invalid")),
    "409": Fault(kind=Misbehaviour.STATUS, status=409, body=google_error(409, "conflict")),
}
PROVIDER_FAULTS = st.one_of(
    st.none(),
    st.tuples(st.just("twilio"), st.sampled_from(["messages.create"] * 4 + TWILIO_READS), st.sampled_from([*TWILIO])),
    st.tuples(st.just("lists"), st.sampled_from(["lag", "redact", "are right"]), st.just("")),
    st.tuples(st.just("google"), st.sampled_from(["events.insert"] * 4 + GOOGLE_REST), st.sampled_from([*GOOGLE])),
)


def inject_fault(fault: ProviderFault, sandbox: Sandbox) -> None:
    """Lists lag by less than the time to settle."""
    match fault:
        case ("twilio", call, name):
            sandbox.twilio.faults.next_calls(call, TWILIO[name])
        case ("google", call, name):
            sandbox.google.faults.next_calls(call, GOOGLE[name])
        case ("lists", how, _):
            sandbox.twilio.list_lag, sandbox.twilio.redacts = timedelta(minutes=2 * (how == "lag")), how == "redact"


def clear_provider_faults(sandbox: Sandbox) -> None:
    """From now on."""
    sandbox.twilio.faults.clear()
    sandbox.google.faults.clear()
    inject_fault(("lists", "are right", ""), sandbox)
