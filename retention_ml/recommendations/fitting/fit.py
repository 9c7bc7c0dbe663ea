"""The door `fit`: when due, a ranker is fitted, proves itself on a past day, and is decided about."""

import logging
import time
from datetime import date, timedelta
from typing import Any

from retention_ml import clock
from retention_ml.errors import NotReady, RegistryError
from retention_ml.failpoints import failpoint
from retention_ml.features.roll_up import roll_up
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.receipts import DecisionReceipt
from retention_ml.recommendations.backtest.run import learning_of
from retention_ml.recommendations.fit_ranker import fit_ranker, matured_days
from retention_ml.recommendations.fitting.ledger import newest_fit, store
from retention_ml.recommendations.fitting.proof import Proof, decision, prove
from retention_ml.recommendations.purchases import read_log
from retention_ml.recommendations.ranker import MODEL_NAME
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

logger = logging.getLogger(__name__)

LOCK = "recommendations.fit"


def fit(
    warehouse: Warehouse, *, settings: Settings, as_of: date, force: bool = False
) -> DecisionReceipt:
    """Fit a ranker on what was known at the start of a day, unless the last one is young enough.

    It makes the lists from that day on if one of the same making, fitted on an earlier day, was
    better than personal frequency at what was bought afterwards. MLflow is shown it; it may be
    down.

    Returns
    -------
    DecisionReceipt
        `details`: `is_new`, `is_in_force`, `bundle_sha256`, and the evidence.

    Raises
    ------
    NotReady
        Too little history to learn from, or to look at what was bought afterwards.
    """
    started = time.perf_counter()
    with warehouse.exclusive(LOCK):
        with warehouse.transaction() as transaction:
            before = newest_fit(transaction, as_of)
        due_on = (
            before.as_of + timedelta(days=settings.recommendations.fit_every_days)
            if before
            else as_of
        )
        is_due = due_on <= as_of or (force and before.as_of < as_of)
        if not is_due:
            sentence = (
                f"Not due: the ranker of {before.as_of} counts until {due_on}. {before.reason}"
            )
            details = {
                "is_new": False,
                "is_in_force": before.is_in_force,
                "bundle_sha256": before.bundle_sha256,
                "evidence": before.evidence,
            }
        else:
            sentence, details = _fit(
                warehouse, settings, as_of, bool(before and before.is_in_force)
            )
    failpoint("fit.after_commit")
    _register(warehouse, settings)
    return warehouse.record(
        DecisionReceipt(
            door="fit",
            as_of=as_of,
            seconds=time.perf_counter() - started,
            sentence=sentence,
            details=details,
        ),
        settings.run_id,
    )


def _fit(
    warehouse: Warehouse, settings: Settings, as_of: date, is_renewal: bool
) -> tuple[str, dict[str, Any]]:
    roll_up(warehouse, settings=settings)
    log = read_log(warehouse, as_of=as_of, timezone=settings.calendar.timezone)
    learning = learning_of(settings)
    days = matured_days(log, as_of, learning)
    if not days:
        needed = 3 * learning.horizon_days + learning.settle_days
        raise NotReady(
            f"No ranker can be fitted at {as_of}: purchases begin on {log.begins_on}; expected at "
            f"least {needed} days of them, a window to look back on, one to learn from and one to "
            "prove itself. Lists are made by personal frequency until then."
        )
    training = settings.training
    proof = prove(log, days[0], learning, draws=training.bootstrap_draws, seed=training.seed)
    is_in_force, reason = decision(proof, is_renewal=is_renewal)
    ranker = fit_ranker(log, as_of=as_of, learning=learning)
    with warehouse.transaction() as transaction:
        store(
            transaction,
            ranker,
            {
                "as_of": as_of,
                "evaluated_on": proof.day,
                "is_in_force": is_in_force,
                "reason": reason,
                "evidence": proof.evidence,
            },
            _card(proof, reason, ranker.about),
            settings.run_id,
        )
        failpoint("fit.before_commit")
    return reason, {
        "is_new": True,
        "is_in_force": is_in_force,
        "bundle_sha256": ranker.sha256,
        "evidence": proof.evidence,
    }


def _card(proof: Proof, reason: str, about: dict[str, Any]) -> str:
    """What the ranker is and how good, in Markdown."""
    lines = [
        "# Recommendations: ranker",
        "",
        f"Probability that a customer buys a product within {about['horizon_days']} days. Learnt on "
        f"{', '.join(about['learn_days'])}, {about['pairs_count']:,} pairs; calibrated on the newest "
        "of these days.",
        "",
        reason,
        "",
        "| method | list | NDCG@10 | recall@10 | hit@10 |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {kind} | {figures['ndcg']:.4f} | {figures['recall']:.4f} | "
            f"{figures['hit']:.3f} |"
            for name, lists in proof.figures.items()
            for kind, figures in lists.items()
        ),
    ]
    return "\n".join(lines) + "\n"


def _register(warehouse: Warehouse, settings: Settings) -> None:
    """Show MLflow the rankers that it has not seen. Best effort: logs instead of raising."""
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT bundle_sha256, files, card, (SELECT evidence FROM recommendations.fits AS fit "
            "WHERE fit.bundle_sha256 = bundle.bundle_sha256 ORDER BY fit_id LIMIT 1) AS evidence "
            "FROM recommendations.bundles AS bundle WHERE registered_at IS NULL ORDER BY stored_at"
        )
    registry = Registry(settings)
    for row in rows:
        try:
            registry.log_candidate(
                training_id=row.bundle_sha256[:12],
                model_name=MODEL_NAME,
                params={},
                metrics=_metrics(row.evidence),
                texts={
                    "model_card.md": row.card,
                    **{f"bundle/{name}": text for name, text in row.files.items()},
                },
                figures={},
                tags={"bundle_sha256": row.bundle_sha256},
            )
        except RegistryError as error:
            logger.warning("MLflow does not show the ranker: %s", error)
            return
        with warehouse.transaction() as transaction:
            transaction.execute(
                "UPDATE recommendations.bundles SET registered_at = :now "
                "WHERE bundle_sha256 = :sha256",
                now=clock.now(),
                sha256=row.bundle_sha256,
            )


def _metrics(evidence: dict[str, Any]) -> dict[str, float]:
    """What MLflow shows in columns."""
    lists = evidence["methods"]["champion"]
    return {f"{kind}_ndcg_at_10": lists[kind]["ndcg"] for kind in lists} | {
        "ndcg_minus_personal_frequency": evidence["difference"]["value"]
    }
