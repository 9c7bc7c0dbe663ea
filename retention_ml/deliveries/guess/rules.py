"""Rows that are no plain sales: by the words of a status, by signs, by totals."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from retention_ml.deliveries.guess.feeds import FileKind
from retention_ml.deliveries.guess.header_words import cell_words, normalized
from retention_ml.deliveries.guess.profile import Profile
from retention_ml.deliveries.guess.roles import STATUS_GROUPS, Roles, status_columns
from retention_ml.deliveries.guess.write_toml import counted


class RuleGuess(NamedTuple):
    """A rule's keys, why it stands there, and whether it is only proposed."""

    keys: Mapping[str, Any]
    reason: str
    is_proposal: bool = False


def rules_of(kind: FileKind, *, has_refunds: bool) -> list[RuleGuess]:
    """The rules of a feed of order lines, in the order in which they apply.

    Parameters
    ----------
    has_refunds : bool
        Whether refunded money stands in a column of its own: then the status need not undo it.
    """
    return [
        *_totals(kind),
        *_statuses(kind, has_refunds=has_refunds),
        *_other_statuses(kind),
        *_signs(kind.profiles, kind.roles),
        *_charges(kind.profiles, kind.roles),
    ]


def _totals(kind: FileKind) -> list[RuleGuess]:
    if kind.totals is None:
        return []
    column, texts = kind.totals
    why = "sums of other rows: left out, and counted"
    return [RuleGuess({"when": {column: texts}, "leave_out": True}, why)]


def _statuses(kind: FileKind, *, has_refunds: bool) -> list[RuleGuess]:
    status = kind.of("status")
    if status is None:
        return []
    column, rules = status.name, []
    cancelled = _texts(status, "cancelled")
    refunded = _texts(status, "refunded")
    unsettled = _texts(status, "unsettled")
    if cancelled and _never_sold(kind, status, cancelled):
        rules.append(
            RuleGuess(
                {"when": {column: cancelled}, "leave_out": True},
                "cancelled rows have no amount or no pieces: they were never sold",
            )
        )
    elif cancelled:
        keys = {"when": {column: cancelled}, "kind": "cancellation", "in_place": True}
        rules.append(RuleGuess(keys, "the row that was sold is marked itself: nothing remains"))
    if refunded and has_refunds:
        keys = {"when": {column: refunded}, "kind": "return", "in_place": True}
        why = "not needed: the refunded money is a line of its own (per_order below)"
        rules.append(RuleGuess(keys, why, is_proposal=True))
    elif refunded:
        keys = {"when": {column: refunded}, "kind": "return", "in_place": True}
        rules.append(RuleGuess(keys, "the row that was sold is marked itself: nothing remains"))
    if failed := _texts(status, "failed"):
        keys = {"when": {column: failed}, "leave_out": True}
        rules.append(RuleGuess(keys, "no sale came about"))
    if unsettled:
        keys = {"when": {column: unsettled}, "leave_out": True}
        why = "TODO: not paid yet? Then take the # off; now they count as sold"
        rules.append(RuleGuess(keys, why, is_proposal=True))
    if partly := _texts(status, "partly"):
        listed = ", ".join(repr(text) for text in partly)
        rules.append(
            RuleGuess({}, f"{listed} stays as it is: a status does not say which part came back")
        )
    match = kind.roles.get("status")
    if rules and match is not None and not match.is_sure:
        doubt = f"TODO: is {column} the order's status? It was recognised by its words only; "
        rules[0] = rules[0]._replace(reason=doubt + rules[0].reason.removeprefix("TODO: "))
    return rules


def _other_statuses(kind: FileKind) -> list[RuleGuess]:
    """Proposals for further columns whose words say that an order was undone."""
    status, rules = kind.of("status"), []
    outcomes: dict[str, dict[str, Any]] = {
        "cancelled": {"kind": "cancellation", "in_place": True},
        "refunded": {"kind": "return", "in_place": True},
        "failed": {"leave_out": True},
    }
    for profile in status_columns(kind.profiles, kind.roles):
        if status is not None and profile.name == status.name:
            continue
        for group in STATUS_GROUPS:
            if texts := _texts(profile, group):
                count = sum(profile.counts[text] for text in texts)
                why = f"TODO: {profile.name} says so in {counted(count, 'row')}; does it decide?"
                keys = {"when": {profile.name: texts}, **outcomes[group]}
                rules.append(RuleGuess(keys, why, is_proposal=True))
    return rules


def _texts(profile: Profile, group: str) -> list[str]:
    return [text for text in profile.counts if normalized(text) in cell_words(group)]


def _never_sold(kind: FileKind, status: Profile, statuses: Sequence[str]) -> bool:
    """Whether most rows of a status have no quantity or no money, or none above zero."""
    rows = [i for i, text in enumerate(status.texts) if text in statuses]
    profiles = (kind.of(role) for role in ("quantity", "line_amount", "unit_price"))
    return any(
        sum(not profile.numbers[i] for i in rows) > 0.5 * len(rows)
        for profile in profiles
        if profile is not None and len(profile.texts) == len(status.texts)
    )


def _signs(profiles: Mapping[str, Profile], roles: Roles) -> list[RuleGuess]:
    rules = []
    if "quantity" in roles:
        quantity = profiles[roles["quantity"].column]
        if count := quantity.negatives:
            keys = {"when": {"quantity": "< 0"}, "kind": "return"}
            rules.append(RuleGuess(keys, f"{counted(count, 'row')} with less than zero pieces"))
        if count := sum(value == 0 for value in quantity.numbers):
            rules.append(
                RuleGuess(
                    {},
                    f"TODO: {counted(count, 'row')} with zero pieces will be rejected as zero_quantity",
                )
            )
    amounts = [roles[r] for r in ("line_amount", "unit_price") if r in roles]
    if amounts and not rules and (count := profiles[amounts[0].column].negatives):
        keys = {"when": {"line_amount_cents": "< 0"}, "kind": "return"}
        why = (
            f"{counted(count, 'amount')} below zero. TODO: money back, or a discount (kind charge)?"
        )
        rules.append(RuleGuess(keys, why))
    return rules


def _charges(profiles: Mapping[str, Profile], roles: Roles) -> list[RuleGuess]:
    for role in ("product_id", "product_name"):
        if role in roles and (texts := _texts(profiles[roles[role].column], "charge")):
            name = "product_id" if role == "product_id" else roles[role].column
            keys = {"when": {name: texts}, "kind": "charge"}
            return [RuleGuess(keys, "money, but no merchandise")]
    return []
