"""The door `decide`: a person says of a customer that they are abnormal, or that they are not."""

import time
from datetime import date
from typing import Any, Literal

import pyarrow.compute as pc
import sqlalchemy as sa

from retention_ml.abnormal import ledger
from retention_ml.abnormal.behaviour import read_behaviour
from retention_ml.abnormal.detect import excluded_kinds
from retention_ml.abnormal.evidence import evidence as evidence_of
from retention_ml.abnormal.kinds import KINDS, MEANINGS, Kind
from retention_ml.abnormal.measures import measures
from retention_ml.abnormal.rules import strengths
from retention_ml.errors import UsageError
from retention_ml.features.roll_up import roll_up
from retention_ml.receipts import DecisionReceipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse


def decide(
    warehouse: Warehouse,
    *,
    settings: Settings,
    customer_id: str,
    decision: Literal["confirmed", "cleared"],
    decided_by: str,
    reason: str,
    as_of: date,
    kind: str | None = None,
) -> DecisionReceipt:
    """Write a decision into the ledger; it outranks what is detected from a day on.

    The same decision once more, for the same evidence and under the same setting of the kind,
    changes nothing.

    Parameters
    ----------
    as_of : date
        Results of earlier days stay as they were, also where they are made again.
    kind : str, optional
        By default the kind for which the customer was flagged last.

    Raises
    ------
    UsageError
        The customer was never flagged and no kind is named, the kind is unknown, nobody or nothing
        is named as decider or reason, or there is no such customer to confirm.
    """
    started = time.perf_counter()
    for what, text in (("who decides", decided_by), ("a reason", reason)):
        if not text.strip():
            raise UsageError(
                f"The decision lacks {what}; expected some words, because the ledger keeps them. "
                "Pass --by and --reason."
            )
    roll_up(warehouse, settings=settings)  # a new customer may be decided about at once
    with warehouse.transaction() as transaction:
        ledger.lock_ledger(transaction)
        flag = _newest_flag(transaction, customer_id, as_of)
        chosen = _kind(kind, flag, as_of)
        evidence: str | None
        if flag is not None and flag.kind == chosen:
            strength, evidence = float(flag.strength), str(flag.evidence)
        else:
            strength, evidence = _looked_up(warehouse, settings, customer_id, chosen, as_of)
        if evidence is None and not _is_known(transaction, customer_id):
            raise UsageError(
                "No order and no event of such a customer is known. Check the number, as "
                "`retention abnormal list` or the shop's own system shows it."
            )
        before = ledger.newest_decisions(transaction, as_of, by_people=True).get(
            (customer_id, chosen)
        )
        is_excluded = decision == "confirmed" and chosen in excluded_kinds(settings)
        is_repeat = before is not None and (
            before.decision,
            before.strength,
            before.is_excluded,
        ) == (decision, strength, is_excluded)
        other = flag.kind if flag is not None and flag.status != "cleared" else chosen
        if not is_repeat:
            ledger.add(
                transaction,
                [
                    {
                        "customer_id": customer_id,
                        "kind": str(chosen),
                        "decision": decision,
                        "strength": strength,
                        "evidence": evidence,
                        "is_excluded": is_excluded,
                        "decided_by": decided_by,
                        "reason": reason,
                    }
                ],
                as_of=as_of,
                run_id=settings.run_id,
            )
    return warehouse.record(
        DecisionReceipt(
            door="decide",
            as_of=as_of,
            sentence=_sentence(decision, chosen, Kind(other), is_excluded, is_repeat, as_of),
            seconds=time.perf_counter() - started,
            details={"kind": str(chosen), "decision": decision, "is_repeat": is_repeat},
        ),
        settings.run_id,
    )


def _newest_flag(transaction: Transaction, customer_id: str, as_of: date) -> sa.Row[Any] | None:
    """What is stored of the customer on the newest day up to that of the decision."""
    rows = transaction.execute(
        "SELECT kind, status, strength, evidence FROM abnormal.customer_daily "
        "WHERE customer_id = :id AND as_of <= :as_of ORDER BY as_of DESC LIMIT 1",
        id=customer_id,
        as_of=as_of,
    )
    return rows[0] if rows else None


def _kind(kind: str | None, flag: sa.Row[Any] | None, as_of: date) -> Kind:
    if kind is not None and kind not in list(KINDS):
        raise UsageError(
            f"There is no kind {kind!r} of abnormal customers; expected one of {', '.join(KINDS)}."
        )
    if kind is not None:
        return Kind(kind)
    if flag is None:
        raise UsageError(
            f"This customer was not flagged up to {as_of}. Name what they are with --kind: "
            f"{', '.join(KINDS)}; `retention abnormal list` shows who was."
        )
    return Kind(flag.kind)


def _looked_up(
    warehouse: Warehouse, settings: Settings, customer_id: str, kind: Kind, as_of: date
) -> tuple[float, str | None]:
    """How strongly the rule of a kind speaks for a customer, and why; stored is only one kind."""
    b = read_behaviour(warehouse, as_of=as_of, window_days=settings.abnormal.window_days)
    place = pc.index(b.customer_ids, customer_id).as_py()
    if place < 0:
        return 0.0, None
    values = strengths(b, measures(b)).by_kind.get(kind)
    strength = 0.0 if values is None else float(values[place])
    return strength, evidence_of(b, place, kind, minor_units=settings.calendar.minor_units)


def _is_known(transaction: Transaction, customer_id: str) -> bool:
    return bool(
        transaction.execute(
            "SELECT FROM features.customer_day WHERE customer_id = :id LIMIT 1", id=customer_id
        )
    )


def _sentence(
    decision: str, kind: Kind, other: Kind, is_excluded: bool, is_repeat: bool, as_of: date
) -> str:
    """What follows; `other` is the kind that is detected, the same or not."""
    if is_repeat:
        return f"This was decided before ({kind}, {decision}); nothing changed."
    if decision == "cleared" and other != kind:
        return (
            f"From {as_of} on the customer is not flagged as {kind} for the same evidence, and "
            f"stays flagged as {other}."
        )
    if decision == "cleared":
        return (
            f"From {as_of} on the customer counts as one again, and is not flagged as {kind} for "
            "the same evidence."
        )
    effect = (
        "is left out of metrics, best sellers, training and campaigns"
        if is_excluded
        else f'is shown as such and stays everywhere: [abnormal] {kind} is "flag"'
    )
    return f"From {as_of} on the customer counts as {kind} ({MEANINGS[kind]}) and {effect}."
