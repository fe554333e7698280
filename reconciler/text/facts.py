"""``{{ facts.barber }}``: values that ``bookings.facts`` names, as templates meet them."""

from collections.abc import Mapping
from typing import Any

from jinja2 import nodes

FACTS = "facts"


class Facts:
    """Values by name, and nothing else: what a fact is called never means a method."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> Any:
        return self._values[name]


def used_facts(template: nodes.Template) -> set[str]:
    """``facts.barber`` for each fact that is named; ``facts`` where the template does something else with them."""
    found: list[nodes.Getattr | nodes.Getitem] = [*template.find_all(nodes.Getattr), *template.find_all(nodes.Getitem)]
    of_facts = [one for one in found if isinstance(one.node, nodes.Name) and one.node.name == FACTS]
    named = [name for one in of_facts if isinstance(name := _name(one), str)]
    uses = [name for name in template.find_all(nodes.Name) if name.name == FACTS]
    return {f"{FACTS}.{name}" for name in named} | ({FACTS} if len(uses) > len(named) else set())


def _name(one: nodes.Getattr | nodes.Getitem) -> Any:
    if isinstance(one, nodes.Getattr):
        return one.attr
    return one.arg.value if isinstance(one.arg, nodes.Const) else None
