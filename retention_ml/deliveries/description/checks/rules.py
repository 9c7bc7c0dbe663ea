"""Whether a rule fits the table of its feed."""

from collections.abc import Mapping

from retention_ml import tables
from retention_ml.deliveries.description.columns import Column
from retention_ml.deliveries.description.conditions import check_conditions
from retention_ml.deliveries.description.mistakes import Mistake, listed, nearest, shown
from retention_ml.deliveries.description.rules import Rule

_SET_MAX = 10**12


def check_rule(
    table: str,
    rule: Rule,
    columns: Mapping[str, tables.Column],
    specs: Mapping[str, Column],
) -> None:
    """Check one rule of a feed that maps these canonical columns.

    Raises
    ------
    Mistake
        With the key it is about as its path.
    """
    kinds = tables.CLOSED_SETS.get((table, "kind"), ())
    if rule.kind is not None and rule.kind not in kinds:
        expected = f"expected {listed(kinds)}" if kinds else "its rows have no kind"
        raise Mistake(
            f"{shown(rule.kind)} is no kind of {table}; {expected}.{nearest(rule.kind, kinds)}",
            ("kind",),
        )
    if rule.in_place and table != "order_lines":
        raise Mistake(f"in_place is for order_lines, not for {table}", ("in_place",))
    numbers = {c.name for c in tables.CANONICAL[table] if c.type == "int64"} - {"occurrence"}
    for name, value in rule.set.items():
        if name not in numbers:
            expected = f"expected {listed(sorted(numbers))}" if numbers else "it has none"
            raise Mistake(
                f"`set` changes numbers of {table}, and {shown(name)} is none; "
                f"{expected}.{nearest(name, numbers)}",
                ("set", name),
            )
        if abs(value) > _SET_MAX:
            raise Mistake(f"{name} cannot be set to {shown(value)}: it is too large", ("set", name))
    for key in ("when", "unless"):
        check_conditions(getattr(rule, key), columns, key, specs)
