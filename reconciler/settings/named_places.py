"""What ``bookings.name``, ``phone`` and ``facts`` say together with ``bookings.join``."""

from collections.abc import Iterator, Mapping

from reconciler.settings.file.mistake import Mistake
from reconciler.settings.file.source import Source
from reconciler.settings.file.validation import did_you_mean
from reconciler.settings.model.cron_file import CronFile
from reconciler.settings.model.fields import Join, NamedField


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
    used |= {join.through for join in bookings.join.values()}
    for name, join in bookings.join.items():
        yield from _bases(read, name, join, bookings.join)
        if name not in used:
            what = f"nothing is read through it: name a column such as {name}.full_name in name, phone or facts"
            yield read.mistake(("bookings", "join", name), what, remedy=f"use {name}, or remove it")


def _bases(read: Source, name: str, join: Join, joins: Mapping[str, Join]) -> Iterator[Mistake]:
    """What a join goes through has to be one of the bookings' own, and then there is one row of it."""
    at = ("bookings", "join", name, "through")
    if join.through is None:
        return
    if join.through not in joins:
        close = did_you_mean(join.through, [other for other in joins if other != name])
        hint = f", did you mean {close}?" if close else ""
        yield read.mistake(at, f"{join.through} is no join{hint}", remedy="name another key of bookings.join")
    elif join.through == name or joins[join.through].through:
        what = f"{join.through} is joined through another table itself"
        yield read.mistake(at, what, remedy="name a join of the bookings' own")
    elif join.first_by:
        what = "a join that goes through another one takes one row, by a unique key: first_by has no place here"
        yield read.mistake(("bookings", "join", name, "first_by"), what, at, remedy="remove first_by")


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
