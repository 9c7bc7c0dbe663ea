"""Every stage of a day at size, beside its peers: `python -m benchmarks --size 100k`.

A shop as in `large_shop`, through every door in a process of its own: seconds, CPU of the process
and of the server, the most memory it held. Peers do the same in the same run: raw COPY of the same
files and rows, pandas, LightGBM by itself. `ratio` is this library's time over the peer's, for
equal work.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import floor, peers
from benchmarks.alone import Step, alone
from benchmarks.large_shop import DAYS, LargeShop, large_shop
from benchmarks.lines import timed
from benchmarks.place import Place, place
from retention_ml.abnormal.detect import detect
from retention_ml.actions.assignment.assign import assign
from retention_ml.curated.ingest import ingest
from retention_ml.features import store
from retention_ml.features.build import build
from retention_ml.features.catalogue import CATALOGUE
from retention_ml.features.roll_up import roll_up
from retention_ml.features.samples.build_samples import ensure_samples
from retention_ml.models.training.train import train
from retention_ml.outcomes.trial.trials import trial_between
from retention_ml.profiles.profile import profile
from retention_ml.profiles.publish_profiles import publish_profiles
from retention_ml.profiles.value.fit_value import fit_value
from retention_ml.recommendations.fitting.fit import fit as fit_ranker
from retention_ml.recommendations.publish_lists import publish_lists
from retention_ml.recommendations.recommend import recommend
from retention_ml.scores import served
from retention_ml.scores.publish import publish
from retention_ml.scores.score import score
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

SIZES = {"5k": 5_000, "30k": 30_000, "100k": 100_000, "300k": 300_000, "1m": 1_000_000}
# A shop of many customers sells to each a few times a year: a year is when they are active.
_SETTINGS = {"CHURN__ACTIVE_DAYS": "365"}
_LIGHTGBM_ROWS = 5_000
_SAMPLE_ROWS = 20_000  # of a day, about
_CUTOFFS = (3, 6, 12)
_ACTION = """title = "Mail"
kind = "email"
channel = "file"
cost = 0.02
[rule]
tiers = ["high", "critical"]
needs_permission = false
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One stage: rows taken in, what it cost, and the time of a peer for equal work."""

    stage: str
    rows: int
    wall_s: float
    cpu_s: float
    server_cpu_s: float
    peak_mb: int
    peer: str = ""
    peer_wall_s: float | None = None

    @property
    def ratio(self) -> float | None:
        """Our time over the peer's; below 1 is faster than the peer."""
        return None if self.peer_wall_s is None else self.wall_s / self.peer_wall_s

    def to_dict(self) -> dict[str, Any]:
        """As a row of the JSON file; `cpu_s` is that of process and server."""
        row = asdict(self) | {"ratio": self.ratio}
        return row | {"cpu_s": self.cpu_s + self.server_cpu_s}


def measure(*, customers: int, days: int = DAYS, cache: Path) -> Iterator[Measured]:
    """Measure every stage on a shop of so many customers, one after the other."""
    shop = large_shop(cache, customers=customers, days=days)
    with place() as at, at.warehouse("shop") as warehouse, at.warehouse("peers") as other:
        settings = settings_of_day(at)
        stages = _Stages(at=at, url=warehouse.url, settings=settings, shop=shop)
        copied = alone(peers.copy_of_text, other.url, shop.files, server=at.server)
        yield stages.ingest(copied)
        yield stages.roll_up()
        yield from stages.features()
        for stage in (stages.train, stages.score, stages.publish):
            yield stage()
        yield from stages.predict_and_reasons()
        for stage in (stages.profile, stages.recommend, stages.assign, stages.daily_run):
            yield stage()


def medians(runs: Sequence[Sequence[Measured]]) -> list[Measured]:
    """Of each stage the run with the middle wall time, with the middle of the peer's times."""
    typical = []
    for same in zip(*runs, strict=True):
        middle = sorted(same, key=lambda one: one.wall_s)[len(same) // 2]
        of_peer = [one.peer_wall_s for one in same if one.peer_wall_s is not None]
        typical.append(replace(middle, peer_wall_s=median(of_peer) if of_peer else None))
    return typical


def show(measured: Sequence[Measured], title: str) -> None:
    """Print the stages as a table."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("stage")
    for name in ("rows", "wall s", "CPU s", "server CPU s", "peak MB", "rows/s"):
        table.add_column(name, justify="right")
    table.add_column("peer, in the same run", overflow="fold")
    table.add_column("ratio", justify="right")
    for one in measured:
        peer = f"{one.peer}: {one.peer_wall_s:.1f} s" if one.peer_wall_s is not None else "–"
        table.add_row(
            one.stage, f"{one.rows:,}", f"{one.wall_s:.1f}", f"{one.cpu_s:.1f}",
            f"{one.server_cpu_s:.1f}", f"{one.peak_mb:,}", f"{one.rows / one.wall_s:,.0f}", peer,
            "–" if one.ratio is None else f"{one.ratio:.2f}",
        )  # fmt: skip
    Console(width=150, highlight=False).print(table)


def write(measured: Sequence[Measured], path: Path) -> None:
    """Write the stages as a JSON list."""
    path.write_text(json.dumps([one.to_dict() for one in measured], indent=1), encoding="utf-8")


def settings_of_day(at: Place) -> Settings:
    """The settings of a shop of many customers, with one action."""
    settings = at.settings(**_SETTINGS)
    folder = settings.home / "actions"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mail.toml").write_text(_ACTION, encoding="utf-8")
    changed = {"enabled": True, "approval": "never"}
    return settings.model_copy(
        update={
            "actions_folder": folder,
            "actions": settings.actions.model_copy(update=changed),
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stages:
    """The doors, each in a process of its own; what one left is there for the next."""

    at: Place
    url: str
    settings: Settings
    shop: LargeShop

    def _step(self, door: Callable[..., tuple[int, dict[str, Any]]], *more: object) -> Step:
        return alone(door, self.url, self.settings, *more, server=self.at.server)

    def ingest(self, copied: Step) -> Measured:
        step = self._step(_ingest, self.shop.files)
        return _measured("ingest", step, peer="raw COPY as text", peer_wall_s=copied.seconds)

    def roll_up(self) -> Measured:
        return _measured("roll_up", self._step(_roll_up))

    def features(self) -> Iterator[Measured]:
        step = self._step(_build, self.shop.as_of)
        for name, door in (("pandas", peers.pandas_features), ("one numba pass", floor.one_pass)):
            made = alone(door, self.url, self.shop.as_of)
            per_column = made.details["seconds"] / made.details["columns"]
            peer = f"{name}, by column, of {made.details['columns']}"
            yield _measured("features", step, peer=peer, peer_wall_s=per_column * len(CATALOGUE))
        share = min(0.99, _SAMPLE_ROWS / max(1, step.customers))
        for count in _CUTOFFS:
            sampled = self._step(_build_samples, self.shop.as_of, count, share)
            yield _measured(f"samples_{count}_days", sampled)

    def train(self) -> Measured:
        return _measured("train", self._step(_train, self.shop.as_of))

    def score(self) -> Measured:
        return _measured("score", self._step(_score, self.shop.as_of))

    def publish(self) -> Measured:
        snapshot_id = _newest(self.url, "scores.snapshots")
        copied = alone(peers.copy_of_rows, self.url, "scores.customer_daily", snapshot_id)
        step = self._step(_publish, snapshot_id)
        peer_wall_s = copied.details["seconds"]
        return _measured("publish", step, peer="binary COPY of its rows", peer_wall_s=peer_wall_s)

    def predict_and_reasons(self) -> list[Measured]:
        step = alone(_predict_and_explain, self.url, self.settings, self.shop.as_of)
        seconds = step.details
        alike = {"rows": step.customers, "server_cpu_s": 0.0, "peak_mb": step.megabytes}
        return [
            Measured(
                stage=stage,
                wall_s=seconds[stage],
                cpu_s=seconds[f"{stage}_cpu"],
                peer=f"{peer}, of {_LIGHTGBM_ROWS:,} rows",
                peer_wall_s=seconds[f"{stage}_peer"],
                **alike,
            )
            for stage, peer in (("predict", "Booster.predict"), ("reasons", "pred_contrib"))
        ]

    def profile(self) -> Measured:
        return _measured("profile", self._step(_profile, self.shop.as_of))

    def recommend(self) -> Measured:
        return _measured("recommend", self._step(_recommend, self.shop.as_of))

    def assign(self) -> Measured:
        return _measured("assign", self._step(_assign, self.shop.as_of))

    def daily_run(self) -> Measured:
        files, day = self.shop.files_of_next_day, self.shop.as_of + timedelta(days=1)
        return _measured("daily_run", self._step(_day, files, day))


def _measured(
    stage: str, step: Step, *, peer: str = "", peer_wall_s: float | None = None
) -> Measured:
    return Measured(
        stage=stage,
        rows=step.customers,
        wall_s=step.seconds,
        cpu_s=step.cpu_seconds,
        server_cpu_s=step.server_cpu_seconds,
        peak_mb=step.megabytes,
        peer=peer,
        peer_wall_s=peer_wall_s,
    )


def _newest(url: str, table: str) -> int:
    rows = Warehouse(url).read(f"SELECT max(snapshot_id) AS snapshot_id FROM {table}")
    return int(rows["snapshot_id"][0].as_py())


def _ingest(url: str, settings: Settings, files: tuple[Path, ...]) -> tuple[int, dict[str, Any]]:
    receipt = ingest(
        Warehouse(url), settings=settings, source="simulated", files=files, history=True
    )
    return receipt.read, {}


def _roll_up(url: str, settings: Settings) -> tuple[int, dict[str, Any]]:
    return roll_up(Warehouse(url), settings=settings).written, {}


def _build(url: str, settings: Settings, day: date) -> tuple[int, dict[str, Any]]:
    return build(Warehouse(url), settings=settings, as_of=day).written, {}


def _build_samples(
    url: str, settings: Settings, day: date, count: int, share: float
) -> tuple[int, dict[str, Any]]:
    """Samples of so many days, a week apart, as a training builds them."""
    # No two calls build the same: each begins after the days of the one before.
    shares = {day - timedelta(weeks=number + count): share for number in range(count)}
    receipts = ensure_samples(Warehouse(url), settings=settings, shares=shares)
    return sum(receipt.written for receipt in receipts), {}


def _train(url: str, settings: Settings, day: date) -> tuple[int, dict[str, Any]]:
    warehouse = Warehouse(url)
    trained = train(warehouse, settings=settings, as_of=day, trial_between=trial_between)
    if trained.details["verdict"] != "promote":
        raise SystemExit(f"There is no champion to score with: {trained.details['reason']}")
    counted = f"SELECT count(*) AS customers FROM {store.TABLE} WHERE as_of = DATE '{day}'"
    return int(warehouse.read(counted)["customers"][0].as_py()), {}


def _score(url: str, settings: Settings, day: date) -> tuple[int, dict[str, Any]]:
    return score(Warehouse(url), settings=settings, as_of=day).read, {}


def _publish(url: str, settings: Settings, snapshot_id: int) -> tuple[int, dict[str, Any]]:
    return publish(Warehouse(url), settings=settings, snapshot_id=snapshot_id).read, {}


def _predict_and_explain(url: str, settings: Settings, day: date) -> tuple[int, dict[str, Any]]:
    import time

    warehouse = Warehouse(url)
    bundle = served.champion(warehouse, settings, day).bundle
    table, _ = store.read_day(warehouse, day)
    details: dict[str, Any] = {}
    for stage, work in (("predict", bundle.predict), ("reasons", bundle.contributions)):
        work(table.slice(0, 10))  # what is made once per process is no part of the work
        cpu = time.process_time()
        details[stage] = timed(lambda work=work: work(table))
        details[f"{stage}_cpu"] = time.process_time() - cpu
    rows = min(_LIGHTGBM_ROWS, table.num_rows)
    alone_predict = peers.lightgbm_alone(bundle, table.slice(0, rows))
    for stage, how in (("predict", "raw_score"), ("reasons", "pred_contrib")):
        seconds = timed(lambda how=how: alone_predict(rows, **{how: True}))
        details[f"{stage}_peer"] = seconds * table.num_rows / rows
    return table.num_rows, details


def _profile(url: str, settings: Settings, day: date) -> tuple[int, dict[str, Any]]:
    warehouse, with_day = Warehouse(url), {"settings": settings, "as_of": day}
    detect(warehouse, **with_day)
    fit_value(warehouse, **with_day)
    return _profile_and_publish(warehouse, with_day), {}


def _profile_and_publish(warehouse: Warehouse, with_day: Mapping[str, Any]) -> int:
    made = profile(warehouse, **with_day)
    snapshot_id = made.details["snapshot_id"]
    publish_profiles(warehouse, settings=with_day["settings"], snapshot_id=snapshot_id)
    return made.read


def _recommend(url: str, settings: Settings, day: date) -> tuple[int, dict[str, Any]]:
    warehouse, with_day = Warehouse(url), {"settings": settings, "as_of": day}
    fit_ranker(warehouse, **with_day)
    return _recommend_and_publish(warehouse, with_day), {}


def _recommend_and_publish(warehouse: Warehouse, with_day: Mapping[str, Any]) -> int:
    made = recommend(warehouse, **with_day)
    snapshot_id = made.details["snapshot_id"]
    publish_lists(warehouse, settings=with_day["settings"], snapshot_id=snapshot_id)
    return made.read


def _assign(url: str, settings: Settings, day: date) -> tuple[int, dict[str, Any]]:
    return assign(Warehouse(url), settings=settings, as_of=day, today=day).read, {}


def _day(
    url: str, settings: Settings, files: tuple[Path, ...], day: date
) -> tuple[int, dict[str, Any]]:
    """The doors of a day in their order, with the files that came for it."""
    warehouse, with_day = Warehouse(url), {"settings": settings, "as_of": day}
    ingest(warehouse, settings=settings, source="simulated", files=files, history=True)
    detect(warehouse, **with_day)
    build(warehouse, **with_day)
    scored = score(warehouse, **with_day)
    publish(warehouse, settings=settings, snapshot_id=scored.details["snapshot_id"])
    _profile_and_publish(warehouse, with_day)
    _recommend_and_publish(warehouse, with_day)
    assign(warehouse, **with_day, today=day)
    return scored.read, {}
