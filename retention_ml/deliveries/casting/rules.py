"""What typed rows are: the rules of their source, then the first reason against each."""

from collections.abc import Sequence

import ibis

from retention_ml import tables
from retention_ml.deliveries.mapping import Rule, comparison
from retention_ml.deliveries.reasons import Reason
from retention_ml.deliveries.sources import Feed

REASON = "__reason"

Check = tuple[ibis.Value, str]


def judged(feed: Feed, rows: ibis.Table, required: Sequence[Check]) -> ibis.Table:
    """Apply the rules, then find the first reason against each row."""
    entry = tables.CANONICAL[feed.table]
    rows = rows.mutate(
        __rule=first_of([(_holds(rule, rows), str(i)) for i, rule in enumerate(feed.rules)])
    )
    changes: dict[str, ibis.Value] = {}
    for i, rule in enumerate(feed.rules):
        target = {**({"kind": rule.kind} if rule.kind else {}), **rule.set}
        for name, to in target.items():
            changes[name] = ibis.ifelse(rows["__rule"] == str(i), to, changes.get(name, rows[name]))
    rows = rows.mutate(**changes)
    if feed.table == "order_lines":
        rows = rows.mutate(discount_cents=ibis.coalesce(rows.discount_cents, 0).cast("int64"))
        back = rows.kind.isin(["return", "cancellation"])
        rows = rows.mutate(
            quantity=ibis.ifelse(back, -rows.quantity.abs(), rows.quantity),
            line_amount_cents=ibis.ifelse(
                back, -rows.line_amount_cents.abs(), rows.line_amount_cents
            ),
        )
    checks: list[Check] = []
    by_name = {str(name): code for name, code in required}
    given = [name for name in by_name if name != "kind"]
    checks += [(rows["__cast"].notnull(), "__cast")]
    checks += [(rows[name].isnull(), by_name[name]) for name in given]
    declared = [(str(i), rule.quarantine) for i, rule in enumerate(feed.rules) if rule.quarantine]
    checks += [(rows["__rule"] == i, code) for i, code in declared]
    for (table, name), known in tables.CLOSED_SETS.items():
        if table == feed.table:
            checks.append((rows[name].isnull(), f"missing_{name}"))
            checks.append((~rows[name].isin(list(known)), f"unknown_{name}"))
    if feed.table == "order_lines":
        sale, charge = rows.kind == "sale", rows.kind == "charge"
        checks += [
            (~charge & (rows.unit_price_cents < 0), Reason.NEGATIVE_PRICE),
            (sale & (rows.quantity < 0), Reason.NEGATIVE_QUANTITY),
            (sale & (rows.line_amount_cents < 0), Reason.NEGATIVE_PRICE),
            (~charge & (rows.quantity == 0), Reason.ZERO_QUANTITY),
            (rows.discount_cents < 0, Reason.OUT_OF_RANGE),
        ]
    if "customer_id" in {column.name for column in entry}:
        needed = entry.column("customer_id").required or not feed.guests
        if needed:
            checks.append((rows.customer_id.isnull(), Reason.MISSING_CUSTOMER_ID))
    return rows.mutate(**{REASON: first_of(checks, of=rows["__cast"])})


def first_of(checks: Sequence[Check], of: ibis.Value | None = None) -> ibis.Value:
    """The code of the first check that holds, else null; `__cast` stands for the cast's own."""
    if not checks:
        return ibis.null("string")
    branches = [
        (condition.fill_null(False), of if code == "__cast" else ibis.literal(str(code)))
        for condition, code in checks
    ]
    return ibis.cases(*branches, else_=ibis.null("string"))


def _holds(rule: Rule, rows: ibis.Table) -> ibis.Value:
    held: ibis.Value | None = None
    for name, condition in rule.when.items():
        value = rows[name] if name in rows.columns else rows[f"theirs.{name}"]
        if condition == "missing":
            fits = value.isnull()
        elif condition == "present":
            fits = value.notnull()
        elif not isinstance(condition, str):
            fits = value.isin(list(condition))
        elif value.type().is_string():
            fits = value.re_search(condition)
        else:
            operator, number = comparison(name, condition)
            fits = {
                "<": value < number,
                "<=": value <= number,
                ">": value > number,
                ">=": value >= number,
                "=": value == number,
                "!=": value != number,
            }[operator]
        fits = fits.fill_null(False)
        held = fits if held is None else held & fits
    assert held is not None
    return held
