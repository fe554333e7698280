"""What a list of messages says about a text of unknown outcome: there, absent, or nobody can tell."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.domain.decide.sms_settlement import SentMessages, SentSms, SettlementStatus, control_of, settle_text

ATTEMPT = datetime(2026, 6, 10, 11, 0, tzinfo=UTC)
OURS = SentSms(
    sid="SM1",
    number="+447700900101",
    body="Hi Ana, your party is confirmed. Ref 1a2b3c4d",
    by_api=True,
    made_at=ATTEMPT + timedelta(seconds=2),
    status="sent",
    leaves=True,
    arrived=True,
)
SAID = OURS.body
MINUTES = [timedelta(minutes=minutes) for minutes in range(11)]


def settled(
    *texts: SentSms,
    body: str | None = SAID,
    taken: frozenset[str] = frozenset(),
    controlled: bool = True,
    complete: bool = True,
) -> tuple[str, str, str | None]:
    trail = SentMessages(texts=texts, complete=complete)
    seen = settle_text(trail, reference="1a2b3c4d", body=body, attempted_at=ATTEMPT, taken=taken, controlled=controlled)
    return seen.found, seen.code, seen.provider_id


@pytest.mark.parametrize(
    "text",
    [
        OURS,
        replace(OURS, body="Sent from your Twilio trial account - " + OURS.body),
        replace(OURS, body=OURS.body.upper()),
        replace(OURS, made_at=ATTEMPT - MINUTES[4]),  # our clock is ahead of Twilio's
        replace(OURS, made_at=ATTEMPT + timedelta(hours=3)),
        replace(OURS, status="brandnew"),
    ],
)
def test_ours_is_found_by_its_reference(text: SentSms) -> None:
    assert settled(text) == (SettlementStatus.FOUND, "found", "SM1")
    assert settled(text, controlled=False) == (SettlementStatus.FOUND, "found", "SM1"), "what is seen needs no control"
    assert settled(text, complete=False) == (SettlementStatus.FOUND, "found", "SM1")


@pytest.mark.parametrize(
    "other",
    [
        replace(OURS, body="Hi Ana. Ref 9f9f9f9f"),  # another booking on the same phone
        replace(OURS, body="Hi Ana. Ref 1a2b3c4d5"),  # not as a word
        replace(OURS, by_api=False),  # a reply
    ],
)
def test_another_message_is_not_ours(other: SentSms) -> None:
    assert settled(other) == (SettlementStatus.ABSENT, "absent", None)
    assert settled(other, controlled=False) == (SettlementStatus.UNDECIDED, "no_control", None)


def test_a_message_that_somebody_has_named_already_is_not_ours() -> None:
    assert settled(OURS, taken=frozenset({"SM1"})) == (SettlementStatus.ABSENT, "absent", None)
    assert settled(OURS, replace(OURS, sid="SM2"), taken=frozenset({"SM1"})) == (SettlementStatus.FOUND, "found", "SM2")


def test_nothing_at_all_is_absence_only_with_a_control_and_a_whole_list() -> None:
    assert settled() == (SettlementStatus.ABSENT, "absent", None)
    assert settled(controlled=False) == (SettlementStatus.UNDECIDED, "no_control", None)
    assert settled(complete=False) == (SettlementStatus.UNDECIDED, "too_many_to_read", None)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("“Ana’s” party – 19:30… Ref 1a2b3c4d", '"Ana\'s" party - 19:30... Ref 1a2b3c4d'),  # smart encoding
        ("Zoë: https://venue.example/b/1?x=2 Ref 1a2b3c4d", "Zoë: https://twil.io/Ab3 Ref 1a2b3c4d"),  # shortened
        ("see venue.example/b/1, Ref 1a2b3c4d", "see twil.io/Ab3 Ref 1a2b3c4d"),
    ],
)
def test_what_twilio_makes_of_a_text_is_still_ours(said: str, shown: str) -> None:
    assert settled(replace(OURS, body=shown), body=said) == (SettlementStatus.FOUND, "found", "SM1")


@pytest.mark.parametrize("body", [None, "Hi Ana, your deposit is due. Ref 1a2b3c4d", "", "\u2026"])
def test_another_text_about_the_booking_is_neither_ours_nor_absence(body: str | None) -> None:
    assert settled(OURS, body=body) == (SettlementStatus.UNDECIDED, "another_text", None)


def test_of_several_the_one_that_says_the_same_is_ours() -> None:
    reminder = replace(OURS, sid="SM2", body="See you on Saturday. Ref 1a2b3c4d")
    assert settled(reminder, OURS) == (SettlementStatus.FOUND, "found", "SM1")


def test_two_that_fit_are_nobody_s() -> None:
    assert settled(OURS, replace(OURS, sid="SM2")) == (SettlementStatus.UNDECIDED, "several_candidates", None)


def test_one_that_is_too_old_by_its_date_is_never_taken_for_absence() -> None:
    """A clock that jumped forward before the attempt makes our own text look older than the attempt."""
    old = replace(OURS, made_at=ATTEMPT - timedelta(hours=1))
    assert settled(old) == (SettlementStatus.UNDECIDED, "older_than_the_attempt", None)


def test_a_body_that_is_not_shown_may_be_ours() -> None:
    hidden = replace(OURS, body="  ")
    assert settled(hidden) == (SettlementStatus.UNDECIDED, "body_not_shown", None)
    assert settled(replace(hidden, made_at=ATTEMPT - timedelta(days=2))) == (SettlementStatus.ABSENT, "absent", None)
    assert settled(hidden, taken=frozenset({"SM1"})) == (SettlementStatus.ABSENT, "absent", None)


@pytest.mark.parametrize("status", ["failed", "undelivered", "canceled"])
def test_one_that_does_not_arrive_is_a_person_s_business(status: str) -> None:
    assert settled(replace(OURS, status=status, leaves=False)) == (
        SettlementStatus.NOT_LEAVING,
        f"found_{status}",
        "SM1",
    )


def test_the_newest_message_shown_in_full_is_the_control() -> None:
    older = replace(OURS, sid="SM0", made_at=ATTEMPT - timedelta(hours=2))
    assert control_of([older, OURS], ATTEMPT + MINUTES[1]) == OURS


@pytest.mark.parametrize(
    "recent",
    [
        [],
        [replace(OURS, made_at=ATTEMPT - timedelta(days=2))],  # whether lists are redacted may have changed since
        [replace(OURS, number="+44770090XXXX")],
        [replace(OURS, body="")],
        [OURS, replace(OURS, sid="SM2", body="")],  # some are hidden: ours may be one of them
        [replace(OURS, arrived=False)],  # what redaction takes away is gone only when it has arrived
    ],
)
def test_without_a_fresh_message_in_full_there_is_no_control(recent: list[SentSms]) -> None:
    assert control_of(recent, ATTEMPT + MINUTES[1]) is None
