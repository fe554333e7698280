"""What a template may not have, because it could run without end or fill the memory: no text needs it."""

import re
from collections.abc import Iterator

from jinja2 import nodes

LARGEST_NUMBER = 9999
"""Written in a template: a larger one pads a text to a length that no telephone takes."""
_PADDED = re.compile(r"[%:{][^A-Za-z%{}]*\d{4,}")
"""A width in a format, such as ``%9999s``."""
_WITHOUT_END = {
    nodes.Macro: "a macro",
    nodes.CallBlock: "a call",
    nodes.FilterBlock: "a filter over a block",
    nodes.Include: "another template",
    nodes.Import: "another template",
    nodes.FromImport: "another template",
    nodes.Extends: "another template",
    nodes.Block: "a block",
}


def excesses(template: nodes.Template) -> Iterator[str]:
    """A sentence for each."""
    for kind, words in _WITHOUT_END.items():
        if template.find(kind):
            yield f"{words} does not belong in a text"
    # ``find`` looks below a node, and a loop's own node is not below itself.
    if any(loop.recursive or loop.find(nodes.For) for loop in template.find_all(nodes.For)):
        yield "a loop inside a loop does not belong in a text"
    for constant in template.find_all(nodes.Const):
        if isinstance(constant.value, int | float) and not abs(constant.value) <= LARGEST_NUMBER:
            yield f"a number above {LARGEST_NUMBER} does not belong in a text"
        if isinstance(constant.value, str) and _PADDED.search(constant.value):
            yield "a format with a width above 999 does not belong in a text"
