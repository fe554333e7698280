"""On-call routes demand TLS like everything else that leaves the machine, and a certificate that is checked."""

import pytest

from reconciler.settings.env.alerting import _route_problem

SECRET = "s3cr3tpassword"


@pytest.mark.parametrize(
    ("url", "instead"),
    [
        (f"json://user:{SECRET}@hooks.example/x", "write jsons://"),
        (f"xml://user:{SECRET}@hooks.example", "write xmls://"),
        (f"form://hooks.example/{SECRET}", "write forms://"),
        (f"gotify://push.example/{SECRET}", "write gotifys://"),
        (f"ntfy://user:{SECRET}@push.example/topic", "write ntfys://"),
        (f"mmost://chat.example/{SECRET}", "write mmosts://"),
        (f"mailto://user:{SECRET}@smtp.example", "write mailtos://"),
        (f"mailtos://user:{SECRET}@smtp.example?mode=insecure", "write mailtos://"),
        ("json://10.0.0.7/x", "write jsons://"),
        ("json://localhost.example/x", "write jsons://"),
        ("rsyslog://logs.example", "choose a service that encrypts"),
        (f"dapnet://user:{SECRET}@DF1ABC", "choose a service that encrypts"),
    ],
)
def test_e4_plain_text_is_a_mistake(url: str, instead: str) -> None:
    problem = _route_problem(url)

    assert "in plain text, which is accepted for loopback only" in problem
    assert instead in problem
    assert SECRET not in problem


@pytest.mark.parametrize(
    "url",
    [
        f"jsons://user:{SECRET}@hooks.example?verify=no",
        "jsons://h.example/?verify=False",
        "ntfys://h.example/t?verify=0",
    ],
)
def test_e4_a_certificate_that_is_not_checked_is_a_mistake(url: str) -> None:
    assert _route_problem(url).startswith("turns the check of certificates off; leave verify=no out")


@pytest.mark.parametrize("between", [", ", ",", " ", "\n"])
def test_e4_a_second_url_is_not_lost_without_a_word(between: str) -> None:
    problem = _route_problem(f"jsons://hooks.example/x{between}json://user:{SECRET}@push.example")

    assert problem.startswith("holds more than one URL")
    assert SECRET not in problem


def test_redirects_are_a_mistake() -> None:
    assert _route_problem("jsons://hooks.example/x?redirect=yes").startswith("follows redirects")


@pytest.mark.parametrize(
    "url",
    [
        f"pagerduty://{SECRET}@{SECRET}",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
        "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
        "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
        "tgram://123456789:abcdefg_hijklmnop/12315544/",
        "opsgenie://a8f5f167-c123-4c5d-9c6e-0123456789ab",
        f"mailto://venue:{SECRET}@gmail.com",
        f"mailtos://user:{SECRET}@smtp.example/?to=oncall@venue.example",
        "ntfy://topic",
        "ntfys://push.example/topic",
        f"gotifys://push.example/{SECRET}",
        "jsons://hooks.example/path?verify=yes&redirect=no",
        "json://127.0.0.1:8080/hook",
        "json://localhost/hook?verify=no",
        "json://[::1]:8080/hook",
    ],
)
def test_what_encrypts_or_stays_here_is_accepted(url: str) -> None:
    assert _route_problem(url) == ""
