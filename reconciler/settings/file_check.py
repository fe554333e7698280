"""Everything that can be said of cron.yaml alone: without a database, and without the environment."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain

from reconciler.domain.gaps import GapKind
from reconciler.settings.contradictions import (
    column_contradictions,
    limit_contradictions,
    text_contradictions,
    unanswered,
)
from reconciler.settings.env.alerting import unnamed
from reconciler.settings.evidence import evidence_contradictions
from reconciler.settings.file.mistake import KeyPath, Mistake
from reconciler.settings.file.source import Source
from reconciler.settings.file.validation import validate, validate_rest
from reconciler.settings.model.cron_file import CronFile
from reconciler.settings.named_places import place_mistakes
from reconciler.settings.texts import template_mistakes, unwritten_texts

_SMS = ("rules", str(GapKind.SMS_MISSING))


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedFile:
    """What cron.yaml says, and what is wrong with it."""

    file: CronFile | None
    """``None``: a key is wrong."""
    mistakes: tuple[Mistake, ...]
    skipped: tuple[str, ...] = ()
    """What could not be checked, because keys that it goes by are wrong."""


@dataclass(frozen=True, slots=True)
class _Check:
    """A check of keys that are right one by one."""

    name: str
    run: Callable[[Source, CronFile], Iterable[Mistake]]
    reads: tuple[KeyPath, ...]
    """The keys, or sections, that it goes by. If one of them is wrong, the check could find what is not so."""


_PLACES = tuple(("bookings", key) for key in ("join", "name", "first_name", "phone", "facts"))
_NAMES = "the names of variables"
_CHECKS = (
    _Check(_NAMES, unnamed, (("reporting", "oncall"), ("jobs",))),
    _Check(
        "whether each status has a message",
        unwritten_texts,
        (("bookings", "statuses"), (*_SMS, "messages"), (*_SMS, "policy")),
    ),
    _Check(
        "the templates",
        template_mistakes,
        (
            ("timezone",),
            ("locale",),
            ("bookings", "facts"),
            *((*_SMS, key) for key in ("messages", "nameless", "placeholder_names")),
        ),
    ),
    _Check(
        "whether the rules agree with each other",
        text_contradictions,
        (("bookings", "statuses"), ("rules",), ("record",), ("jobs",)),
    ),
    _Check(
        "whether our word has a place",
        evidence_contradictions,
        (("bookings", "statuses"), ("bookings", "columns"), ("rules",), ("record",), ("evidence",)),
    ),
    _Check(
        "whether two names are one column",
        column_contradictions,
        (*_PLACES, ("bookings", "columns"), ("bookings", "customers"), (*_SMS, "queue")),
    ),
    _Check("whether names, numbers and facts can be joined", place_mistakes, (*_PLACES, ("bookings", "columns"))),
    _Check(
        "whether limits and times agree with each other",
        limit_contradictions,
        (
            *(("bookings", key) for key in ("cancelled", "statuses", "scan_window")),
            ("limits",),
            ("reporting",),
            ("jobs",),
            (*_SMS, "stale_after"),
        ),
    ),
)
_ANSWERS = _Check(
    "what has to be answered before the first text",
    unanswered,
    (("repairs",), *((*_SMS, key) for key in ("policy", "deliver", "queue_failed_resent"))),
)


def check_file(read: Source, *, before_texts: bool) -> CheckedFile:
    """Every mistake in a file that could be read.

    ``before_texts``: an open question that has to be answered before the first text is a mistake too.
    """
    file, mistakes = validate(read)
    rest, doubtful = (file, frozenset[KeyPath]()) if file else validate_rest(read)
    skipped, found = [], dict[str, list[Mistake]]()
    for check in (*_CHECKS, *([_ANSWERS] if before_texts else [])):
        if rest is None or _meets(check.reads, doubtful):
            skipped.append(check.name)
        else:
            found[check.name] = list(check.run(read, rest))
    return CheckedFile(
        # The name of a variable that is none may be a secret: nobody may read a variable of that name.
        file=None if found.get(_NAMES) else file,
        mistakes=(*mistakes, *chain.from_iterable(found.values())),
        skipped=tuple(skipped),
    )


def _meets(reads: Iterable[KeyPath], doubtful: Iterable[KeyPath]) -> bool:
    """Whether one of the doubtful keys is among the keys, inside one of them, or a section around one."""
    return any(one[: len(other)] == other[: len(one)] for one in reads for other in doubtful)
