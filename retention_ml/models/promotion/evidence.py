"""The evidence about a version before it serves: its training's verdict and measurements."""

from collections.abc import Mapping
from typing import Any

from retention_ml.warehouse import Transaction


def training_evidence(
    transaction: Transaction, version: str, sha256: str
) -> tuple[str, Mapping[str, Any]]:
    """A sentence about a version's evidence, and the figures; both say so where there is none.

    It is what its training registered, or else a candidate whose bundle of that digest somebody
    registered in MLflow.
    """
    trainings = transaction.execute(
        "SELECT training_id, as_of, selected_model AS model_name, verdict, reason "
        "FROM models.trainings WHERE model_version = :version AND status = 'selected' "
        "ORDER BY finished_at DESC LIMIT 1",
        version=version,
    ) or transaction.execute(
        "SELECT training_id, as_of, model_name, NULL AS verdict, NULL AS reason "
        "FROM models.fits JOIN models.trainings USING (training_id) "
        "WHERE bundle_sha256 = :sha256 ORDER BY fitted_at DESC LIMIT 1",
        sha256=sha256,
    )
    if not trainings:
        sentence = "It came from no training known here: there is no evidence about it."
        return sentence, {"training_id": None, "note": sentence}
    training = trainings[0]
    evaluations = transaction.execute(
        "SELECT metric, value, lower, upper FROM models.evaluations WHERE training_id = :training "
        "AND model_name = :model AND metric IN ('roc_auc', 'log_loss', 'brier', 'ece')",
        training=training.training_id,
        model=training.model_name,
    )
    figures = {metric: figure for metric, *figure in evaluations}
    sentence = (
        f"Its training of {training.as_of} said {training.verdict}"
        if training.verdict
        else f"It is the candidate {training.model_name} of the training of {training.as_of}"
    )
    if "roc_auc" in figures:
        value, lower, upper = figures["roc_auc"]
        sentence += f" (ROC AUC {value:.3f}, 95 % interval {lower:.3f} to {upper:.3f})"
    return f"{sentence}.", {
        "training_id": training.training_id,
        "as_of": str(training.as_of),
        "model_name": training.model_name,
        "verdict": training.verdict,
        "reason": training.reason,
        "metrics": figures,
    }
