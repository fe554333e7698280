"""Ordering misbehaviour: what goes wrong with which call, and that a seed replays it."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from reconciler.sandbox.fakes.faults import Fault, Faults, Misbehaviour

DROP, LOSE = Fault(kind=Misbehaviour.DROP), Fault(kind=Misbehaviour.LOSE)


@pytest.fixture
def faults() -> Faults:
    return Faults()


def test_nothing_goes_wrong_unasked(faults: Faults) -> None:
    assert faults.take("messages.create") is None


def test_one_fault_per_call_in_order(faults: Faults) -> None:
    faults.next_calls("messages.create", DROP, LOSE)

    assert [faults.take("messages.create") for _ in range(3)] == [DROP, LOSE, None]


def test_later_orders_queue_up(faults: Faults) -> None:
    faults.next_calls("messages.create", DROP)
    faults.next_calls("messages.create", LOSE)

    assert [faults.take("messages.create") for _ in range(2)] == [DROP, LOSE]


def test_other_operations_are_left_alone(faults: Faults) -> None:
    faults.next_calls("messages.create", DROP)
    faults.always("messages.create", LOSE)

    assert faults.take("messages.list") is None


def test_no_name_means_any_operation(faults: Faults) -> None:
    faults.next_calls("", DROP)
    faults.always("", LOSE)

    assert [faults.take("messages.list"), faults.take("token")] == [DROP, LOSE]


def test_always_is_always(faults: Faults) -> None:
    faults.always("messages.create", DROP)

    assert [faults.take("messages.create") for _ in range(3)] == [DROP] * 3


def test_the_next_calls_go_before_always(faults: Faults) -> None:
    faults.always("messages.create", DROP)
    faults.next_calls("messages.create", LOSE)

    assert [faults.take("messages.create") for _ in range(2)] == [LOSE, DROP]


def test_a_named_operation_goes_before_any(faults: Faults) -> None:
    faults.always("", DROP)
    faults.always("messages.create", LOSE)

    assert faults.take("messages.create") == LOSE


def test_cleared_means_well(faults: Faults) -> None:
    faults.next_calls("messages.create", DROP)
    faults.always("messages.create", DROP)
    faults.by_seed(1, 1.0, [Misbehaviour.DROP])

    faults.clear()

    assert faults.take("messages.create") is None


def drawn(seed: int, calls: int = 200, rate: float = 0.3) -> list[Misbehaviour | None]:
    faults = Faults()
    faults.by_seed(seed, rate, list(Misbehaviour))
    taken = [faults.take("messages.create") for _ in range(calls)]
    return [fault and fault.kind for fault in taken]


def test_a_seed_replays_the_same_faults() -> None:
    assert drawn(7) == drawn(7)


def test_another_seed_brings_others() -> None:
    assert drawn(7) != drawn(8)


def test_the_rate_is_kept_and_every_kind_comes() -> None:
    counts = Counter(drawn(7, calls=2000))

    assert 500 < 2000 - counts[None] < 700
    assert {kind for kind in counts if kind} == set(Misbehaviour)


@pytest.mark.parametrize(("rate", "expected"), [(0.0, 0), (1.0, 50)])
def test_never_and_each_time(rate: float, expected: int) -> None:
    assert sum(kind is not None for kind in drawn(7, calls=50, rate=rate)) == expected


def test_a_seed_for_some_operations_leaves_the_others_alone(faults: Faults) -> None:
    faults.by_seed(1, 1.0, [Misbehaviour.DROP], ["messages.create"])

    assert faults.take("messages.list") is None
    assert faults.take("messages.create") is not None


def test_a_whole_fault_is_drawn_as_it_is(faults: Faults) -> None:
    busy = Fault(kind=Misbehaviour.STATUS, status=429, headers=(("Retry-After", "1"),))
    faults.by_seed(1, 1.0, [busy])

    assert faults.take("messages.create") == busy


def test_calls_at_the_same_time_share_the_queue(faults: Faults) -> None:
    faults.next_calls("messages.create", *[DROP] * 100)

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: faults.take("messages.create"), range(200)))

    assert taken.count(DROP) == 100


@pytest.mark.parametrize("kind", Misbehaviour)
def test_which_faults_take_effect(kind: Misbehaviour) -> None:
    has_none = {Misbehaviour.DROP, Misbehaviour.HANG, Misbehaviour.STATUS, Misbehaviour.HTML, Misbehaviour.REDIRECT}

    assert kind.takes_effect == (kind not in has_none)
