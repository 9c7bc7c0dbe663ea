"""The starter model: learnt from three real and two simulated shops, judged with each left out.

`python -m benchmarks.starter` ingests, builds features, judges and writes the bundle, its digest and
its card; equal data give equal bytes. `--judge-only` writes nothing. With `--keep FOLDER` what was
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
from benchmarks.starter_card import Judged, write
from retention_ml.curated.ingest import ingest
from retention_ml.features.build import ensure
from retention_ml.features.catalogue import FEATURES
from retention_ml.labels.maturity import feed
from retention_ml.models.btyd import nbd
from retention_ml.models.btyd.histories import Histories
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.predictors.buying_process import FEATURES as PROCESS_FEATURES
from retention_ml.models.predictors.buying_process import BuyingProcess
from retention_ml.models.predictors.paced import FEATURES as PACED_FEATURES
from retention_ml.models.predictors.paced import Paced, inputs
from retention_ml.models.predictors.trees import Trees
from retention_ml.models.training.boosting import grow
from retention_ml.models.training.purchase_histories import read_histories
from retention_ml.models.training.sample import Rows
from retention_ml.models.training.training_data import gather
from retention_ml.models.training.training_set import TrainingSet
from retention_ml.settings import PROJECT
from retention_ml.simulate import simulate
from retention_ml.statistics.arrays import Floats, Ints, sigmoid
from retention_ml.statistics.metrics import Predictions, evaluate

VERSION = "starter-1"
FOLDER = PROJECT / "retention_ml" / "models" / "starter"
SEED = 20260301
ACTIVE_DAYS = (90, 180, 365)
WINDOWS = (14, 28, 60, 90, 180)
LEARNT_DAYS = 8
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
    """Days of a shop to be judged on; `ages` are days after its first order."""

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
    found: TrainingSet
    begins_on: date
    learnt_days: tuple[date, ...]
    histories: dict[date, Histories]

    @property
    def group(self) -> str:
        """Shops of one group are left out together: one simulator made both simulated ones."""
        return "simulated" if self.name in SIMULATED else self.name

    def active(self, day: date, active_days: int) -> Ints:
        """Positions of the customers with an order in the days before `day`."""
        at = self.found.positions([day])
        recency = self.found.values[at, self.found.features.index("recency_days")]
        return np.asarray(at[recency <= active_days], dtype=np.int64)

    def followed(self, day: date) -> int:
        """For how many days after `day` orders are known."""
        return (self.found.known_until - day).days

    def only(self, at: Ints, names: Sequence[str]) -> Floats:
        """Values of some features at some positions."""
        columns = [self.found.features.index(name) for name in names]
        return np.ascontiguousarray(self.found.values[at][:, columns])

    def days_of(self, task: Task) -> tuple[date, ...]:
        """The days of a task."""
        return task.days or tuple(self.begins_on + timedelta(days=age) for age in task.ages)


def main() -> None:
    """Judge with each shop left out, then learn from all and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="a folder for server and features")
    parser.add_argument("--judge-only", action="store_true")
    options = parser.parse_args()
    console = Console(width=150, highlight=False)
    with place(options.keep) as where:
        shops = [_open(where, name, console) for name in _sources(where)]
    judged = []
    for group in dict.fromkeys(shop.group for shop in shops):
        others = [shop for shop in shops if shop.group != group]
        paced, ranked = learn(others), learn(others, as_ranks=True)
        for task in TASKS:
            for shop in shops:
                if shop.name == task.shop and shop.group == group:
                    judged.append(judge(shop, task, paced, ranked))
                    console.print(judged[-1].line(), markup=False)
    judged.sort(key=lambda one: [task.name for task in TASKS].index(one.name))
    text = learn(shops)
    bundle = bundle_of(text, shops)
    console.print(f"{sum(map(len, bundle.contents.values())):,} bytes, digest {bundle.sha256}")
    if not options.judge_only:
        _write(bundle, judged)


def _sources(where: Place) -> Iterator[tuple[str, str, str, tuple[Path, ...]]]:
    """Name, source, time zone and files of every shop."""
    retail = data.online_retail()
    if retail is None:
        raise SystemExit("RETENTION_DATA_DIR does not hold Online Retail II, which is learnt from.")
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
        covered = feed(warehouse, timezone=timezone, known_as_of=after)
        assert covered is not None
        learnt = _spread(
            covered.begins_on + timedelta(days=60),
            covered.ends_on - timedelta(days=30),
            LEARNT_DAYS,
        )
        judged = {
            day
            for task in TASKS
            if task.shop == name
            for day in task.days
            or tuple(covered.begins_on + timedelta(days=age) for age in task.ages)
        }
        days = sorted({*learnt, *judged})
        ensure(warehouse, settings=settings, days=days)
        found = gather(warehouse, settings=settings, as_of=after, days=(), whole_days=days)
        histories = {
            day: read_histories(warehouse, as_of_day=(day - date(1970, 1, 1)).days)
            for day in sorted(judged)
        }
    console.print(f"{name}: {len(found.customers):,} customers on {len(days)} days")
    return Shop(
        name=name,
        found=found,
        begins_on=covered.begins_on,
        learnt_days=learnt,
        histories=histories,
    )


def learn(shops: Sequence[Shop], *, as_ranks: bool = False) -> str:
    """The text of a model learnt from some shops; every shop and window length counts alike.

    Parameters
    ----------
    as_ranks : bool
        Learn from ranks of all features within the day instead of times in windows.
    """
    parts: list[tuple[Shop, int, Floats, Floats]] = []
    for shop in shops:
        for day in shop.learnt_days:
            for active_days in ACTIVE_DAYS:
                at = shop.active(day, active_days)
                ranks = _ranks(shop, at) if as_ranks else None
                for window in WINDOWS:
                    if window > shop.followed(day) or window > max(active_days, 90):
                        continue
                    chosen = _some(len(at), (day.toordinal(), active_days, window))
                    churned = (shop.found.until_order[at[chosen]] >= window).astype(np.float64)
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
        Rows(
            values=np.concatenate([values for _, _, values, _ in parts]),
            days=np.zeros(count, dtype=np.int64),
            until_order=np.concatenate([churned for *_, churned in parts]),
            followed=np.ones(count, dtype=np.int64),
            horizon_days=1,
            groups=np.zeros(count, dtype=np.int64),
            weights=weights * count / weights.sum(),
            features=(),
        ),
        PARAMS,
        rounds=ROUNDS,
        seed=SEED,
        threads=1,
    )


def _some(count: int, key: tuple[int, ...]) -> Ints:
    """At most `ROWS_MAX` positions of `count`, drawn by the key."""
    return np.random.default_rng([SEED, *key]).permutation(count)[:ROWS_MAX]


def _ranks(shop: Shop, at: Ints) -> Floats:
    return rank_within(shop.only(at, _RANKED), np.zeros(len(at), dtype=np.int64))


def judge(shop: Shop, task: Task, paced: str, ranked: str) -> Judged:
    """What models of other shops are worth in this one, beside its own buying process."""
    model = Paced(inner=Trees(texts=(paced,), threads=1), window_days=float(task.horizon_days))
    ranks = Trees(texts=(ranked,), threads=1)
    parts = []
    for day in shop.days_of(task):
        at = shop.active(day, task.active_days)
        own = BuyingProcess(
            process=nbd.fit(shop.histories[day], modified=True),
            horizon_days=float(task.horizon_days),
            reference=np.ones(len(PROCESS_FEATURES)),
        )
        recency = shop.only(at, ("recency_days",))[:, 0]
        learnt = model.margin(shop.only(at, PACED_FEATURES))
        bought = own.margin(shop.only(at, PROCESS_FEATURES))
        parts.append(
            (
                np.full(len(at), day.toordinal()),
                shop.found.groups[at],
                (shop.found.until_order[at] >= task.horizon_days).astype(np.float64),
                sigmoid(learnt),
                sigmoid(bought),
                sigmoid((learnt + bought) / 2),
                sigmoid(ranks.margin(_ranks(shop, at))),
                recency / (recency.max() + 1),
            )
        )
    days, groups, outcome, *said = (
        np.concatenate([part[place] for part in parts]) for place in range(len(parts[0]))
    )
    names = ("starter", "mbg_nbd", "both", "ranks", "recency")
    evaluation = evaluate(
        Predictions(
            days=days, groups=groups, outcome=outcome, models=dict(zip(names, said, strict=True))
        ),
        draws=1_000,
        seed=SEED,
    )
    return Judged(
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
                                (shop.found.until_order[shop.active(day, 90)] >= window).mean()
                                for day in shop.learnt_days
                                if shop.followed(day) >= window
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


def _write(bundle: Bundle, judged: Sequence[Judged]) -> None:
    folder = FOLDER / "bundle"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, content in bundle.contents.items():
        (folder / name).write_bytes(content)
    (FOLDER / "bundle.sha256").write_text(bundle.sha256 + "\n", encoding="ascii")
    base_rate = json.loads(bundle.contents["manifest.json"])["base_rate"]
    write(FOLDER / "card.md", judged, version=VERSION, base_rate=base_rate, ranked=len(_RANKED))


if __name__ == "__main__":
    main()
