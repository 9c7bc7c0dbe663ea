"""The door `train_uplift`: what contacts did is learned from the ledger, and decides the policy.

A new policy is written only where it would decide otherwise than the one in force. It decides from
the following day on.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from retention_ml import clock
from retention_ml.actions.assignment.policies import (
    BANDIT,
    Policy,
    next_policy,
    policy_on,
    register,
)
from retention_ml.actions.catalogue.last_good import catalogue_in_force
from retention_ml.actions.effects.bundles import store_bundle
from retention_ml.actions.effects.features import effect_days_of
from retention_ml.actions.learning.bandit_result import BanditResult, bandit_result
from retention_ml.actions.learning.card import bandit_card, card
from retention_ml.actions.learning.evidence import Evidence
from retention_ml.actions.learning.load_evidence import load_evidence
from retention_ml.actions.learning.measurement import ActionEffect, measure
from retention_ml.actions.learning.policy_values import write_values
from retention_ml.actions.learning.proposal import Proposal, propose, ranking, with_bandit
from retention_ml.errors import NotReady, RegistryError
from retention_ml.failpoints import failpoint
from retention_ml.labels.definition import churn_definition
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.receipts import DecisionReceipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

logger = logging.getLogger(__name__)

LOCK = "actions.train_uplift"
DECIDED_BY = "train_uplift"


def train_uplift(warehouse: Warehouse, *, settings: Settings, as_of: date) -> DecisionReceipt:
    """Learn the effect of every action on decisions drawn by lot, and write the policy that follows.

    Outcomes count as known at the start of the day. The same evidence gives the same policy: run
    again, nothing is written. MLflow is shown the models afterwards; it may be down.

    Returns
    -------
    DecisionReceipt
        `details`: `policy_id` and `kind` of the policy in force afterwards, `is_new`, `actions`,
        by name `rung`, `reason` and the figures, and `abnormal_count`, decisions in the evidence
        about customers who were found out to be abnormal since.

    Raises
    ------
    NotReady
        No day was ever released: nobody was contacted.
    SettingsError
        The action files have a mistake and there is no earlier catalogue.
    """
    started = time.perf_counter()
    with warehouse.exclusive(LOCK):
        policy, proposal, abnormal_count = _train(warehouse, settings, as_of)
    failpoint("train_uplift.after_commit")
    _register_bundles(warehouse, settings)
    verb = "decides from the next day on" if policy.is_new else "stays"
    return warehouse.record(
        DecisionReceipt(
            door="train_uplift",
            as_of=as_of,
            seconds=time.perf_counter() - started,
            sentence=f"{policy.policy_id} {verb}. {proposal.reason}",
            details={
                "policy_id": policy.policy_id,
                "kind": policy.kind,
                "is_new": policy.is_new,
                "actions": dict(proposal.evidence),
                "abnormal_count": abnormal_count,
            },
        ),
        settings.run_id,
    )


def _train(warehouse: Warehouse, settings: Settings, as_of: date) -> tuple[Policy, Proposal, int]:
    with warehouse.transaction() as transaction:
        if not transaction.execute(
            "SELECT 1 FROM actions.days WHERE status = 'released' AND as_of < :as_of LIMIT 1",
            as_of=as_of,
        ):
            raise NotReady(
                f"No day before {as_of} was released, so nobody was contacted and nothing can be "
                "learned from it. Effects are learned once enabled = true under [actions]."
            )
        catalogue = catalogue_in_force(transaction, settings.actions_folder).catalogue
    effect_days = effect_days_of(catalogue)
    evidence = load_evidence(
        warehouse,
        settings,
        as_of=as_of,
        actions=list(catalogue.actions),
        effect_days=effect_days,
    )
    meaning = _meaning(evidence, settings)
    effects = [
        measure(evidence, action_id, settings, meaning=meaning)
        for action_id in sorted(catalogue.contacts)
    ]
    proposal = propose(effects, settings, effect_days=effect_days)
    result: BanditResult | str = "It is not enabled."
    if settings.bandit.enabled:
        actions = list(catalogue.actions.values())
        result = bandit_result(evidence, actions, settings, meaning=meaning)
        proposal = with_bandit(proposal, effects, result)
    with warehouse.transaction() as transaction:
        if isinstance(result, BanditResult):
            write_values(transaction, result.comparison, as_of=as_of, run_id=settings.run_id)
        policy = _write(transaction, settings, proposal, effects, as_of + timedelta(days=1), result)
        failpoint("train_uplift.before_commit")
    return policy, proposal, evidence.abnormal_count


def _write(
    transaction: Transaction,
    settings: Settings,
    proposal: Proposal,
    effects: Sequence[ActionEffect],
    in_force_from: date,
    result: BanditResult | str,
) -> Policy:
    """Write the policy with its models, unless the one in force would decide the same."""
    current = policy_on(transaction, settings, as_of=in_force_from)
    if proposal.is_of(current):
        return replace(current, is_new=False)
    if isinstance(result, BanditResult) and proposal.kind == BANDIT:
        text = bandit_card(result.bundle, result.comparison)
        store_bundle(transaction, None, result.bundle, text, run_id=settings.run_id)
    for one in ranking(effects):
        if one.measured is not None and proposal.kind != BANDIT:
            store_bundle(
                transaction, one.action_id, one.measured.bundle, card(one), run_id=settings.run_id
            )
    policy = next_policy(
        transaction,
        kind=proposal.kind,
        bundle_sha256=proposal.bundle_sha256,
        parameters=proposal.parameters,
        evidence=proposal.evidence,
        reason=proposal.reason,
        decided_by=DECIDED_BY,
    )
    register(transaction, policy, as_of=in_force_from, run_id=settings.run_id)
    return policy


def _meaning(evidence: Evidence, settings: Settings) -> dict[str, Any]:
    """What a model stands for."""
    first, last = (
        (str(date.fromordinal(int(evidence.day[place]))) if len(evidence) else None)
        for place in (0, -1)
    )
    return {
        "outcome": "retained",
        "definition": churn_definition(settings).to_dict(),
        "first_day": first,
        "last_day": last,
    }


def _register_bundles(warehouse: Warehouse, settings: Settings) -> None:
    """Show MLflow the models that it has not seen. Best effort: logs instead of raising."""
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT bundle_sha256, action_id, files, card, (SELECT evidence -> action_id "
            "FROM actions.policies WHERE parameters #>> ARRAY['actions', action_id, "
            "'bundle_sha256'] = bundle.bundle_sha256 ORDER BY decided_at LIMIT 1) AS figures "
            "FROM actions.policy_bundles AS bundle WHERE registered_at IS NULL ORDER BY stored_at"
        )
    registry = Registry(settings)
    for row in rows:
        try:
            registry.log_candidate(
                training_id=row.bundle_sha256[:12],
                model_name=f"uplift_{row.action_id}" if row.action_id else BANDIT,
                params={},
                metrics=_metrics(row.figures) if row.figures else {},
                texts={
                    "model_card.md": row.card,
                    **{f"bundle/{name}": text for name, text in row.files.items()},
                },
                figures={},
                tags={
                    "bundle_sha256": row.bundle_sha256,
                    **({"action_id": row.action_id} if row.action_id else {}),
                },
                description=row.card,
                door="train_uplift",
            )
        except RegistryError as error:
            logger.warning("MLflow does not show the effect model: %s", error)
            return
        with warehouse.transaction() as transaction:
            transaction.execute(
                "UPDATE actions.policy_bundles SET registered_at = :now "
                "WHERE bundle_sha256 = :sha256",
                now=clock.now(),
                sha256=row.bundle_sha256,
            )


def _metrics(figures: Mapping[str, Any]) -> dict[str, float]:
    """What MLflow shows in columns; effects and money per 1,000 customers."""
    per_thousand = {
        f"{name}_per_1000": 1000 * figures[name]["value"] for name in ("qini", "effect", "profit")
    }
    return {
        **per_thousand,
        "slope": figures["slope"]["value"],
        "believed": figures["believed"],
        "decisions_count": figures["decisions_count"],
    }
