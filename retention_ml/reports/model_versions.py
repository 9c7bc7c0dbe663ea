"""What a person sees of the registered versions: alias, measurements, trial, last decision."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from retention_ml.errors import RegistryError
from retention_ml.models.promotion.decisions import CHALLENGER_OF, current_version, decisions
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.models.registry.model_version import ModelVersion
from retention_ml.reports.read import Row, promotions, select
from retention_ml.warehouse import Warehouse

_OF_CHURN = ("champion", "challenger")


def overview(warehouse: Warehouse, registry: Registry) -> dict[str, Any]:
    """Versions newest first, decisions newest first, and whether the registry answered.

    Where the registry does not answer, the versions are those of the ledgers and `alias` is what
    the ledger decided; `registry` then says so.
    """
    rankers = [each for pair in CHALLENGER_OF.items() for each in pair if each not in _OF_CHURN]
    try:
        versions: Sequence[ModelVersion] = registry.versions(timeout="short")
        aliases = {**_decided(warehouse, rankers), **registry.aliases(timeout="short")}
        message = "MLflow answers."
    except RegistryError as error:
        versions = []
        aliases = _decided(warehouse, [*_OF_CHURN, *rankers])
        message = f"This is from the ledger; aliases are as it decided. {error}"
    return {
        "registry": message,
        "versions": _rows(warehouse, versions, aliases),
        "decisions": promotions(warehouse),
    }


def _decided(warehouse: Warehouse, aliases: Sequence[str]) -> dict[str, str]:
    """The version that the ledger put under each alias; those of rankers are shown from it."""
    decided = {alias: current_version(decisions(warehouse, alias)) for alias in aliases}
    return {alias: version for alias, version in decided.items() if version is not None}


def _rows(
    warehouse: Warehouse, versions: Sequence[ModelVersion], aliases: Mapping[str, str]
) -> list[Row]:
    trainings, last_decisions, trials = _ledgers(warehouse)
    tags = {each.version: each.tags for each in versions}
    rows = []
    for version in sorted({*tags, *trainings, *last_decisions}, key=_number, reverse=True):
        training, decision = trainings.get(version, {}), last_decisions.get(version, {})
        tag = tags.get(version, {})
        rows.append(
            {
                "version": version,
                "model": tag.get("model_name")
                or training.get("selected_model")
                or decision.get("model_name"),
                "trained_as_of": _day(tag.get("as_of")) or training.get("as_of"),
                "alias": ", ".join(sorted(a for a, at in aliases.items() if at == version)) or None,
                "roc_auc": training.get("value"),
                "roc_auc_lower": training.get("lower"),
                "roc_auc_upper": training.get("upper"),
                "training_verdict": training.get("verdict"),
                "contacts": training.get("contacts"),
                "evaluated_on": _evaluated_on(training),
                "trial": _trial(trials.get(version)),
                "last_decision": _decision(decision),
            }
        )
    return rows


def _ledgers(warehouse: Warehouse) -> list[dict[str, Row]]:
    """By version: its training, the last decision about it, and its trial as challenger."""
    statements = (
        "SELECT training.model_version AS version, training.as_of, training.selected_model, "
        "training.verdict, training.contacts, evaluation.value, evaluation.lower, "
        "evaluation.upper "
        "FROM models.trainings AS training LEFT JOIN models.evaluations AS evaluation "
        "ON evaluation.training_id = training.training_id "
        "AND evaluation.model_name = training.selected_model "
        "AND evaluation.metric = 'roc_auc' "
        "WHERE training.model_version IS NOT NULL ORDER BY training.finished_at",
        "SELECT model_version AS version, model_name, alias, verdict, decided_by, decided_at "
        "FROM models.promotions ORDER BY promotion_id",
        "SELECT trial.challenger_version AS version, trial.champion_version, trial.status, "
        "look.as_of, look.mean_difference, look.lower, look.upper, look.e_better, "
        "look.customers_count, trial.registered_model "
        "FROM outcomes.trials AS trial LEFT JOIN LATERAL (SELECT * FROM "
        "outcomes.trial_looks WHERE trial_id = trial.trial_id ORDER BY as_of DESC LIMIT 1) "
        "AS look ON true ORDER BY trial.trial_id",
    )
    return [{row["version"]: row for row in select(warehouse, sql)} for sql in statements]


def _evaluated_on(training: Row) -> str | None:
    """Whose outcomes a training compared its candidates on, and whom it left out, in words."""
    if not training:
        return None
    if not training.get("contacts"):
        return "everybody: the platform contacted nobody"
    text = []
    for use, each in training["contacts"].items():
        percent = 100 * each["contacted_count"] / max(1, each["rows_count"])
        text.append(
            f"{use}: {each['contacted_count']:,} contacted left out ({percent:.1f} %), "
            f"{each['by_lot_count']:,} left alone by lot stand for them (weights up to "
            f"{each['weight_max']:.3g})"
        )
    return "; ".join(text)


def _trial(trial: Row | None) -> str | None:
    """The trial of a challenger so far, in words."""
    if trial is None:
        return None
    is_ranker = trial["registered_model"] == "recommendations"
    text = "{status} against {version}".format(
        version=trial["champion_version"] if is_ranker else f"version {trial['champion_version']}",
        status=trial["status"],
    )
    if trial["as_of"] is None:
        return f"{text}, no outcome has matured yet"
    return (
        text
        + ": {metric} improved by {mean_difference:+.4f} [{lower:+.4f}, {upper:+.4f}], "
        "e-value {e_better:.3g}, {customers_count:,} {units}, {as_of}".format(
            metric="NDCG@10" if is_ranker else "Brier score",
            units="lists" if is_ranker else "forecasts",
            **trial,
        )
    )


def _decision(decision: Row) -> str | None:
    if not decision:
        return None
    return "{verdict} as {alias} by {decided_by}, {decided_at:%Y-%m-%d}".format(**decision)


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _number(version: str) -> tuple[int, str]:
    return (int(version), "") if version.isdecimal() else (-1, version)
