"""The form of cron.yaml before its values are made: how deep it is, and what of YAML it may use.

A parser makes objects of tags, merges and endless numbers, and fails in its own words, or never ends.
"""

import re
from collections.abc import Iterator

from ruamel.yaml import YAML
from ruamel.yaml.events import (
    AliasEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

DEEPEST = 20
"""Levels. The deepest key of cron.yaml is on the sixth."""
LONGEST_PLAIN = 500
"""Characters of a value without quotes: a number of that length is none."""
_UNUSABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
"""Control characters but for blanks and line breaks, and halves of characters: escapes can write them."""
_BEGINS, _ENDS = (MappingStartEvent, SequenceStartEvent), (MappingEndEvent, SequenceEndEvent)


def form_mistakes(text: str) -> Iterator[tuple[int, str]]:
    """Line and mistake of what is YAML and does not belong in cron.yaml. Reading stops at too deep a level.

    Raises:
        YAMLError: the text is no YAML.
    """
    depth = 0
    open_anchors: list[str | None] = []
    for event in YAML(typ="rt", pure=True).parse(text):
        said = _of_event(event, open_anchors)
        if said:
            yield event.start_mark.line + 1, said
        if isinstance(event, _BEGINS):
            depth += 1
            open_anchors.append(event.anchor)
        elif isinstance(event, _ENDS):
            depth -= 1
            open_anchors.pop()
        if depth > DEEPEST:
            yield event.start_mark.line + 1, f"nested too deeply, more than {DEEPEST} levels"
            return


def _of_event(event: Event, open_anchors: list[str | None]) -> str | None:
    if isinstance(event, AliasEvent) and event.anchor in open_anchors:
        return f"*{event.anchor} is inside &{event.anchor}: a value cannot contain itself"
    if isinstance(event, (ScalarEvent, *_BEGINS)) and event.tag is not None:
        return f"a tag ({event.tag}) does not belong here: write the value alone"
    # In a folded text, the parser itself marks with a BEL where it folded. No escape stands there.
    unusable = _UNUSABLE.search(event.value) if isinstance(event, ScalarEvent) and event.style != ">" else None
    if unusable:
        return f"a character that may not stand here (U+{ord(unusable[0]):04X})"
    if isinstance(event, ScalarEvent) and event.style is None and len(event.value) > LONGEST_PLAIN:
        return f"{event.value[:20]}.. has {len(event.value)} characters: put a text in quotes; no number is that long"
    return None
