"""A rule of a description in the words of its TOML."""

from collections.abc import Mapping

from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.description.rules import Rule
from retention_ml.deliveries.inspect.inspection import RuleCount

_LIST_MAX = 4


def rule_counts(feed: Feed, counts: Mapping[int, int]) -> tuple[RuleCount, ...]:
    """Each rule with the number of rows it decided, zero included."""
    return tuple(
        RuleCount(rule=_conditions(rule), outcome=_outcome(rule), count=counts.get(i, 0))
        for i, rule in enumerate(feed.rules)
    )


def _conditions(rule: Rule) -> str:
    parts = [f"{name} {_condition(value)}" for name, value in rule.when.items()]
    parts += [f"not {name} {_condition(value)}" for name, value in rule.unless.items()]
    return ", ".join(parts)


def _condition(value: str | tuple[str, ...]) -> str:
    if isinstance(value, str):
        return value
    more = len(value) - _LIST_MAX
    listed = " | ".join(value[:_LIST_MAX])
    return f"{listed} | {more} more" if more > 0 else listed


def _outcome(rule: Rule) -> str:
    if rule.quarantine:
        return f"quarantine {rule.quarantine}"
    if rule.leave_out:
        return "left out"
    if rule.set:
        return ", ".join(f"{name} = {value}" for name, value in rule.set.items())
    return f"{rule.kind} in place" if rule.in_place else str(rule.kind)
