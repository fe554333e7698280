"""What ``bookings.name``, ``phone`` and ``facts`` say together with ``bookings.join``."""

from collections.abc import Iterator

from reconciler.settings.file.mistake import Mistake
from reconciler.settings.file.source import Source
from reconciler.settings.file.validation import did_you_mean
from reconciler.settings.model.cron_file import CronFile
from reconciler.settings.model.fields import NamedField


def place_mistakes(read: Source, file: CronFile) -> Iterator[Mistake]:
    """Joins that are not there or that nothing uses, and places that are named twice."""
    bookings = file.bookings
    several = bookings.fields()
    used = {one.source.join for places in several.values() for one in places}
    for key, places in several.items():
        for one in places:
            if one.source.join and one.source.join not in bookings.join:
                yield _unknown_join(read, one, list(bookings.join))
        if key != "facts":
            yield from _named_again(read, places)
    for name in bookings.join:
        if name not in used:
            what = f"nothing is read through it: name a column such as {name}.full_name in name, phone or facts"
            yield read.mistake(("bookings", "join", name), what, remedy=f"use {name}, or remove it")


def _unknown_join(read: Source, one: NamedField, joins: list[str]) -> Mistake:
    name = str(one.source.join)
    close = did_you_mean(name, joins)
    hint = f", did you mean {close}?" if close else f"; bookings.join has {', '.join(joins) or 'none'}"
    remedy = f"write {close} instead" if close else f"add {name} to bookings.join, or name a column of the bookings"
    return read.mistake(("bookings", *one.place), f"{name} is no join{hint}", remedy=remedy)


def _named_again(read: Source, places: tuple[NamedField, ...]) -> Iterator[Mistake]:
    for number, one in enumerate(places):
        if one.source in [earlier.source for earlier in places[:number]]:
            yield read.mistake(("bookings", *one.place), f"{one.source} stands here twice", remedy="remove one of both")
