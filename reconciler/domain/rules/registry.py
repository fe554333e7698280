"""All rules, found in the files of this folder. No other part of the program lists them."""

from importlib import import_module
from pkgutil import iter_modules

from reconciler.domain import rules
from reconciler.domain.gaps import INTEGRATIONS, Effect, GapKind
from reconciler.domain.rules.rule import AggregateRule, Report, Rule

_NOT_RULES = frozenset({"rule", "registry"})


def _find() -> tuple[Rule | AggregateRule, ...]:
    """The ``RULE`` of every file, sorted by ``Rule.order``.

    Raises:
        AttributeError: a file declares no ``RULE``.
        ValueError: two files declare the same kind or repair the same effect.
    """
    names = sorted(module.name for module in iter_modules(rules.__path__) if module.name not in _NOT_RULES)
    found: list[Rule | AggregateRule] = [import_module(f"{rules.__name__}.{name}").RULE for name in names]
    kinds = [kind for rule in found for kind in rule.kinds]
    effects = [rule.effect for rule in found if isinstance(rule, Rule) and rule.effect]
    if len(set(kinds)) < len(kinds) or len(set(effects)) < len(effects):
        raise ValueError(f"two rules have a kind or an effect in common: {', '.join(kinds)}")
    return tuple(sorted(found, key=lambda rule: (rule.order, rule.kind)))


ALL_RULES = _find()
RULES = tuple(rule for rule in ALL_RULES if isinstance(rule, Rule))
"""The rules that a single booking can break."""
AGGREGATE = tuple(rule for rule in ALL_RULES if isinstance(rule, AggregateRule))
"""The rules about many bookings together."""
REPAIRED = tuple(rule for rule in RULES if rule.effect)
REPORT_ONLY = tuple(rule for rule in RULES if rule.report)
KINDS: tuple[GapKind, ...] = (*(kind for rule in ALL_RULES for kind in rule.kinds), *INTEGRATIONS)
"""Every kind of gap that can be open, in the order in which lists show them."""
JOBS = tuple(dict.fromkeys([*(rule.job for rule in (*REPAIRED, *REPORT_ONLY)), *(rule.job for rule in AGGREGATE)]))
"""The jobs that check a rule."""
_BY_KIND = {kind: rule for rule in RULES for kind in rule.kinds}
_AGGREGATE_BY_KIND = {rule.kind: rule for rule in AGGREGATE}


def rule_of(kind: GapKind) -> Rule:
    """The rule that finds gaps of this kind.

    Raises:
        KeyError: no rule finds them: the kind is an integration's, or its rule no longer exists.
    """
    return _BY_KIND[kind]


def find_rule(kind: GapKind) -> Rule | None:
    """The rule that a booking with a gap of this kind breaks; ``None`` for any other kind."""
    return _BY_KIND.get(kind)


def any_rule_of(kind: GapKind) -> Rule | AggregateRule:
    """The rule of either sort that opens gaps of this kind.

    Raises:
        KeyError: no rule does.
    """
    return _AGGREGATE_BY_KIND[kind] if kind in _AGGREGATE_BY_KIND else _BY_KIND[kind]


def find_aggregate(kind: GapKind) -> AggregateRule | None:
    """The aggregate rule of this kind, if there is one."""
    return _AGGREGATE_BY_KIND.get(kind)


def report_of(kind: GapKind) -> Report:
    """How the report-only rule of this kind reads the text queue.

    Raises:
        KeyError: there is no report-only rule of this kind.
    """
    report = _BY_KIND[kind].report
    if report is None:
        raise KeyError(kind)
    return report


def rule_of_effect(effect: Effect) -> Rule:
    """The rule whose gaps are repaired by this effect."""
    return next(rule for rule in REPAIRED if rule.effect is effect)


def report_only_kinds(job: str) -> tuple[GapKind, ...]:
    """The kinds of the report-only rules that a job checks."""
    return tuple(rule.kind for rule in REPORT_ONLY if rule.job == job)


def aggregate_kinds(job: str) -> tuple[GapKind, ...]:
    """The kinds of the aggregate rules that a job checks."""
    return tuple(rule.kind for rule in AGGREGATE if rule.job == job)


def closes_with(kind: GapKind) -> tuple[GapKind, ...]:
    """The kinds of gaps that close together with a gap of this kind.

    Once a booking's event is in place or not needed any more, the duplicates that prevented it do not matter either.
    """
    rule = _BY_KIND.get(kind)
    return rule.closed_together if rule and rule.kind == kind else (kind,)
