"""What the beacon says about a ledger: the whole decision table."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from reconciler.domain.beacon import (
    BEACON_PREFIX,
    JUDGEMENTS,
    Beacon,
    BeaconStatus,
    BeaconView,
    LedgerView,
    Nonce,
    Origin,
    beacon_fault,
    beacon_id,
    judge_beacon,
)
from reconciler.domain.place import Place

HERE = Place(system="7", database=5, timeline=2)
LEDGER = LedgerView(
    installation="a",
    generation=0,
    since=datetime(2026, 1, 1, tzinfo=UTC),
    here=HERE,
    server="100.5",
    tables="t",
    nonces=frozenset({"n1", "n2"}),
    mark=2,
    made=True,
    accepts=False,
    accepted=frozenset(),
    has_repairs=True,
)
SHOWN = Beacon(
    installation="a", generation=0, place=HERE, server="100.5", nonce="n2", mark=2, tables=("t",), since=LEDGER.since
)
UNKNOWN = replace(SHOWN, nonce="x", mark=9)
OTHER = replace(SHOWN, installation="b", place=Place(system="8", database=9), server="1", nonce="y")


def status(shown: Beacon | None, *others: Beacon, **ledger: object) -> BeaconStatus:
    return judge_beacon(BeaconView(ledger=replace(LEDGER, **ledger), shown=shown, others=others))  # type: ignore[arg-type]


def test_every_cell_of_the_table_has_a_judgement() -> None:
    shown = {(nonce, origin) for nonce in (Nonce.KNOWN, Nonce.UNKNOWN) for origin in Origin}
    assert set(JUDGEMENTS) == shown


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (SHOWN, BeaconStatus.OURS),
        (replace(SHOWN, nonce="n1"), BeaconStatus.OURS),  # the process that stored n2 was killed before it renewed
        (replace(SHOWN, server="3"), BeaconStatus.OURS),  # the server was restarted
        (replace(SHOWN, place=Place(system="8", database=9)), BeaconStatus.OURS),  # moved, as a person said
        (UNKNOWN, BeaconStatus.RESTORED),
        (replace(UNKNOWN, mark=1), BeaconStatus.RESTORED),
        (replace(UNKNOWN, server="3"), BeaconStatus.COPY),  # a snapshot of the disks, started beside the original
        (replace(UNKNOWN, place=Place(system="7", database=6, timeline=2)), BeaconStatus.COPY),
        (replace(UNKNOWN, place=Place(system="8", database=5, timeline=2)), BeaconStatus.COPY),
        (replace(UNKNOWN, server="3", place=replace(HERE, timeline=1)), BeaconStatus.RESTORED),  # a lagging standby
        (replace(UNKNOWN, server="3", place=replace(HERE, timeline=3)), BeaconStatus.COPY),  # the old primary is back
        (replace(UNKNOWN, server="3", place=replace(HERE, timeline=None)), BeaconStatus.COPY),
        (None, BeaconStatus.MISSING),
    ],
)
def test_what_the_calendar_shows_decides(shown: Beacon | None, expected: BeaconStatus) -> None:
    assert status(shown) is expected


def test_a_person_decides_once() -> None:
    assert status(replace(UNKNOWN, server="3"), accepts=True) is BeaconStatus.OURS
    assert status(None, OTHER, accepts=True, made=False) is BeaconStatus.NEW


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (OTHER, BeaconStatus.RIVAL),
        (replace(OTHER, tables=("u", "t")), BeaconStatus.RIVAL),
        (replace(OTHER, tables=("u",)), BeaconStatus.NEW),  # a neighbour
        (replace(OTHER, place=HERE), BeaconStatus.NEW),  # of an earlier ledger of this database
    ],
)
def test_another_installation_is_refused_only_for_the_same_tables(other: Beacon, expected: BeaconStatus) -> None:
    assert status(None, other, made=False) is expected
    assert status(None, other, made=False, accepted=frozenset({"b"})) is BeaconStatus.NEW
    assert status(SHOWN, other) is BeaconStatus.OURS


@pytest.mark.parametrize(
    ("ledger", "other", "found"),
    [
        ({}, replace(OTHER, place=HERE), True),
        ({}, OTHER, False),
        ({"accepts": True}, OTHER, True),
        ({"has_repairs": True}, replace(OTHER, place=HERE), False),
        ({}, replace(OTHER, place=HERE, tables=("u",)), False),
    ],
)
def test_a_lost_ledger_is_continued_in_its_own_database_only(
    ledger: dict[str, bool], other: Beacon, found: bool
) -> None:
    new = replace(LEDGER, **{"made": False, "has_repairs": False, **ledger})  # type: ignore[arg-type]
    assert BeaconView(ledger=new, shown=None, others=[other]).lost == (other if found else None)


def test_only_two_of_the_answers_refuse_and_each_names_the_commands() -> None:
    refusing = {one: fault for one in BeaconStatus if (fault := beacon_fault(one))}
    assert set(refusing) == {BeaconStatus.COPY, BeaconStatus.RIVAL}
    for fault in refusing.values():
        assert "migrate --same-installation" in fault.remedy
        assert "migrate --new-installation" in fault.remedy


def test_the_id_is_one_that_google_accepts_and_differs_by_installation_and_generation() -> None:
    ids = [beacon_id("a", 0), beacon_id("a", 1), beacon_id("b", 0)]
    assert len(set(ids)) == 3
    assert all(set(one) <= set("0123456789abcdefghijklmnopqrstuv") for one in ids)
    assert all(one.startswith(BEACON_PREFIX) for one in ids)
