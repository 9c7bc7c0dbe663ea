"""Uplift on real and simulated decisions: `python -m benchmarks.uplift [PART…]`.

Hillstrom's e-mail experiment is read below `RETENTION_DATA_DIR`; without it what needs it is left
out. EconML is a peer where it is installed: its causal forest ranks the same halves, its `DRTester`
evaluates the same scores. It is not a dependency of this library.
"""

import argparse
import csv
import gzip
import os
import tempfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.uplift_shops import World, decisions
from benchmarks.uplift_trainings import trainings
from retention_ml.models.uplift.evaluation import Money, compare_learners, scores_of
from retention_ml.models.uplift.experiment_file import read_experiment
from retention_ml.models.uplift.fit import fit_uplift
from retention_ml.models.uplift.ladder import Rung, decide
from retention_ml.models.uplift.learners import DEFAULT, LEARNERS, outcome_models
from retention_ml.models.uplift.randomisation import check_randomisation
from retention_ml.models.uplift.sample import UpliftSample, folds
from retention_ml.models.uplift.shrinkage import SlopePrior
from retention_ml.simulate.response.decision_features import RFM
from retention_ml.simulate.response.decision_log import feature_names, lot_decisions
from retention_ml.simulate.response.worlds import FOUR_TYPES
from retention_ml.statistics.arrays import Floats
from retention_ml.statistics.rate import contact_weights, gain_curve, rate

_FEATURES = "recency history_segment history mens womens zip_code newbie channel".split()
_MONEY = Money(value=15.0, cost=0.5, budget_share=0.2)
_ROWS_MIN = 2_000
_FOREST_TREES = 200
_PENALTY_WEAK = 10.0  # of the unshrunk T-learner: C = .1


def hillstrom(mails: Sequence[str], outcome: str) -> UpliftSample | None:
    """Customers who got one of the mails against those who got none; None without the data."""
    named = os.environ.get("RETENTION_DATA_DIR")
    path = Path(named) / "hillstrom" / "hillstrom.csv.gz" if named else None
    if path is None or not path.is_file():
        return None
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["segment"] in (*mails, "No E-Mail")]
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / "part.csv"
        with part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, [*_FEATURES, "mailed", outcome], extrasaction="ignore")
            writer.writeheader()
            writer.writerows({**row, "mailed": int(row["segment"] != "No E-Mail")} for row in rows)
        return read_experiment(part, treatment="mailed", outcome=outcome).sample


def _judge(test: UpliftSample, seed: int) -> Floats:
    """Effect scores of a half, forecasts cross-fitted within it."""
    fold, scores = folds(test, 2, seed), np.empty(len(test))
    for k in (0, 1):
        scores[fold == k] = scores_of(test.take(fold == k), outcome_models(test.take(fold != k)))
    return scores


def _risk(sample: UpliftSample, _seed: int) -> Callable[[Floats], Floats]:
    """Those first who are least likely to come by themselves."""
    models = outcome_models(sample)
    return lambda values: -models.outcomes(values)[1]


def _forest(sample: UpliftSample, seed: int) -> Callable[[Floats], Floats]:
    from econml.grf import CausalForest

    forest = CausalForest(
        n_estimators=_FOREST_TREES, min_samples_leaf=50, max_depth=8, max_samples=0.4, n_jobs=1,
        inference=False, random_state=seed,
    )  # fmt: skip
    forest.fit(sample.values, sample.treated.astype(float), sample.outcome)
    return lambda values: np.asarray(forest.predict(values)).ravel()


def _learner(name: str) -> Callable[[UpliftSample, int], Callable[[Floats], Floats]]:
    return lambda sample, seed: LEARNERS[name](sample, seed).effect


def halves(repeats: int) -> None:
    """QINI of rankings learned on one half of the women's mail, judged on the other."""
    sample = hillstrom(["Womens E-Mail"], "visit")
    if sample is None:
        print("Hillstrom: RETENTION_DATA_DIR does not hold its data; left out.\n")
        return
    rankings: dict[str, Any] = {name: _learner(name) for name in LEARNERS}
    rankings["risk alone"] = _risk
    if find_spec("econml"):
        rankings[f"EconML's causal forest, {_FOREST_TREES} trees"] = _forest
    else:
        print("EconML is not installed; its causal forest is left out.")
    figures: dict[str, list[tuple[float, float, float]]] = {name: [] for name in rankings}
    for repeat in range(repeats):
        half = folds(sample, 2, repeat)
        for k in (0, 1):
            train, test = sample.take(half != k), sample.take(half == k)
            scores = _judge(test, repeat)
            for name, fit in rankings.items():
                started = perf_counter()
                priority = fit(train, repeat)(test.values)
                seconds = perf_counter() - started
                gain = gain_curve(scores, priority, np.array([0.3]))[0]
                figures[name].append((rate(scores, priority).qini.value, float(gain), seconds))
    print(
        f"Hillstrom, women's mail against none, visit: {len(sample):,} customers, {repeats} × 2 "
        "halves, per 1,000 customers\n\n"
        "| ranking | QINI (sd) | gain of the first 30 % | seconds a fit |\n|---|---|---|---|"
    )
    for name, rows in figures.items():
        qini, gain, seconds = np.mean(rows, axis=0)
        spread = np.std(rows, axis=0)[0]
        print(
            f"| {name} | {1e3 * qini:.2f} ({1e3 * spread:.1f}) | {1e3 * gain:.1f} | {seconds:.2f} |"
        )
    print(flush=True)


def ladder_on_hillstrom() -> None:
    """What the ladder says of each mail and outcome."""
    print("| mail, outcome | decision | QINI | slope | seconds |\n|---|---|---|---|---|")
    women, men = "Womens E-Mail", "Mens E-Mail"
    for mails, outcome in (
        ([women], "visit"), ([men], "visit"), ([women, men], "visit"),
        ([women, men], "conversion"), ([women], "spend"),
    ):  # fmt: skip
        sample = hillstrom(mails, outcome)
        if sample is None:
            print("\nRETENTION_DATA_DIR does not hold Hillstrom's data; left out.\n")
            return
        started = perf_counter()
        comparison = compare_learners(sample, money=Money(), prior=SlopePrior(), seed=1)
        decision = decide(comparison, check_randomisation(sample, 1), rows_min=_ROWS_MIN)
        qini = comparison.learners[comparison.chosen].qini
        slope = comparison.learners[comparison.chosen].slope
        print(
            f"| {' or '.join(mails)}, {outcome} | {decision.rung} | {1e3 * qini.value:.2f} "
            f"[{1e3 * qini.lower:.2f}, {1e3 * qini.upper:.2f}] | {slope.value:.2f} ± "
            f"{slope.error:.2f} | {perf_counter() - started:.1f} |",
            flush=True,
        )
    print()


def shops(world: World, repeats: int, names: Sequence[str]) -> None:
    """What is lost, or earned, by contacting where the promised effect pays."""
    print(
        f"World {world!r}: a contact costs {_MONEY.cost:g}, an order is worth {_MONEY.value:g}; "
        "true profit per 1,000 customers, mean over shops\n\n"
        "| decisions | shops | T-learner, unshrunk | default, shrunk | oracle | first 30 %, of the oracle's gain | `uplift` | `nobody` |\n"
        "|---|---|---|---|---|---|---|---|"
    )
    for rows in (1_000, 4_000, 16_000):
        figures = []
        for seed in range(repeats):
            test = decisions(20_000, 10_000 + seed, world)
            sample = decisions(rows, seed, world).sample
            bundle, comparison = fit_uplift(
                sample, money=_MONEY, prior=SlopePrior(), seed=seed, names=names
            )
            decision = decide(comparison, check_randomisation(sample, seed), rows_min=_ROWS_MIN)
            effect = bundle.effect(test.sample.values)
            raw = outcome_models(sample, _PENALTY_WEAK).effect(test.sample.values)
            thirty = np.array([0.3])
            possible = gain_curve(test.effect, test.effect, thirty)[0]
            figures.append(
                (
                    *(_true_profit(test.effect, each) for each in (raw, effect, test.effect)),
                    gain_curve(test.effect, effect, thirty)[0] / possible if possible else np.nan,
                    decision.rung is Rung.UPLIFT,
                    decision.rung is Rung.NOBODY,
                )
            )
        raw, shrunk, oracle, share, uplift, nobody = np.mean(np.array(figures, float), axis=0)
        print(
            f"| {rows:,} | {repeats} | {raw:.1f} | {shrunk:.1f} | {oracle:.1f} | {share:.2f} | "
            f"{uplift:.3f} | {nobody:.3f} |",
            flush=True,
        )
    print()


def _true_profit(truth: Floats, effect: Floats) -> float:
    contacted = _MONEY.value * effect > _MONEY.cost
    return float(1e3 * np.where(contacted, _MONEY.value * truth - _MONEY.cost, 0.0).mean())


def simulator(repeats: int) -> None:
    """Shops of the simulator, which know their customers only as the platform does.

    Seven rounds of an e-mail by lot: six to learn from, about 50,000 decisions, the last one to
    judge by, against the closed form of what each contact changes.
    """
    world = FOUR_TYPES.only("email")
    names, cost = feature_names(world), float(world.cost_cents[1])
    figures: dict[str, list[tuple[float, float]]] = {}
    for seed in range(1, repeats + 1):
        everything = lot_decisions(world, seed=seed)
        is_last = everything.round_number == everything.round_number.max()
        log, test = everything.rows(~is_last), everything.rows(is_last)
        gain, margin = test.purchase_effect[:, 1], test.margin_effect_cents[:, 1]
        value = float(log.margin_cents.sum() / log.ordered.sum())
        money = Money(value=value, cost=cost, budget_share=_MONEY.budget_share)

        def shares(effect: Floats, gain: Floats = gain, margin: Floats = margin) -> Floats:
            contacted = contact_weights(effect - cost, _MONEY.budget_share)
            thirty = gain_curve(gain, effect, np.array([0.3]))[0]
            return np.array([thirty, (contacted * (margin - cost)).mean()])

        # Without a model everybody's effect pays: the ranking alone decides.
        random = np.random.default_rng(seed)
        rankings = {"by lot": random.random(len(test)) + cost}
        for name, columns in (("", len(names)), (", RFM alone", len(RFM))):
            for rows in (4_000, len(log)):
                part = log.sample(random, rows)
                sample = UpliftSample(
                    features=names[:columns],
                    values=part.features[:, :columns],
                    treated=part.treatment == 1,
                    outcome=part.ordered.astype(np.float64),
                    propensity=np.full(rows, part.propensities[0, 1]),
                    groups=part.customer,
                )
                bundle, _ = fit_uplift(sample, money=money, prior=SlopePrior(), seed=seed, names=())
                size = "all" if rows == len(log) else f"{rows:,}"
                effect = value * bundle.effect(test.features[:, :columns])
                rankings[f"default, {size} decisions{name}"] = effect
        if_control = outcome_models(sample).outcomes(test.features[:, : len(RFM)])[1]
        rankings["least likely to order first"] = 1 - if_control + cost
        possible = np.array([gain_curve(gain, gain, np.array([0.3]))[0], shares(margin)[1]])
        for ranking, effect in rankings.items():
            reached = shares(effect) / possible
            figures.setdefault(ranking, []).append((float(reached[0]), float(reached[1])))
    print(
        f"The simulator's shops, {repeats} of 20,000 customers, about {len(log):,} decisions by lot "
        f"to learn from, e-mails at {cost / 100:.2f}: share of the oracle's\n\n"
        f"| ranking | orders gained by the first 30 % | profit, budget {_MONEY.budget_share:.0%} |\n"
        "|---|---|---|"
    )
    for ranking, rows_of in figures.items():
        gained, earned = np.mean(rows_of, axis=0)
        each = ", ".join(f"{one:.2f}" for one, _ in rows_of)
        print(f"| {ranking} | {gained:.2f} ({each}) | {earned:.2f} |")
    print(flush=True)


def proven(repeats: int) -> None:
    """How often `uplift` is called proven where contacts change nothing."""
    wrong = 0
    for seed in range(repeats):
        sample = decisions(4_000, 50_000 + seed, "none").sample
        comparison = compare_learners(
            sample, money=Money(value=15.0), prior=SlopePrior(), seed=seed
        )
        decision = decide(comparison, check_randomisation(sample, seed), rows_min=_ROWS_MIN)
        wrong += decision.rung is Rung.UPLIFT
    print(
        f"Contacts change nothing, {repeats} shops of 4,000 decisions, all {len(LEARNERS)} "
        f"learners compared: `uplift` called proven in {wrong / repeats:.1%}.\n",
        flush=True,
    )


def _trainings(repeats: int, weeks: int) -> None:
    trainings("none", shops=repeats, weeks=weeks)
    trainings("types", shops=max(repeats // 5, 1), weeks=weeks)


def metrics() -> None:
    """QINI and AUTOC beside EconML's on the same scores and ranking."""
    if not find_spec("econml"):
        print("EconML is not installed; its DRTester is left out.\n")
        return
    from econml.validate import DRTester
    from sklearn.linear_model import LinearRegression, LogisticRegression

    train, test = decisions(6_000, 1).sample, decisions(6_000, 2).sample
    model = LEARNERS[DEFAULT](train, 0)

    class Effect:
        """The default learner under the name that DRTester calls."""

        def effect(self, X: Floats, **_arms: object) -> Floats:
            """Effects, shape (n,)."""
            return model.effect(X)

    tester = DRTester(
        model_regression=LinearRegression(),
        model_propensity=LogisticRegression(),
        cate=Effect(),
        cv=3,
    )
    arms = [(each.values, each.treated.astype(int), each.outcome) for each in (test, train)]
    tester.fit_nuisance(*arms[0], *arms[1])
    ranking = rate(np.asarray(tester.dr_val_).ravel(), model.effect(test.values))
    print(
        "| on EconML's scores | here | EconML's DRTester | difference in errors |\n|---|---|---|---|"
    )
    for name, estimate in (("qini", ranking.qini), ("toc", ranking.autoc)):
        peer = tester.evaluate_uplift(test.values, train.values, metric=name)
        value, error = float(np.ravel(peer.params)[0]), float(np.ravel(peer.errs)[0])
        print(
            f"| {name} | {estimate.value:.4f} ± {estimate.error:.4f} | {value:.4f} ± {error:.4f} | "
            f"{(estimate.value - value) / error:+.2f} |"
        )
    print(flush=True)


def lalonde() -> None:
    """A job training: its experiment is taken as one, trainees against a survey are refused."""
    if not find_spec("causaldata"):
        print("The package causaldata is not installed; LaLonde's data are left out.\n")
        return
    from causaldata import cps_mixtape, nsw_mixtape

    experiment = nsw_mixtape.load_pandas().data
    survey = cps_mixtape.load_pandas().data
    trainees = experiment[experiment["treat"] == 1]
    columns = "treat age educ black hisp marr nodegree re74 re75 re78".split()
    print("| LaLonde | rows | AUC of the treatment | decision |\n|---|---|---|---|")
    for name, rows in (
        ("trainees and controls drawn by lot", np.array(experiment[columns])),
        ("trainees and a survey", np.vstack([trainees[columns], survey[columns]])),
    ):
        treated = rows[:, 0] == 1
        sample = UpliftSample(
            features=tuple(columns[1:-1]),
            values=rows[:, 1:-1].astype(np.float64),
            treated=treated,
            outcome=rows[:, -1].astype(np.float64),
            propensity=np.full(len(rows), treated.mean()),
            groups=np.arange(len(rows)),
        )
        check = check_randomisation(sample, 1)
        comparison = compare_learners(sample, money=Money(), prior=SlopePrior(), seed=1, names=())
        decision = decide(comparison, check, rows_min=200)
        print(f"| {name} | {len(rows):,} | {check.auc:.2f} | {decision.rung}: {decision.reason} |")
    print(flush=True)


def main() -> None:
    """Print the tables of docs/uplift.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parts: dict[str, Callable[[argparse.Namespace], None]] = {
        "hillstrom": lambda options: halves(options.halves),
        "conversion": lambda _: ladder_on_hillstrom(),
        "nothing": lambda options: shops("none", options.shops, ()),
        "proven": lambda options: proven(options.shops),
        "trainings": lambda options: _trainings(options.shops, options.weeks),
        "types": lambda options: shops("types", options.shops, ()),
        "simulator": lambda options: simulator(min(options.shops, 6)),
        "metrics": lambda _: metrics(),
        "lalonde": lambda _: lalonde(),
    }
    parser.add_argument("names", nargs="*", metavar="PART", help=", ".join(parts))
    parser.add_argument("--halves", type=int, default=6, help="splits into two halves")
    parser.add_argument("--shops", type=int, default=200, help="simulated shops")
    parser.add_argument("--weeks", type=int, default=26, help="with a training each")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(parts))
    if unknown:
        parser.error(f"{unknown[0]!r} is no part; expected {', '.join(parts)}")
    for name in options.names or parts:
        parts[name](options)


if __name__ == "__main__":
    main()
