"""The forms in which applications keep a time: an instant, a civil time with a zone, or a date and a time."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from reconciler.settings.model.section import Column, Section


class TimeForm(Section):
    """When something is. A column's name alone stands for ``at``."""

    at: Column | None = Field(None, description="a timestamptz; its name alone will do")
    utc: Column | None = Field(None, description="a timestamp without a zone whose times are UTC")
    local: Column | None = Field(None, description="a timestamp without a zone whose times are the venue's")
    date: Column | None = Field(None, description="the day, in the venue's time; `time` belongs to it")
    time: Column | None = Field(None, description="the time of that day")

    @model_validator(mode="after")
    def _is_one_form(self) -> "TimeForm":
        given = {name for name, column in self if column is not None}
        if given not in self._forms():
            raise ValueError(f"one of these belongs here: {self._said()}")
        return self

    def _forms(self) -> tuple[set[str], ...]:
        return {"at"}, {"utc"}, {"local"}, {"date", "time"}

    def _said(self) -> str:
        return "a timestamptz column's name, {utc: column}, {local: column}, {date: column, time: column}"


class EndForm(TimeForm):
    """When a booking ends: a time, or how long it takes. Nothing of it: the bookings have no end."""

    date: Column | None = Field(None, description="the day it ends; without it, `time` is on the day it starts")
    next_day: Column | None = Field(None, description="with `time`: true where it ends after midnight")
    minutes: Column | None = Field(None, description="a number: how many minutes it takes")
    hours: Column | None = Field(None, description="a number: how many hours it takes")
    length: Column | None = Field(None, description="an interval: how long it takes")

    def _forms(self) -> tuple[set[str], ...]:
        by_time = ({"time"}, {"time", "next_day"}, {"date", "time"})
        return set(), {"at"}, {"utc"}, {"local"}, *by_time, {"minutes"}, {"hours"}, {"length"}

    def _said(self) -> str:
        return (
            "a timestamptz column's name, {utc: column}, {local: column}, {time: column}, {time: column, next_day: "
            "column}, {date: column, time: column}, {minutes: column}, {hours: column}, {length: column}, or off"
        )


def column_alone(value: Any) -> Any:
    """A column's name alone is that of a timestamptz.

    Raises:
        ValueError: off; only an end may be missing.
    """
    if value is False or value == "off":
        raise ValueError("off is no column; leave the key out")
    return {"at": value} if isinstance(value, str) else value


def column_or_off(value: Any) -> Any:
    """The same of an end. YAML reads the word off as it stands here; false is what other readers make of it."""
    return {} if value is False or value == "off" else column_alone(value)


When = Annotated[TimeForm, BeforeValidator(column_alone)]
End = Annotated[EndForm, BeforeValidator(column_or_off)]

_NAMES: Mapping[str, Mapping[str, str]] = {
    "starts": {"at": "starts_at", "utc": "starts_utc", "local": "starts_local", "date": "date", "time": "start_time"},
    "ends": {
        "at": "ends_at", "utc": "ends_utc", "local": "ends_local", "date": "end_date", "time": "end_time",
        "next_day": "end_next_day", "minutes": "length_minutes", "hours": "length_hours", "length": "length",
    },
    "created": {
        "at": "created_at", "utc": "created_utc", "local": "created_local", "date": "created_date",
        "time": "created_time",
    },
    "due": {"at": "due", "utc": "due_utc", "local": "due_local", "date": "due_date", "time": "due_time"},
    "sent": {"at": "sent_at", "utc": "sent_utc", "local": "sent_local", "date": "sent_date", "time": "sent_time"},
}  # fmt: skip
"""Key of ``bookings``, or sent -> form -> our name of the column. The name says the form: statements read it so."""
REPLACED: Mapping[str, frozenset[str]] = {
    "starts": frozenset({"date", "start_time", "end_time", "end_next_day"}),
    "ends": frozenset({"end_time", "end_next_day"}),
    "created": frozenset({"created_at"}),
    "due": frozenset({"due"}),
}
"""Key of ``bookings`` -> the keys of ``columns`` that it takes the place of."""


def named_by(key: str, form: TimeForm) -> dict[str, str]:
    """Our name of each column of the form -> the application's. ``key``: of ``bookings``, or sent."""
    return {_NAMES[key][name]: column for name, column in form if column is not None}
