"""The starter model: trained on three real and two simulated shops, evaluated with each left out.

`python -m benchmarks.starter` ingests, builds features, evaluates and writes the bundle, its digest and
its card; equal data give equal bytes. `--evaluate-only` writes nothing. With `--keep FOLDER` what was
ingested and built stays there for the next time.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks import data
from benchmarks.place import Place, place
from benchmarks.ranks import rank_within
from benchmarks.starter_card import TaskResult, write
from retention_ml.clock import day_number
from retention_ml.curated.ingest import ingest
from retention_ml.features.build import ensure
from retention_ml.features.catalogue import FEATURES
from retention_ml.labels.maturity import feed
from retention_ml.models.btyd import nbd
from retention_ml.models.btyd.purchase_summary import PurchaseSummary
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.predictors.buying_process import FEATURES as PROCESS_FEATURES
from retention_ml.models.predictors.buying_process import BuyingProcess
from retention_ml.models.predictors.paced import FEATURES as PACED_FEATURES
from retention_ml.models.predictors.paced import Paced, inputs
from retention_ml.models.predictors.trees import Trees
from retention_ml.models.training.boosting import grow
from retention_ml.models.training.data.purchase_histories import read_histories
from retention_ml.models.training.data.sample import TrainingSample
from retention_ml.models.training.data.shares import decide_shares
from retention_ml.models.training.data.training_data import load_training_set
from retention_ml.models.training.data.training_set import TrainingSet
from retention_ml.models.training.fitting import FitContext
from retention_ml.settings import PROJECT
from retention_ml.simulate import simulate
from retention_ml.statistics.arrays import Floats, Ints, sigmoid
from retention_ml.statistics.metrics import Predictions, evaluate

VERSION = "starter-1"
FOLDER = PROJECT / "retention_ml" / "models" / "bundle" / "starter"
SEED = 20260301
ACTIVE_DAYS = (90, 180, 365)
WINDOWS = (14, 28, 60, 90, 180)
TRAINING_DAYS = 8
ROWS_MAX = 1_200
SIMULATED_WEIGHT = 0.25
ROUNDS = 120
PARAMS = {
    "num_leaves": 12,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.5,
    "lambda_l2": 10.0,
    "learning_rate": 0.05,
}
SIMULATED = {"simulated_orders": (5_000, 11), "simulated_clicks": (4_000, 12)}
_FIRST_DAY = date(2024, 1, 1)
_SIMULATED_DAYS = 600
_ORDER_FEEDS = ("order_lines", "products", "customers")
_RANKED = tuple(name for name, one in FEATURES.items() if one.family != "season")
_YOUNG = (45, 60, 75, 90)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Days of a shop to evaluate on; `ages` are days after its first order."""

    name: str
    shop: str
    active_days: int
    horizon_days: int
    days: tuple[date, ...] = ()
    ages: tuple[int, ...] = ()


def _spread(first: date, last: date, count: int) -> tuple[date, ...]:
    span = (last - first).days
    return tuple(first + timedelta(days=round(span * n / (count - 1))) for n in range(count))


_RETAIL = _spread(date(2010, 12, 1), date(2011, 3, 10), 7)
_CDNOW = (date(1997, 10, 3), date(1997, 12, 2), date(1998, 1, 31), date(1998, 4, 1))
_JOURNEY = _spread(date(2017, 8, 14), date(2017, 12, 4), 5)
_SHOPS = _spread(date(2024, 9, 1), date(2025, 6, 1), 4)
# The first four are those of benchmarks/quality.py.
TASKS = (
    Task(
        name="Online Retail II, 90 days",
        shop="online_retail_ii",
        active_days=180,
        horizon_days=90,
        days=_RETAIL,
    ),
    Task(
        name="Online Retail II, 30 days",
        shop="online_retail_ii",
        active_days=90,
        horizon_days=30,
        days=_RETAIL,
    ),
    Task(name="CDNOW, 90 days", shop="cdnow", active_days=365, horizon_days=90, days=_CDNOW),
    Task(
        name="Complete Journey, 28 days",
        shop="complete_journey",
        active_days=90,
        horizon_days=28,
        days=_JOURNEY,
    ),
    Task(
        name="Online Retail II, new, 30 days",
        shop="online_retail_ii",
        active_days=90,
        horizon_days=30,
        ages=_YOUNG,
    ),
    Task(name="CDNOW, new, 30 days", shop="cdnow", active_days=90, horizon_days=30, ages=_YOUNG),
    Task(
        name="Complete Journey, new, 28 days",
        shop="complete_journey",
        active_days=90,
        horizon_days=28,
        ages=_YOUNG,
    ),
    *(
        Task(
            name=f"{name.replace('_', ' ').capitalize()}, 28 days",
            shop=name,
            active_days=90,
            horizon_days=28,
            days=_SHOPS,
        )
        for name in SIMULATED
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A shop's customers on past days, with what they did next."""

    name: str
    training_set: TrainingSet
    begins_on: date
    training_days: tuple[date, ...]
    histories: dict[date, PurchaseSummary]

    @property
    def group(self) -> str:
        """Shops of one group are left out together: one simulator made both simulated ones."""
        return "simulated" if self.name in SIMULATED else self.name

    def active(self, day: date, active_days: int) -> Ints:
        """Positions of the customers with an order in the days before `day`."""
        at = self.training_set.positions([day])
        recency = self.training_set.values[at, self.training_set.features.index("recency_days")]
        return np.asarray(at[recency <= active_days], dtype=np.int64)

    def follow_up_days(self, day: date) -> int:
        """For how many days after `day` orders are known."""
        return (self.training_set.known_until - day).days

    def only(self, at: Ints, names: Sequence[str]) -> Floats:
        """Values of some features at some positions."""
        columns = [self.training_set.features.index(name) for name in names]
        return np.ascontiguousarray(self.training_set.values[at][:, columns])

    def days_of(self, task: Task) -> tuple[date, ...]:
        """The days of a task."""
        return task.days or tuple(self.begins_on + timedelta(days=age) for age in task.ages)


def main() -> None:
    """Evaluate with each shop left out, then train on all and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="a folder for server and features")
    parser.add_argument("--evaluate-only", action="store_true")
    options = parser.parse_args()
    console = Console(width=150, highlight=False)
    with place(options.keep) as where:
        shops = [_open(where, name, console) for name in _sources(where)]
    results = []
    for group in dict.fromkeys(shop.group for shop in shops):
        others = [shop for shop in shops if shop.group != group]
        paced, ranked = train(others), train(others, as_ranks=True)
        for task in TASKS:
            for shop in shops:
                if shop.name == task.shop and shop.group == group:
                    results.append(evaluate_task(shop, task, paced, ranked))
                    console.print(results[-1].line(), markup=False)
    results.sort(key=lambda result: [task.name for task in TASKS].index(result.name))
    text = train(shops)
    bundle = bundle_of(text, shops)
    console.print(f"{sum(map(len, bundle.contents.values())):,} bytes, digest {bundle.sha256}")
    if not options.evaluate_only:
        _write(bundle, results)


def _sources(where: Place) -> Iterator[tuple[str, str, str, tuple[Path, ...]]]:
    """Name, source, time zone and files of every shop."""
    retail = data.online_retail()
    if retail is None:
        raise SystemExit("RETENTION_DATA_DIR does not hold Online Retail II, which is trained on.")
    for one in (retail, data.cdnow(), data.complete_journey()):
        yield one.source, one.source, one.timezone, one.files
    for name, (customers, seed) in SIMULATED.items():
        out = where.folder / name
        simulate(
            customers=customers, days=_SIMULATED_DAYS, seed=seed, out=out, first_day=_FIRST_DAY
        )
        files = sorted(out.glob("*.csv"))
        if name == "simulated_orders":
            files = [path for path in files if path.name.startswith(_ORDER_FEEDS)]
        yield name, "simulated", "Europe/London", tuple(files)


def _open(
    where: Place, described: tuple[str, str, str, tuple[Path, ...]], console: Console
) -> Shop:
    name, source, timezone, files = described
    settings = where.settings(
        CALENDAR__TIMEZONE=timezone,
        CHURN__ACTIVE_DAYS=str(max(ACTIVE_DAYS)),
        CHURN__HORIZON_DAYS=str(max(WINDOWS)),
        COMPUTE__THREADS="1",
    )
    with where.warehouse(f"starter_{name}") as warehouse:
        ingest(warehouse, settings=settings, source=source, files=files, history=True)
        after = date(2100, 1, 1)
        coverage = feed(warehouse, timezone=timezone, known_as_of=after)
        assert coverage is not None
        training_days = _spread(
            coverage.begins_on + timedelta(days=60),
            coverage.ends_on - timedelta(days=30),
            TRAINING_DAYS,
        )
        evaluation_days = {
            day
            for task in TASKS
            if task.shop == name
            for day in task.days
            or tuple(coverage.begins_on + timedelta(days=age) for age in task.ages)
        }
        days = sorted({*training_days, *evaluation_days})
        ensure(warehouse, settings=settings, days=days)
        unlimited = settings.training.model_copy(update={"evaluation_rows_max": 10_000_000})
        shares = decide_shares(
            warehouse,
            settings=settings.model_copy(update={"training": unlimited}),
            as_of=after,
            training_days=(),
            evaluation_days=days,
        )
        training_set = load_training_set(warehouse, settings=settings, as_of=after, shares=shares)
        histories = {
            day: read_histories(warehouse, as_of_day=day_number(day))
            for day in sorted(evaluation_days)
        }
    console.print(f"{name}: {len(training_set.customers):,} customers on {len(days)} days")
    return Shop(
        name=name,
        training_set=training_set,
        begins_on=coverage.begins_on,
        training_days=training_days,
        histories=histories,
    )


def train(shops: Sequence[Shop], *, as_ranks: bool = False) -> str:
    """The text of a model trained on some shops; every shop and window length counts alike.

    Parameters
    ----------
    as_ranks : bool
        Train on ranks of all features within the day instead of times in windows.
    """
    parts: list[tuple[Shop, int, Floats, Floats]] = []
    for shop in shops:
        for day in shop.training_days:
            for active_days in ACTIVE_DAYS:
                at = shop.active(day, active_days)
                ranks = _ranks(shop, at) if as_ranks else None
                for window in WINDOWS:
                    if window > shop.follow_up_days(day) or window > max(active_days, 90):
                        continue
                    chosen = _some(len(at), (day.toordinal(), active_days, window))
                    churned = (shop.training_set.time_to_next_order[at[chosen]] >= window).astype(
                        np.float64
                    )
                    values = (
                        ranks[chosen]
                        if ranks is not None
                        else inputs(shop.only(at[chosen], PACED_FEATURES), window)
                    )
                    parts.append((shop, window, values, churned))
    rows: dict[tuple[str, int], int] = {}
    for shop, window, _, churned in parts:
        rows[shop.name, window] = rows.get((shop.name, window), 0) + len(churned)
    windows = {shop.name: sum(name == shop.name for name, _ in rows) for shop in shops}
    weights = np.concatenate(
        [
            np.full(
                len(churned),
                (SIMULATED_WEIGHT if shop.name in SIMULATED else 1.0)
                / windows[shop.name]
                / rows[shop.name, window],
            )
            for shop, window, _, churned in parts
        ]
    )
    count = len(weights)
    return grow(
        TrainingSample(
            values=np.concatenate([values for _, _, values, _ in parts]),
            days=np.zeros(count, dtype=np.int64),
            time_to_next_order=np.concatenate([churned for *_, churned in parts]),
            follow_up_days=np.ones(count, dtype=np.int64),
            horizon_days=1,
            groups=np.zeros(count, dtype=np.int64),
            weights=weights * count / weights.sum(),
            features=(),
        ),
        PARAMS,
        FitContext(seed=SEED, threads=1),
        rounds=ROUNDS,
    ).texts[0]


def _some(count: int, key: tuple[int, ...]) -> Ints:
    """At most `ROWS_MAX` positions of `count`, drawn by the key."""
    return np.random.default_rng([SEED, *key]).permutation(count)[:ROWS_MAX]


def _ranks(shop: Shop, at: Ints) -> Floats:
    return rank_within(shop.only(at, _RANKED), np.zeros(len(at), dtype=np.int64))


def evaluate_task(shop: Shop, task: Task, paced: str, ranked: str) -> TaskResult:
    """How good models of other shops are in this one, against its own buying process."""
    model = Paced(inner=Trees(texts=(paced,), threads=1), window_days=float(task.horizon_days))
    ranks = Trees(texts=(ranked,), threads=1)
    parts = []
    for day in shop.days_of(task):
        at = shop.active(day, task.active_days)
        buying_process = BuyingProcess(
            process=nbd.fit(shop.histories[day], modified=True),
            horizon_days=float(task.horizon_days),
            reference=np.ones(len(PROCESS_FEATURES)),
        )
        recency = shop.only(at, ("recency_days",))[:, 0]
        starter = model.margin(shop.only(at, PACED_FEATURES))
        mbg_nbd = buying_process.margin(shop.only(at, PROCESS_FEATURES))
        parts.append(
            (
                np.full(len(at), day.toordinal()),
                at,
                (shop.training_set.time_to_next_order[at] >= task.horizon_days).astype(np.float64),
                sigmoid(starter),
                sigmoid(mbg_nbd),
                sigmoid((starter + mbg_nbd) / 2),
                sigmoid(ranks.margin(_ranks(shop, at))),
                recency / (recency.max() + 1),
            )
        )
    days, positions, outcome, *probabilities = (
        np.concatenate([part[place] for part in parts]) for place in range(len(parts[0]))
    )
    names = ("starter", "mbg_nbd", "both", "ranks", "recency")
    evaluation = evaluate(
        Predictions(
            days=days,
            groups=shop.training_set.groups(positions),
            outcome=outcome,
            models=dict(zip(names, probabilities, strict=True)),
        ),
        draws=1_000,
        seed=SEED,
    )
    return TaskResult(
        name=task.name,
        active_days=task.active_days,
        days_count=len(parts),
        rows_count=len(outcome),
        churn_rate=float(np.mean([part[2].mean() for part in parts])),
        predicted_rate=float(np.mean([part[3].mean() for part in parts])),
        evaluation=evaluation,
    )


def bundle_of(text: str, shops: Sequence[Shop]) -> Bundle:
    """The bundle that is shipped; a shop's own window takes the place of the one it names."""
    rates = {
        str(window): round(
            float(
                np.mean(
                    [
                        np.mean(
                            [
                                (
                                    shop.training_set.time_to_next_order[shop.active(day, 90)]
                                    >= window
                                ).mean()
                                for day in shop.training_days
                                if shop.follow_up_days(day) >= window
                            ]
                        )
                        for shop in shops
                        if shop.name not in SIMULATED
                    ]
                )
            ),
            3,
        )
        for window in WINDOWS
    }
    return Bundle.of(
        Paced(inner=Trees(texts=(text,), threads=1), window_days=28.0),
        model_name="starter",
        features=PACED_FEATURES,
        slope=1.0,
        intercept=0.0,
        version=VERSION,
        is_calibrated=False,
        base_rate=rates,
        shops=[shop.name for shop in shops],
    )


def _write(bundle: Bundle, results: Sequence[TaskResult]) -> None:
    folder = FOLDER / "bundle"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, content in bundle.contents.items():
        (folder / name).write_bytes(content)
    (FOLDER / "bundle.sha256").write_text(bundle.sha256 + "\n", encoding="ascii")
    base_rate = json.loads(bundle.contents["manifest.json"])["base_rate"]
    write(FOLDER / "card.md", results, version=VERSION, base_rate=base_rate, ranked=len(_RANKED))


if __name__ == "__main__":
    main()
