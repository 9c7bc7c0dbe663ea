"""A decision as rows of `actions.days`, `catalogue`, `assignments` and `exclusions`."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from retention_ml import clock
from retention_ml.actions.assignment.decision import Decision
from retention_ml.actions.assignment.policies import Policy
from retention_ml.actions.assignment.population import Population
from retention_ml.actions.assignment.rule import Expected
from retention_ml.actions.catalogue.action import NONE
from retention_ml.actions.catalogue.catalogue import Catalogue
from retention_ml.actions.catalogue.last_good import store_catalogue
from retention_ml.statistics.arrays import Floats, Ints, column_bytes
from retention_ml.warehouse import Transaction

_STAMPS = ("run_id", "snapshot_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRecord:
    """All that is written of a day, but its status.

    Parameters
    ----------
    day : mapping
        Columns of `actions.days`.
    assignments, exclusions : pa.Table
        Rows of the tables of that name.
    """

    day: Mapping[str, Any]
    assignments: pa.Table
    exclusions: pa.Table


def as_record(
    decision: Decision,
    expected: Expected,
    population: Population,
    catalogue: Catalogue,
    policy: Policy,
    *,
    as_of: date,
    run_id: str,
) -> DayRecord:
    """The rows of a decision."""
    names = list(catalogue.actions)
    assignments = _assignments(
        decision, expected, population, names, policy, as_of=as_of, run_id=run_id
    )
    exclusions = _exclusions(decision, population, as_of=as_of, run_id=run_id)
    is_contact = np.array([name != NONE for name in names])[decision.action]
    cost = _of_action(expected.cost_cents, decision)
    day = {
        "as_of": as_of,
        "snapshot_id": population.snapshot_id,
        "policy_id": policy.policy_id,
        "catalogue_sha256": catalogue.sha256,
        "population_count": population.population_count,
        "assigned_count": assignments.num_rows,
        "excluded_count": int(np.sum(exclusions["customers_count"].to_numpy(), dtype=np.int64)),
        "holdout_count": int(decision.is_holdout.sum()),
        "contacts_count": int(is_contact.sum()),
        "explored_count": int(decision.is_explored.sum()),
        "capped_count": int(decision.is_capped.sum()),
        "cost_cents": float(cost.sum()),
        "money_price": decision.money_price,
        "explore_share": decision.explore_share,
        "assignments_digest": _digest(assignments, exclusions),
        "run_id": run_id,
    }
    return DayRecord(day=day, assignments=assignments, exclusions=exclusions)


def write(
    transaction: Transaction,
    record: DayRecord,
    catalogue: Catalogue,
    *,
    columns: Mapping[str, Any],
    minor_units: int,
) -> None:
    """Write a day in the place of what was decided before; `columns` are those it lacks."""
    as_of, run_id = record.day["as_of"], str(record.day["run_id"])
    for table in ("assignments", "exclusions", "days"):
        transaction.execute(f"DELETE FROM actions.{table} WHERE as_of = :as_of", as_of=as_of)
    store_catalogue(transaction, catalogue, as_of=as_of, stored_at=clock.now(), run_id=run_id)
    for row in catalogue.rows(minor_units):
        transaction.insert_row(
            "actions.catalogue",
            {**row, "first_as_of": as_of, "run_id": run_id},
            on_conflict="(action_id, version_sha256) DO NOTHING",
        )
    transaction.insert_row("actions.days", {**record.day, **columns, "assigned_at": clock.now()})
    transaction.copy("actions.assignments", record.assignments, json_columns=("propensities",))
    transaction.copy("actions.exclusions", record.exclusions)


def _assignments(
    decision: Decision,
    expected: Expected,
    population: Population,
    names: Sequence[str],
    policy: Policy,
    *,
    as_of: date,
    run_id: str,
) -> pa.Table:
    rows = np.flatnonzero(decision.reason == None)  # noqa: E711  (elementwise)
    n = len(rows)
    customers = population.customers

    def same(value: object, kind: pa.DataType) -> pa.Array:
        return pa.repeat(pa.scalar(value, kind), n)

    effect = _of_action(expected.effect, decision)[rows]
    return pa.table(
        {
            "as_of": same(as_of, pa.date32()),
            "customer_id": pa.array(customers.customer_ids, pa.string()).take(pa.array(rows)),
            "snapshot_id": same(population.snapshot_id, pa.int64()),
            "policy_id": same(policy.policy_id, pa.string()),
            "experiment_id": pa.array(decision.experiment_id[rows], pa.string()),
            "action_id": pa.DictionaryArray.from_arrays(
                pa.array(decision.action[rows].astype(np.int32)), pa.array(names)
            ).dictionary_decode(),
            "propensity": decision.propensity[rows],
            "propensities": decision.propensities.take(pa.array(rows)).dictionary_decode(),
            "lot": decision.lots[rows],
            "is_holdout": decision.is_holdout[rows],
            "is_explored": decision.is_explored[rows],
            "is_capped": decision.is_capped[rows],
            "tier": pa.array(customers.tier[rows], pa.string()),
            "expected_effect": pa.array(effect, pa.float64()),
            "slope": _slopes(expected, decision, rows),
            "expected_margin_cents": _of_action(expected.margin_cents, decision)[rows],
            "cost_cents": _of_action(expected.cost_cents, decision)[rows],
            "money_price": same(decision.money_price, pa.float64()),
            "run_id": same(run_id, pa.string()),
        }
    )


def _exclusions(
    decision: Decision, population: Population, *, as_of: date, run_id: str
) -> pa.Table:
    """Counts by reason and tier, abnormal customers and those without a score among them."""
    rows = np.flatnonzero(decision.reason != None)  # noqa: E711  (elementwise)
    counted: dict[tuple[str, str], int] = {}
    if population.abnormal_count:
        counted["abnormal", ""] = population.abnormal_count
    if population.unscored_count:
        counted["unscored", ""] = population.unscored_count
    pairs = np.char.add(
        np.char.add(decision.reason[rows].astype(str), "/"),
        population.customers.tier[rows].astype(str),
    )
    for pair, count in zip(*np.unique(pairs, return_counts=True), strict=True):
        reason, _, tier = str(pair).partition("/")
        counted[reason, tier] = int(count)
    return pa.table(
        {
            "as_of": pa.array([as_of] * len(counted), pa.date32()),
            "reason": pa.array([reason for reason, _ in counted], pa.string()),
            "tier": pa.array([tier for _, tier in counted], pa.string()),
            "customers_count": pa.array(list(counted.values()), pa.int64()),
            "run_id": pa.array([run_id] * len(counted), pa.string()),
        }
    )


def _slopes(expected: Expected, decision: Decision, rows: Ints) -> pa.Array:
    """The slope of each row's action, null where it has no model."""
    if expected.slope is None:
        return pa.nulls(len(rows), pa.float64())
    slopes = expected.slope[decision.action[rows]]
    return pa.array(slopes, pa.float64(), mask=np.isnan(slopes))


def _of_action(values: Floats, decision: Decision) -> Floats:
    """The value of each customer's action, shape (n,)."""
    return np.asarray(values[np.arange(len(values)), decision.action])


def _digest(*tables: pa.Table) -> str:
    """SHA-256 of rows in order, without stamps."""
    total = hashlib.sha256()
    for table in tables:
        for name in table.column_names:
            if name in _STAMPS:
                continue
            total.update(f"{name}:{table.num_rows}\n".encode())
            total.update(column_bytes(table[name].combine_chunks()))
    return total.hexdigest()
