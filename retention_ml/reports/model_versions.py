"""What a person sees of the registered versions: alias, measurements, trial, last decision."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from retention_ml.errors import RegistryError
from retention_ml.models.promotion.decisions import current_approval, decisions
from retention_ml.models.registry.mlflow_registry import ModelVersion, Registry
from retention_ml.reports.read import Row, promotions
from retention_ml.warehouse import Warehouse


def overview(warehouse: Warehouse, registry: Registry) -> dict[str, Any]:
    """Versions newest first, decisions newest first, and whether the registry answered.

    Where the registry does not answer, the versions are those of the ledgers and `alias` is what
    the ledger decided; `registry` then says so.
    """
    try:
        versions: Sequence[ModelVersion] = registry.versions(timeout="short")
        aliases = registry.aliases(timeout="short")
        message = "MLflow answers."
    except RegistryError as error:
        versions = []
        aliases = _decided_aliases(warehouse)
        message = f"This is from the ledger; aliases are as it decided. {error}"
    return {
        "registry": message,
        "versions": _rows(warehouse, versions, aliases),
        "decisions": promotions(warehouse),
    }


def _decided_aliases(warehouse: Warehouse) -> dict[str, str]:
    approvals = {
        alias: current_approval(decisions(warehouse, alias)) for alias in ("champion", "challenger")
    }
    return {alias: each.model_version for alias, each in approvals.items() if each is not None}


def _rows(
    warehouse: Warehouse, versions: Sequence[ModelVersion], aliases: Mapping[str, str]
) -> list[Row]:
    trainings, last_decisions, trials = _ledgers(warehouse)
    tags = {each.version: each.tags for each in versions}
    rows = []
    for version in sorted({*tags, *trainings, *last_decisions}, key=_number, reverse=True):
        training, decision = trainings.get(version), last_decisions.get(version)
        tag = tags.get(version, {})
        rows.append(
            {
                "version": version,
                "model": tag.get("model_name")
                or (training.selected_model if training else None)
                or (decision.model_name if decision else None),
                "trained_as_of": _day(tag.get("as_of")) or (training.as_of if training else None),
                "alias": ", ".join(sorted(a for a, at in aliases.items() if at == version)) or None,
                "roc_auc": training.value if training else None,
                "roc_auc_lower": training.lower if training else None,
                "roc_auc_upper": training.upper if training else None,
                "training_verdict": training.verdict if training else None,
                "trial": _trial(trials.get(version)),
                "last_decision": _decision(decision),
            }
        )
    return rows


def _ledgers(warehouse: Warehouse) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """By version: its training, the last decision about it, and its trial as challenger."""
    with warehouse.transaction() as transaction:
        trainings = {
            row.model_version: row
            for row in transaction.execute(
                "SELECT training.model_version, training.as_of, training.selected_model, "
                "training.verdict, evaluation.value, evaluation.lower, evaluation.upper "
                "FROM models.trainings AS training LEFT JOIN models.evaluations AS evaluation "
                "ON evaluation.training_id = training.training_id "
                "AND evaluation.model_name = training.selected_model "
                "AND evaluation.metric = 'roc_auc' "
                "WHERE training.model_version IS NOT NULL ORDER BY training.finished_at"
            )
        }
        last_decisions = {
            row.model_version: row
            for row in transaction.execute(
                "SELECT model_version, model_name, alias, verdict, decided_by, decided_at "
                "FROM models.promotions ORDER BY promotion_id"
            )
        }
        trials = {
            row.challenger_version: row
            for row in transaction.execute(
                "SELECT trial.challenger_version, trial.champion_version, trial.status, look.as_of, "
                "look.mean_difference, look.lower, look.upper, look.e_better, look.customers_count "
                "FROM outcomes.trials AS trial LEFT JOIN LATERAL (SELECT * FROM "
                "outcomes.trial_looks WHERE trial_id = trial.trial_id ORDER BY as_of DESC LIMIT 1) "
                "AS look ON true ORDER BY trial.trial_id"
            )
        }
    return trainings, last_decisions, trials


def _trial(trial: Any) -> str | None:
    """The trial of a challenger so far, in words."""
    if trial is None:
        return None
    text = f"{trial.status} against version {trial.champion_version}"
    if trial.as_of is None:
        return f"{text}, no outcome has matured yet"
    return (
        f"{text}: Brier score improved by {trial.mean_difference:+.4f} "
        f"[{trial.lower:+.4f}, {trial.upper:+.4f}], e-value {trial.e_better:.3g}, "
        f"{trial.customers_count:,} forecasts, {trial.as_of}"
    )


def _decision(decision: Any) -> str | None:
    if decision is None:
        return None
    day = decision.decided_at.date()
    return f"{decision.verdict} as {decision.alias} by {decision.decided_by}, {day}"


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _number(version: str) -> tuple[int, str]:
    return (int(version), "") if version.isdecimal() else (-1, version)
