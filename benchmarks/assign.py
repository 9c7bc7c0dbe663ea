"""Who gets what among a million customers: `python -m benchmarks.assign [--customers N]`.

Times the whole door on a warehouse filled with random scores, and compares what the choice brings
with the bound of the linear programme; on a part of the customers by HiGHS as well.
"""

import argparse
import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.lines import Line, show
from benchmarks.place import place
from retention_ml.actions.assignment.assign import assign
from retention_ml.actions.assignment.budget import choose
from retention_ml.actions.assignment.exploration import nobody
from retention_ml.features import store
from retention_ml.settings import Settings
from retention_ml.statistics.arrays import Floats
from retention_ml.warehouse import Transaction, Warehouse

_DAY = date(2026, 3, 2)
_STAMP = pa.timestamp("us", tz="UTC")
_SOLVED_ROWS = 20_000
_SHARE = 0.1
_NOTE = (
    "“Assign” reads scores, features, contacts and permissions, decides, writes a row per customer "
    "with the propensities of four actions, audits them, and puts messages into the outbox. “Choose” "
    "is the budget alone, on random margins; its margin is compared with the bound of the linear "
    "programme."
)
_ACTION = """title = "{name}"
kind = "email"
channel = "file"
cost = {cost}
discount_share = {discount}
"""


def main() -> None:
    """Measure and print the lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    measure(customers=parser.parse_args().customers)


def measure(*, customers: int = 1_000_000) -> list[Line]:
    """Measure on random customers; print and return the lines."""
    with place() as where, where.warehouse("shop") as warehouse:
        settings = where.settings()
        settings = settings.model_copy(
            update={
                "actions_folder": _write_actions(settings.home / "actions"),
                "actions": settings.actions.model_copy(
                    update={
                        "enabled": True,
                        "approval": "never",
                        "budget_per_day": customers / 1_000,
                    }
                ),
            }
        )
        _fill(warehouse, settings, customers)
        receipt = assign(warehouse, settings=settings, as_of=_DAY, today=_DAY)
        again = assign(warehouse, settings=settings, as_of=_DAY, today=_DAY)
    seconds, share = _choose(customers)
    lines = [
        Line(what="assign", rows=receipt.read, seconds=receipt.seconds),
        Line(what="assign, run again", rows=again.read, seconds=again.seconds),
        Line(what="choose within the budget", rows=customers, seconds=seconds),
    ]
    show(f"Actions of {receipt.read:,} customers", lines, _NOTE)
    details = receipt.details
    print(
        f"{details['contacts_count']:,} contacts for {details['cost_cents']:,.0f} of "
        f"{details['budget_cents']:,.0f} cents, {details['holdout_count']:,} in the holdout, "
        f"{details['explored_count']:,} drawn by lot with {details['explore_share']:.4f}, "
        f"{details['messages']['enqueued']:,} messages.\n"
        f"Margin {share:.6f} of the linear programme's bound; by HiGHS on {_SOLVED_ROWS:,} "
        f"customers {_solved():.6f}."
    )
    return lines


def _write_actions(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name, cost, discount in (("mail", 0.02, 0.0), ("coupon", 0.02, 0.1), ("call", 1.5, 0.0)):
        text = _ACTION.format(name=name, cost=cost, discount=discount)
        (folder / f"{name}.toml").write_text(text)
    return folder


def _fill(warehouse: Warehouse, settings: Settings, customers: int) -> None:
    """Published scores, features and permissions of the day, a holdout and a measured rule."""
    rng = np.random.default_rng(5)
    store.ensure_columns(warehouse)
    ids = pa.array([f"c{number:07d}" for number in range(customers)])
    risk = rng.beta(2, 2, customers)
    tiers = np.array(["low", "medium", "high", "critical"])[
        np.searchsorted([0.35, 0.6, 0.8], risk, side="right")
    ]

    def same(value: object, kind: pa.DataType) -> pa.Array:
        return pa.repeat(pa.scalar(value, kind), customers)

    with warehouse.transaction() as transaction:
        [(snapshot_id,)] = transaction.execute(
            "INSERT INTO scores.snapshots (as_of, status, epoch, definition_hash, policy_sha256, "
            "features_digest, model_name, model_version, bundle_sha256, library_version, "
            "population_count, scored_count, excluded_count, scores_digest, run_id, built_at) "
            "VALUES (:day, 'published', 1, 'd', 'p', 'f', 'm', '1', 'b', '0', :n, :n, 0, 's', 'r', "
            "now()) RETURNING snapshot_id",
            day=_DAY,
            n=customers,
        )
        transaction.execute(
            "INSERT INTO scores.published VALUES (:day, :id, 1, now())", day=_DAY, id=snapshot_id
        )
        transaction.copy(
            "scores.customer_daily",
            pa.table(
                {
                    "snapshot_id": same(snapshot_id, pa.int64()),
                    "as_of": same(_DAY, pa.date32()),
                    "customer_id": ids,
                    "churn_probability": risk,
                    "risk_percentile": same(0.5, pa.float64()),
                    "risk_tier": pa.array(tiers.tolist()),
                    "tier_since": same(_DAY, pa.date32()),
                    "expected_value_at_risk_cents": (risk * rng.lognormal(8, 1, customers)).astype(
                        np.int64
                    ),
                    "arm": same("champion", pa.string()),
                    "model_name": same("m", pa.string()),
                    "model_version": same("1", pa.string()),
                    "run_id": same("r", pa.string()),
                    "scored_at": pa.repeat(pa.scalar(0, _STAMP), customers),
                }
            ),
        )
        transaction.copy(
            "features.customer_daily",
            pa.table(
                {
                    "as_of": same(_DAY, pa.date32()),
                    "customer_id": ids,
                    "recency_days": rng.integers(0, 90, customers).astype(np.float64),
                    "revenue_per_order_mean_cents": rng.lognormal(8, 0.5, customers),
                }
            ),
        )
        permit(transaction, ids, _DAY)
        _contact(transaction, ids, rng)
        transaction.execute(
            "INSERT INTO actions.holdouts (salt, share, began_on, purpose, drawn_at, drawn_by, "
            "run_id) VALUES ('holdout:h1', :share, :day, 'p', now(), 'b', 'r')",
            share=settings.holdout.share,
            day=_DAY - timedelta(days=1),
        )
        transaction.execute(
            "INSERT INTO actions.policies (policy_id, kind, version, in_force_from, parameters, "
            "evidence, reason, decided_by, decided_at, run_id) VALUES ('rule-1', 'rule', 1, :day, "
            "CAST(:parameters AS jsonb), '{}', 'r', 'b', now(), 'r')",
            parameters='{"is_measured": true, "save_rates": '
            '{"mail": 0.02, "coupon": 0.06, "call": 0.1}}',
            day=_DAY,
        )
    with warehouse.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")


def permit(transaction: Transaction, ids: pa.Array, day: date) -> None:
    """Permissions for marketing by e-mail, granted well before a day."""
    _curated(
        transaction,
        "contact_permissions",
        {
            "customer_id": ids,
            "channel": pa.repeat(pa.scalar("email"), len(ids)),
            "purpose": pa.repeat(pa.scalar("marketing"), len(ids)),
            "kind": pa.repeat(pa.scalar("granted"), len(ids)),
        },
        on=day - timedelta(days=100),
    )


def _contact(transaction: Transaction, ids: pa.Array, rng: np.random.Generator) -> None:
    """A campaign of others that reached a tenth of the customers lately."""
    some = ids.filter(pa.array(rng.random(len(ids)) < _SHARE))
    _curated(
        transaction,
        "campaign_contacts",
        {
            "campaign_id": pa.repeat(pa.scalar("k1"), len(some)),
            "customer_id": some,
            "kind": pa.repeat(pa.scalar("sent"), len(some)),
        },
        on=_DAY - timedelta(days=10),
    )


def _curated(
    transaction: Transaction, table: str, columns: dict[str, pa.Array], *, on: date
) -> None:
    n = len(columns["customer_id"])
    at = pa.scalar(np.datetime64(on, "us")).cast(_STAMP)
    keys = pa.array([f"{table}{number:09d}".encode()[-16:] for number in range(n)], pa.binary())
    transaction.copy(
        f"curated.{table}",
        pa.table(
            {
                **columns,
                "event_at": pa.repeat(at, n),
                "source": pa.repeat(pa.scalar("shop"), n),
                "row_key": keys,
                "content_hash": keys,
                "delivery_id": pa.repeat(pa.scalar(1, pa.int64()), n),
                "line_number": pa.array(range(n), pa.int64()),
                "loaded_at": pa.repeat(at, n),
                "available_at": pa.repeat(at, n),
            }
        ),
    )


def _margins(customers: int, seed: int) -> tuple[Floats, Floats]:
    """Random margins after cost and costs of four actions."""
    rng = np.random.default_rng(seed)
    value = rng.lognormal(7, 1, customers)
    cost = np.column_stack(
        [
            np.zeros(customers),
            np.full(customers, 2.0),
            rng.lognormal(4, 0.7, customers),
            np.full(customers, 150.0),
        ]
    )
    margin = value[:, None] * rng.uniform(0, 0.2, (customers, 4)) - cost
    margin[:, 0] = 0
    return margin, cost


def _choose(customers: int) -> tuple[float, float]:
    """Seconds, and the margin as a share of the bound: with the next customer's step in part."""
    margin, cost = _margins(customers, 1)
    budget = 20.0 * customers
    rows = np.arange(customers)
    started = time.perf_counter()
    chosen = choose(
        margin,
        cost,
        nobody(customers),
        places=rows / customers,
        budget_cents=budget,
        quotas=np.full(4, np.inf),
    )
    seconds = time.perf_counter() - started
    value = float(margin[rows, chosen.action].sum())
    left = budget - float(cost[rows, chosen.action].sum())
    assert left >= -1e-6 * budget
    return seconds, value / (value + chosen.money_price * left)


def _solved() -> float:
    """The margin as a share of the optimum that HiGHS finds."""
    from scipy.optimize import linprog
    from scipy.sparse import csr_matrix, identity, kron

    margin, cost = _margins(_SOLVED_ROWS, 2)
    rows, budget = np.arange(_SOLVED_ROWS), 20.0 * _SOLVED_ROWS
    chosen = choose(
        margin,
        cost,
        nobody(_SOLVED_ROWS),
        places=rows / _SOLVED_ROWS,
        budget_cents=budget,
        quotas=np.full(4, np.inf),
    )
    solved = linprog(
        -margin.ravel(),
        A_ub=csr_matrix(cost.ravel()),
        b_ub=[budget],
        A_eq=kron(identity(_SOLVED_ROWS), np.ones((1, 4))),
        b_eq=np.ones(_SOLVED_ROWS),
        method="highs",
    )
    return float(margin[rows, chosen.action].sum() / -solved.fun)


if __name__ == "__main__":
    main()
