"""What a person sees of the registered versions: alias, measurements, trial, last decision."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from retention_ml.errors import RegistryError
from retention_ml.models.promotion.decisions import decisions, standing
from retention_ml.models.registry.mlflow_registry import ModelVersion, Registry
from retention_ml.reports.read import Row, promotions
from retention_ml.warehouse import Warehouse


def overview(warehouse: Warehouse, registry: Registry) -> dict[str, Any]:
    """Versions newest first, decisions newest first, and what the registry said.

    Where the registry does not answer, the versions are those the ledgers know and `alias` is
    what the ledger decided; `registry` then says so.
    """
    try:
        known: Sequence[ModelVersion] = registry.versions(brisk=True)
        aliases = registry.aliases(brisk=True)
        said = "MLflow answers."
    except RegistryError as error:
        known = []
        aliases = _decided(warehouse)
        said = f"This is what the ledger knows; aliases are as it decided. {error}"
    return {
        "registry": said,
        "versions": _versions(warehouse, known, aliases),
        "decisions": promotions(warehouse),
    }


def _decided(warehouse: Warehouse) -> dict[str, str]:
    held = {alias: standing(decisions(warehouse, alias)) for alias in ("champion", "challenger")}
    return {alias: each.model_version for alias, each in held.items() if each is not None}


def _versions(
    warehouse: Warehouse, known: Sequence[ModelVersion], aliases: Mapping[str, str]
) -> list[Row]:
    with warehouse.transaction() as transaction:
        trained = {
            row.model_version: row
            for row in transaction.execute(
                "SELECT made.model_version, made.as_of, made.selected_model, made.verdict, "
                "told.value, told.lower, told.upper FROM models.trainings AS made "
                "LEFT JOIN models.evaluations AS told ON told.training_id = made.training_id "
                "AND told.model_name = made.selected_model AND told.metric = 'roc_auc' "
                "WHERE made.model_version IS NOT NULL ORDER BY made.finished_at"
            )
        }
        decided = {
            row.model_version: row
            for row in transaction.execute(
                "SELECT model_version, model_name, alias, verdict, decided_by, decided_at "
                "FROM models.promotions ORDER BY promotion_id"
            )
        }
        tried = {
            row.challenger_version: row
            for row in transaction.execute(
                "SELECT trial.challenger_version, trial.champion_version, trial.status, look.as_of, "
                "look.mean_difference, look.lower, look.upper, look.e_better, look.customers_count "
                "FROM outcomes.trials AS trial LEFT JOIN LATERAL (SELECT * FROM "
                "outcomes.trial_looks WHERE trial_id = trial.trial_id ORDER BY as_of DESC LIMIT 1) "
                "AS look ON true ORDER BY trial.trial_id"
            )
        }
    tags = {each.version: each.tags for each in known}
    rows = []
    for version in sorted({*tags, *trained, *decided}, key=_number, reverse=True):
        made, last, told = trained.get(version), decided.get(version), tags.get(version, {})
        rows.append(
            {
                "version": version,
                "model": told.get("model_name")
                or (made.selected_model if made else None)
                or (last.model_name if last else None),
                "trained_as_of": _day(told.get("as_of")) or (made.as_of if made else None),
                "alias": ", ".join(sorted(a for a, at in aliases.items() if at == version)) or None,
                "roc_auc": made.value if made else None,
                "roc_auc_lower": made.lower if made else None,
                "roc_auc_upper": made.upper if made else None,
                "training_verdict": made.verdict if made else None,
                "trial": _trial(tried.get(version)),
                "last_decision": _decision(last),
            }
        )
    return rows


def _trial(found: Any) -> str | None:
    """What outcomes say about a challenger so far, in words."""
    if found is None:
        return None
    said = f"{found.status} against version {found.champion_version}"
    if found.as_of is None:
        return f"{said}, no outcome has matured yet"
    return (
        f"{said}: Brier score improved by {found.mean_difference:+.4f} "
        f"[{found.lower:+.4f}, {found.upper:+.4f}], e-value {found.e_better:.3g}, "
        f"{found.customers_count:,} forecasts, {found.as_of}"
    )


def _decision(found: Any) -> str | None:
    if found is None:
        return None
    day = found.decided_at.date()
    return f"{found.verdict} as {found.alias} by {found.decided_by}, {day}"


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _number(version: str) -> tuple[int, str]:
    return (int(version), "") if version.isdecimal() else (-1, version)
