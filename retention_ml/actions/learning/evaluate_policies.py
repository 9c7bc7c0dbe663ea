"""What policies would have earned on the shop's own decisions: a reading function."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from retention_ml.actions.catalogue.last_good import catalogue_in_force
from retention_ml.actions.effects.features import effect_days_of
from retention_ml.actions.learning.bandit_result import bandit_result
from retention_ml.actions.learning.load_evidence import load_evidence
from retention_ml.actions.learning.policy_values import as_rows
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyEvaluation:
    """The rows of all policies, the bandit first, and what follows in words."""

    rows: list[dict[str, Any]]
    sentence: str


def evaluate_policies(warehouse: Warehouse, *, settings: Settings, as_of: date) -> PolicyEvaluation:
    """Every policy against the best action for everybody, with outcomes known at the day's start.

    Nothing is written, and the bandit need not be enabled. No rows where nothing can be evaluated
    yet; the sentence says why.

    Raises
    ------
    SettingsError
        The action files have a mistake and there is no earlier catalogue.
    """
    with warehouse.transaction() as transaction:
        catalogue = catalogue_in_force(transaction, settings.actions_folder).catalogue
    evidence = load_evidence(
        warehouse,
        settings,
        as_of=as_of,
        actions=list(catalogue.actions),
        effect_days=effect_days_of(catalogue),
    )
    result = bandit_result(evidence, list(catalogue.actions.values()), settings, meaning={})
    if isinstance(result, str):
        return PolicyEvaluation(rows=[], sentence=result)
    return PolicyEvaluation(
        rows=as_rows(result.comparison), sentence=result.comparison.choice.reason
    )
