"""What our rows in the queue say, and what is read back from them."""

import pytest

from reconciler.domain.intents import IntentId, Outcome, Result
from reconciler.domain.own_rows import MAY_HAVE_LEFT, error_after, error_in_flight, intent_named

ONE = IntentId("7d3c1c5e-6f0b-5a51-9a43-2f6a3f5c2a10")


@pytest.mark.parametrize("result", Result)
def test_the_intent_is_read_back_from_what_was_written(result: Result) -> None:
    error = error_after(Outcome(result=result, code="twilio:20500"), ONE)
    assert intent_named(error) == ONE
    assert error.startswith(MAY_HAVE_LEFT) is (result is Result.UNKNOWN)


def test_a_row_in_flight_may_have_left() -> None:
    assert error_in_flight(ONE).startswith(MAY_HAVE_LEFT)
    assert intent_named(f"reconciler: {error_in_flight(ONE)}") == ONE


@pytest.mark.parametrize("error", ["", "not sent, another_text", f"{ONE} was here", f"x{ONE}"])
def test_other_errors_name_no_intent(error: str) -> None:
    assert intent_named(error) is None
