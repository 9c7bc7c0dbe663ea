"""What contacts do to the labels that a risk model learns from: `python -m benchmarks.labels_bias`.

A shop sends e-mails aimed at risk: 85 % of the riskiest 40 % are contacted, 5 % of the others, and
a holdout of a tenth never. Models of P(no order in the window, left alone) are fitted to such
labels and compared with the truth of a world without the campaign: with contacts ignored; with the
contacted left out; left out and weighted as in a training; on the holdout alone; and, for
comparison, fitted in the world without a campaign. The same four are compared as those whom a model
is evaluated on: how far its figures there are from those that it would have if nobody were contacted.
"""

import argparse
from dataclasses import dataclass
from datetime import date

import lightgbm
import numpy as np
import pyarrow as pa

from retention_ml import clock
from retention_ml.actions.own_contacts import HOLDOUT, SENT, campaign_id
from retention_ml.labels.definition import ChurnDefinition
from retention_ml.labels.left_alone import left_alone_weights
from retention_ml.simulate.response.decision_features import RFM, rfm
from retention_ml.simulate.response.potential_outcomes import potential_outcomes
from retention_ml.simulate.response.responding_shop import RespondingShop
from retention_ml.simulate.response.worlds import FOUR_TYPES
from retention_ml.simulate.seasons import Columns
from retention_ml.statistics.arrays import Bools, Floats, Ints
from retention_ml.statistics.metrics import score

WINDOW_DAYS = EVERY_DAYS = 14
HOLDOUT_SHARE = 0.10
RISKY_SHARE = 0.40
CONTACTED_IF_RISKY, CONTACTED_ELSE = 0.85, 0.05
DAY = date(2026, 3, 2)  # as good as any: only what follows within the window counts
DEFINITION = ChurnDefinition(active_days=90, lead_days=0, horizon_days=WINDOW_DAYS)
POPULATIONS = ("ignore contacts", "leave out", "leave out, weighted", "holdout only")
LABELS = ("no campaign", *POPULATIONS)
_TREES = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 8,
    "min_child_samples": 200,
    "seed": 1,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutoff(Columns):
    """Customers of one cutoff.

    Attributes
    ----------
    customer : array of int64, shape (n,)
    features : array of float64, shape (n, k)
    weight : array of float64, shape (n,)
        How many customers the outcome stands for, 0 where a contact came first.
    contacted, is_holdout, is_risky : array of bool, shape (n,)
    churned : array of float64, shape (n,)
        1 where no order came in the window.
    churn_left_alone : array of float64, shape (n,)
        The truth: P(no order), left alone.
    """

    customer: Ints
    features: Floats
    weight: Floats
    contacted: Bools
    is_holdout: Bools
    is_risky: Bools
    churned: Floats
    churn_left_alone: Floats


def cutoffs(*, seed: int, customers: int, count: int, has_campaign: bool) -> list[Cutoff]:
    """Cutoffs a fortnight apart; with a campaign, the risk that it aims at is the overdue share."""
    world = FOUR_TYPES.only("email")
    shop = RespondingShop(world, customers=customers, days=count * EVERY_DAYS, seed=seed)
    draw = np.random.default_rng([seed, 6])
    is_holdout = draw.random(customers) < HOLDOUT_SHARE
    pieces = []
    for _ in range(count):
        customer = np.flatnonzero(shop.is_active())
        features = rfm(shop, customer)
        truth = potential_outcomes(shop, customer, WINDOW_DAYS)
        # Orders that are expected least: a low rate, or a long time without one.
        risk = features[:, RFM.index("overdue_share")] - features[:, RFM.index("order_log_rate")]
        is_risky = risk >= np.quantile(risk, 1 - RISKY_SHARE)
        propensity = np.where(is_risky, CONTACTED_IF_RISKY, CONTACTED_ELSE)
        propensity = np.where(is_holdout[customer] | (not has_campaign), 0.0, propensity)
        contacted = draw.random(customers)[customer] < propensity
        shop.contact(customer, contacted.astype(np.int64))
        shop.advance(EVERY_DAYS)
        window = shop.orders[shop.today - WINDOW_DAYS : shop.today, customer]
        pieces.append(
            Cutoff(
                customer=customer,
                features=features,
                weight=_weights(window > 0, contacted, propensity),
                contacted=contacted,
                is_holdout=is_holdout[customer],
                is_risky=is_risky,
                churned=(window.sum(axis=0) == 0) * 1.0,
                churn_left_alone=1 - truth.purchase_probability[:, 0],
            )
        )
    return pieces


def _weights(has_order: Bools, contacted: Bools, propensity: Floats) -> Floats:
    """Those of a training, from the contacts of a cutoff as they come back to the platform."""
    n = len(contacted)
    names = pa.array(map(str, range(n)))
    at = pa.scalar(clock.midnight(DAY, DEFINITION.timezone), pa.timestamp("us", tz="UTC"))
    contacts = pa.table(
        {
            "campaign_id": [campaign_id("risk-1", DAY, 1 - p) for p in propensity.tolist()],
            "customer_id": names,
            "kind": np.where(contacted, SENT, HOLDOUT).tolist(),
            "event_at": pa.repeat(at, n),
        }
    )
    time_to_next_order = np.where(has_order.any(axis=0), has_order.argmax(axis=0), np.inf)
    return left_alone_weights(DEFINITION, DAY, names, time_to_next_order, contacts)


def biases(
    *, seed: int, customers: int = 20_000, count: int = 8
) -> dict[str, tuple[float, float, float]]:
    """By kind of labels: bias of P(orders, left alone) among the riskiest and overall, and rmse.

    Half of the customers are trained on. The others are evaluated on against the closed form, in
    the world without a campaign and at the same cutoffs: neither season nor over-fitting counts.
    """
    campaign, without = (
        Cutoff.concatenate(
            cutoffs(seed=seed, customers=customers, count=count, has_campaign=has_campaign)
        )
        for has_campaign in (True, False)
    )
    test = without.rows(without.customer % 2 == 1)
    train, without = (each.rows(each.customer % 2 == 0) for each in (campaign, without))
    weights = population_weights(train)
    forecasts = {"no campaign": _forecast(without, np.ones(len(without)), test)}
    forecasts |= {name: _forecast(train, weight, test) for name, weight in weights.items()}
    result = {}
    for name, forecast in forecasts.items():
        error = test.churn_left_alone - forecast
        result[name] = (
            float(error[test.is_risky].mean()),
            float(error.mean()),
            float(np.sqrt((error**2).mean())),
        )
    return result


def population_weights(sample: Cutoff) -> dict[str, Floats]:
    """How much each row counts, by population."""
    every = (
        np.ones(len(sample)),
        ~sample.contacted * 1.0,
        sample.weight,
        sample.is_holdout * 1.0,
    )
    return dict(zip(POPULATIONS, every, strict=True))


def evaluation_errors(
    *, seed: int, customers: int = 20_000, count: int = 8
) -> dict[str, tuple[float, float, float]]:
    """By whom a model is evaluated on: how far off its churn rate, Brier score and ROC AUC are.

    The model is fitted to half of the customers in a world without a campaign, and evaluated on the
    others in the one with a campaign; off is against what the closed form gives for the same rows
    if nobody were contacted.
    """
    without, campaign = (
        Cutoff.concatenate(
            cutoffs(seed=seed, customers=customers, count=count, has_campaign=has_campaign)
        )
        for has_campaign in (False, True)
    )
    test = campaign.rows(campaign.customer % 2 == 1)
    train = without.rows(without.customer % 2 == 0)
    forecast = _forecast(train, np.ones(len(train)), test)
    # A row that churns with probability p is p rows that do and 1 - p that do not.
    truth = test.churn_left_alone
    both = np.concatenate([truth, 1 - truth])
    outcome = np.repeat([1.0, 0.0], len(truth))
    target = score(np.tile(forecast, 2), outcome, both[None, :])
    result = {}
    for name, weights in population_weights(test).items():
        values = score(forecast, test.churned, weights[None, :])
        result[name] = (
            float(np.average(test.churned, weights=weights) - truth.mean()),
            float(values["brier"][0] - target["brier"][0]),
            float(values["roc_auc"][0] - target["roc_auc"][0]),
        )
    return result


def _forecast(sample: Cutoff, weights: Floats, test: Cutoff) -> Floats:
    """P(no order) of the test's customers by a LightGBM fitted to the weighted sample."""
    rows = weights > 0
    data = lightgbm.Dataset(sample.features[rows], sample.churned[rows], weight=weights[rows])
    return np.asarray(lightgbm.train(_TREES, data, 150).predict(test.features))


def main() -> None:
    """Print the biases, mean over seeds, with the standard error of the mean."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--customers", type=int, default=20_000)
    options = parser.parse_args()
    runs = [biases(seed=seed, customers=options.customers) for seed in range(1, options.seeds + 1)]
    print(
        f"P(orders in {WINDOW_DAYS} days, left alone): forecast minus truth, {options.seeds} shops "
        f"of {options.customers:,} customers\n\n"
        "| labels | riskiest 40 % | all | less the bias without a campaign | rmse |\n"
        "|---|---|---|---|---|"
    )
    base = np.array([run["no campaign"] for run in runs])
    for name in LABELS:
        values = np.array([run[name] for run in runs])
        apart = values - base
        error = apart.std(axis=0, ddof=min(1, len(runs) - 1)) / np.sqrt(len(runs))
        mean, less = values.mean(axis=0), apart.mean(axis=0)
        print(
            f"| {name} | {mean[0]:+.4f} | {mean[1]:+.4f} | {less[0]:+.4f} ± {error[0]:.4f}, "
            f"{less[1]:+.4f} ± {error[1]:.4f} | {mean[2]:.4f} |"
        )
    errors = [
        evaluation_errors(seed=seed, customers=options.customers)
        for seed in range(1, options.seeds + 1)
    ]
    print(
        "\nA model's figures by whom it is evaluated on, less those if nobody were contacted\n\n"
        "| evaluated on | churn rate | Brier score | ROC AUC |\n|---|---|---|---|"
    )
    for name in POPULATIONS:
        values = np.array([run[name] for run in errors])
        error = values.std(axis=0, ddof=min(1, len(errors) - 1)) / np.sqrt(len(errors))
        cells = [f"{m:+.4f} ± {e:.4f}" for m, e in zip(values.mean(axis=0), error, strict=True)]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
