"""No secret, not even eight characters of one, in anything that the doctor or the job says, whatever is wrong."""

from collections.abc import Callable

import pytest

from reconciler.errors import Exit
from reconciler.sandbox.fakes.faults import Fault, Misbehaviour
from reconciler.sandbox.fakes.google_tokens import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN
from tests.support.doctor_runner import DoctorRunner
from tests.support.sandbox_world import World

PART = 8
PASSWORD = "Tr0ub4dor-and-3-horses"
WRONG = {
    "TWILIO_AUTH_TOKEN": "9f86d081884c7d659a2feaa0c55ad015",
    "GOOGLE_CLIENT_SECRET": "GOCSPX-k2Zq8bWm4nVt7yRp",
    "GOOGLE_REFRESH_TOKEN": "1//0gXqYw7TnPm5kLs9RvBd3",
}
CONSENT = {
    "GOOGLE_SERVICE_ACCOUNT_KEY": "",
    "GOOGLE_CLIENT_ID": CLIENT_ID,
    "GOOGLE_CLIENT_SECRET": CLIENT_SECRET,
    "GOOGLE_REFRESH_TOKEN": REFRESH_TOKEN,
}
HTML = Fault(kind=Misbehaviour.HTML, status=502)
Deed = Callable[[World], object]


@pytest.fixture
def runner(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> DoctorRunner:
    world.environment["DATABASE_URL"] = world.venue.url().replace(
        "://reconciler_job@", f"://reconciler_job:{PASSWORD}@"
    )
    world.venue.booking()
    return DoctorRunner(world, monkeypatch, capsys)


def secrets(runner: DoctorRunner) -> list[str]:
    """Every secret that is set, right or wrong."""
    given = runner.world.sandbox.environment() | runner.world.environment
    names = ("TWILIO_AUTH_TOKEN", "GOOGLE_CLIENT_SECRET", "GOOGLE_REFRESH_TOKEN")
    found = [PASSWORD, *(given[name] for name in names if given.get(name))]
    key = runner.world.sandbox.google.service_account_info()
    if given["GOOGLE_SERVICE_ACCOUNT_KEY"]:
        found += [key["private_key_id"], key["private_key"].split("-----")[2]]
    return [*found, given["SENTRY_DSN"].partition("://")[2]]


def leaked(everything: str, secret: str) -> list[str]:
    """Parts of it that stand there."""
    flat = secret.replace("\n", "")
    parts = {flat[at : at + PART] for at in range(len(flat) - PART + 1)}
    return sorted(part for part in parts if part in everything and part.strip("/0123456789.:@"))


def set_(**values: str) -> Deed:
    return lambda world: world.environment.update(values)


SITUATIONS: dict[str, tuple[Deed, Exit]] = {
    "all is well": (lambda _: None, Exit.AS_DESIRED),
    "by a person's consent": (set_(**CONSENT), Exit.AS_DESIRED),
    "a wrong Twilio token": (set_(TWILIO_AUTH_TOKEN=WRONG["TWILIO_AUTH_TOKEN"]), Exit.NEEDS_A_HUMAN),
    "a wrong client's secret": (
        set_(**CONSENT | {"GOOGLE_CLIENT_SECRET": WRONG["GOOGLE_CLIENT_SECRET"]}),
        Exit.NEEDS_A_HUMAN,
    ),
    "a wrong refresh token": (
        set_(**CONSENT | {"GOOGLE_REFRESH_TOKEN": WRONG["GOOGLE_REFRESH_TOKEN"]}),
        Exit.NEEDS_A_HUMAN,
    ),
    "a key that is cut short": (
        lambda world: world.environment.update(
            GOOGLE_SERVICE_ACCOUNT_KEY=world.sandbox.environment()["GOOGLE_SERVICE_ACCOUNT_KEY"][:900]
        ),
        Exit.NEEDS_A_HUMAN,
    ),
    "a bare private key": (
        lambda world: world.environment.update(
            GOOGLE_SERVICE_ACCOUNT_KEY=world.sandbox.google.service_account_info()["private_key"]
        ),
        Exit.NEEDS_A_HUMAN,
    ),
    "a refresh token that is an access token": (
        set_(**CONSENT | {"GOOGLE_REFRESH_TOKEN": "ya29.a0AfH6SMBx7Kq"}),
        Exit.NEEDS_A_HUMAN,
    ),
    "a password that ends the URL": (
        lambda world: world.environment.update(DATABASE_URL=f"postgresql://job:{PASSWORD}@[::1/venue"),
        Exit.CONFIGURATION,
    ),
    "a DSN that is none": (set_(SENTRY_DSN="https://5a4d5a4d5a4d5a4d@sentry.example/4two"), Exit.CONFIGURATION),
    "no database": (
        lambda world: world.environment.update(DATABASE_URL=f"postgresql://job:{PASSWORD}@127.0.0.1:1/venue"),
        Exit.WORK_LEFT,
    ),
    "no such role": (
        lambda world: world.environment.update(
            DATABASE_URL=world.environment["DATABASE_URL"].replace("reconciler_job", "nobody")
        ),
        Exit.NEEDS_A_HUMAN,
    ),
    "proxies everywhere": (
        lambda world: [
            stand_in.faults.always("", HTML)
            for stand_in in (world.sandbox.twilio, world.sandbox.google, world.sandbox.sentry)
        ],
        Exit.WORK_LEFT,
    ),
    "everything refused": (
        lambda world: [
            stand_in.faults.always("", Fault(kind=Misbehaviour.STATUS, status=403))
            for stand_in in (world.sandbox.twilio, world.sandbox.google, world.sandbox.sentry)
        ],
        Exit.NEEDS_A_HUMAN,
    ),
}


OFTEN = ("by a person's consent", "a key that is cut short", "a password that ends the URL", "everything refused")


@pytest.mark.parametrize(
    ("deed", "code"),
    [
        pytest.param(*situation, id=name, marks=[] if name in OFTEN else [pytest.mark.long])
        for name, situation in SITUATIONS.items()
    ],
)
def test_nothing_secret_in_what_is_said(runner: DoctorRunner, deed: Deed, code: Exit) -> None:
    deed(runner.world)
    said = [runner.doctor(*form) for form in ((), ("--json",))]
    assert [one.code for one in said] == [code, code]
    said.append(runner.command("once", "integrations", "--do"))
    everything = "".join(one.out + one.err for one in said)
    envelopes = "".join(runner.world.sandbox.sentry.raw)
    assert "Traceback" not in everything
    assert [part for secret in secrets(runner) for part in leaked(everything + envelopes, secret)] == []


def test_what_is_looked_for_would_be_found(runner: DoctorRunner) -> None:
    assert len(secrets(runner)) == 5
    assert not leaked("all is well", secrets(runner)[0])
    assert leaked(f"... {PASSWORD[5:13]} ...", PASSWORD)
