"""Answers and verdicts that make no new champion, written into the promotion ledger once."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from retention_ml.models.promotion.decisions import (
    CHALLENGER_OF,
    Decision,
    current_approval,
    current_version,
    lock_decisions,
    write_decision,
)
from retention_ml.outcomes.trial.answer import Answer
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction


def record_answer(
    transaction: Transaction,
    settings: Settings,
    answer: Answer,
    reason: str,
    *,
    alias: str = "champion",
    as_of: date | None = None,
) -> None:
    """Keep a person's answer that changed nothing, and why.

    Parameters
    ----------
    alias : str
        The champion's: of churn models, or of rankers.
    as_of : date, optional
        Of a ranker: see `write_decision`.
    """
    who = answer.refused_by if answer.is_refusal else answer.approved_by
    if who is None:
        return
    champions, challengers = (
        lock_decisions(transaction, each) for each in (alias, CHALLENGER_OF[alias])
    )
    champion = current_approval(champions)
    version = answer.version or current_version(challengers)
    about = next((one for one in [*challengers, *champions] if one.model_version == version), None)
    if about is None:
        return
    is_champion = champion is not None and champion.bundle_sha256 == about.bundle_sha256
    if is_champion and not answer.is_refusal:
        return
    sentence = f"{answer.sentence}{reason}"
    record_keep(transaction, settings, about, who, sentence, {}, alias=alias, as_of=as_of)


def record_keep(
    transaction: Transaction,
    settings: Settings,
    about: Decision,
    decided_by: str,
    reason: str,
    evidence: Mapping[str, Any],
    *,
    alias: str = "champion",
    as_of: date | None = None,
) -> bool:
    """Write that a version does not become champion, if it is not written yet; whether it was."""
    row = ("keep", about.model_version, decided_by, reason)
    if any(
        (each.verdict, each.model_version, each.decided_by, each.reason) == row
        for each in lock_decisions(transaction, alias)
    ):
        return False
    write_decision(
        transaction,
        settings=settings,
        alias=alias,
        model_name=about.model_name,
        version=about.model_version,
        bundle_sha256=about.bundle_sha256,
        verdict="keep",
        decided_by=decided_by,
        reason=reason,
        evidence=evidence,
        training_id=about.training_id,
        as_of=as_of,
    )
    return True
