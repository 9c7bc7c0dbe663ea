"""The door `decide`: a person says of a customer that they are abnormal, or that they are not."""

import time
from datetime import date
from typing import Literal

from retention_ml.abnormal import ledger
from retention_ml.abnormal.detect import excluded_kinds
from retention_ml.abnormal.kinds import KINDS, MEANINGS, Kind
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

    The same decision once more, for the same evidence, changes nothing.

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
        chosen, strength, evidence = _evidence(transaction, customer_id, kind, as_of)
        before = ledger.newest_decisions(transaction, as_of, by_people=True).get(
            (customer_id, chosen)
        )
        is_excluded = decision == "confirmed" and chosen in excluded_kinds(settings)
        is_repeat = (
            before is not None and before.decision == decision and before.strength == strength
        )
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
            sentence=_sentence(decision, chosen, is_excluded, is_repeat, as_of),
            seconds=time.perf_counter() - started,
            details={"kind": str(chosen), "decision": decision, "is_repeat": is_repeat},
        ),
        settings.run_id,
    )


def _evidence(
    transaction: Transaction, customer_id: str, kind: str | None, as_of: date
) -> tuple[Kind, float, str | None]:
    """The kind that is meant, and what speaks for it on the newest day up to that of the decision."""
    if kind is not None and kind not in list(KINDS):
        raise UsageError(
            f"There is no kind {kind!r} of abnormal customers; expected one of {', '.join(KINDS)}."
        )
    rows = transaction.execute(
        "SELECT kind, strength, evidence FROM abnormal.customer_daily "
        "WHERE customer_id = :id AND as_of <= :as_of AND kind = coalesce(:kind, kind) "
        "ORDER BY as_of DESC LIMIT 1",
        id=customer_id,
        as_of=as_of,
        kind=kind,
    )
    if rows:
        return Kind(rows[0].kind), float(rows[0].strength), str(rows[0].evidence)
    if kind is None:
        raise UsageError(
            f"This customer was not flagged up to {as_of}. Name what they are with --kind: "
            f"{', '.join(KINDS)}; `retention abnormal list` shows who was."
        )
    if not transaction.execute(
        "SELECT FROM features.customer_day WHERE customer_id = :id LIMIT 1", id=customer_id
    ):
        raise UsageError(
            "No order and no event of such a customer is known. Check the number, as "
            "`retention abnormal list` or the shop's own system shows it."
        )
    return Kind(kind), 0.0, None


def _sentence(decision: str, kind: Kind, is_excluded: bool, is_repeat: bool, as_of: date) -> str:
    if is_repeat:
        return f"This was decided before ({kind}, {decision}); nothing changed."
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
