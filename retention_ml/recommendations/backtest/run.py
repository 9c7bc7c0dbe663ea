"""The door of the backtest of recommendations."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from retention_ml import atomic_files
from retention_ml.abnormal.excluded import NOBODY, excluded_customers, is_excluded
from retention_ml.errors import NotReady, UsageError
from retention_ml.features.roll_up import roll_up
from retention_ml.receipts import Receipt
from retention_ml.recommendations.backtest.day import Evaluated, evaluate_day, in_codes_of
from retention_ml.recommendations.backtest.evaluation import evaluate
from retention_ml.recommendations.backtest.methods import Choice, chosen_settings, require_names
from retention_ml.recommendations.baselines.method import LIST_SIZE
from retention_ml.recommendations.fit_ranker import Learning
from retention_ml.recommendations.purchases import PurchaseLog, read_descriptions, read_log
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

Say = Callable[[int, int, str], None]
Tiers = Callable[[date], Mapping[str, str]]

# Methods know only their own day; they are evaluated on everything that is known by now.
_ALL_THERE_IS = date(9999, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Where the results are written: every figure as JSON, every list as Parquet.

    The Parquet file has `as_of, customer_id, list (mixed, again, new), rank, product_id, model`.
    """

    report: Path
    predictions: Path


def backtest(
    warehouse: Warehouse,
    *,
    settings: Settings,
    days: Sequence[date],
    files: Files,
    methods: Sequence[str] | None = None,
    peers: Sequence[Choice] = (),
    tiers: Tiers = lambda _: {},
    say: Say = lambda *_: None,
) -> Receipt:
    """Recommend on past days from what was known then, and compare with what was bought.

    The ranker is fitted for each day on the newest days whose outcome was known then; settings
    of the published methods are chosen on the day whose window ends with the first day. The
    customers are those with a purchase in `churn.active_days`, the window `churn.horizon_days`.
    Who was excluded as abnormal on a day has no part in it; who is by now is not evaluated.

    Parameters
    ----------
    peers : sequence of Choice
        Other methods that take part, with settings of their own.
    tiers : callable
        The risk tiers published for a day, by customer; empty where nobody was scored.

    Raises
    ------
    UsageError
        No day, or an unknown method.
    NotReady
        The history before a day is too short, or the purchases do not cover its window. Nothing
        was written.
    """
    began = time.monotonic()
    methods = require_names(methods)
    days = tuple(sorted(set(days)))
    if not days:
        raise UsageError("There is no day to backtest. Name one with --as-of.")
    learning = learning_of(settings)
    timezone = settings.calendar.timezone
    steps = len(days) + 2
    say(0, steps, "reading purchases")
    roll_up(warehouse, settings=settings)
    full = read_log(warehouse, as_of=_ALL_THERE_IS, timezone=timezone, excluded=NOBODY)
    abnormal = excluded_customers(warehouse, _ALL_THERE_IS)
    abnormal_count = int(is_excluded(full.customer_ids, abnormal).sum())
    evaluable = full.without(abnormal)
    _require_outcomes(full, days, learning.horizon_days)
    say(1, steps, "choosing settings")
    choices = chosen_settings(
        methods,
        full.without(excluded_customers(warehouse, days[0])).upto(days[0]),
        days[0] - timedelta(days=learning.horizon_days),
        horizon_days=learning.horizon_days,
        active_days=learning.active_days,
    )
    choices += peers
    methods = (*methods, *(peer.name for peer in peers))
    evaluated: list[Evaluated] = []
    for at, day in enumerate(days):
        log = full.without(excluded_customers(warehouse, day)).upto(
            day, read_descriptions(warehouse, as_of=day, timezone=timezone)
        )
        outcome = in_codes_of(log, full, evaluable.outcome(day, learning.horizon_days))
        evaluated.append(
            evaluate_day(
                log,
                outcome,
                day,
                methods=methods,
                choices=choices,
                learning=learning,
                say=partial(_say_method, say, 1 + at, steps, day),
            )
        )
    say(steps - 1, steps, "evaluating")
    document = {
        "task": {
            "what": "recommendations",
            "as_of": [str(day) for day in days],
            "horizon_days": learning.horizon_days,
            "active_days": learning.active_days,
            "list_size": LIST_SIZE,
            "settings_chosen_on": str(days[0] - timedelta(days=learning.horizon_days)),
            "abnormal_customers": abnormal_count,
            "learning": asdict(learning),
        },
        **evaluate(
            evaluated,
            methods=methods,
            choices=choices,
            draws=settings.training.bootstrap_draws,
            seed=settings.training.seed,
            tiers=[tiers(day) for day in days],
        ),
        "run": {"seconds": round(time.monotonic() - began, 1)},
    }
    table = pa.concat_tables([day.lists for day in evaluated])
    with atomic_files.replacing(files.predictions) as draft:
        pq.write_table(table, draft, compression="zstd")
    atomic_files.write_text(files.report, json.dumps(document, indent=1, allow_nan=False) + "\n")
    say(steps, steps, "done")
    receipt = Receipt(
        door="recommendations.backtest",
        as_of=days[-1],
        read=table.num_rows,
        written=table.num_rows,
        seconds=time.monotonic() - began,
        details={
            "days": [str(day) for day in days],
            "methods": list(methods),
            "abnormal_count": abnormal_count,
            "report": str(files.report),
            "predictions": str(files.predictions),
        },
    )
    return warehouse.record(receipt, settings.run_id)


def _say_method(say: Say, done: int, steps: int, day: date, method: str) -> None:
    say(done, steps, f"{day}: {method}")


def learning_of(settings: Settings) -> Learning:
    """How a ranker is learnt by these settings."""
    return Learning(
        horizon_days=settings.churn.horizon_days,
        active_days=settings.churn.active_days,
        settle_days=settings.churn.settle_days,
        seed=settings.training.seed,
        threads=settings.compute.threads,
    )


def _require_outcomes(log: PurchaseLog, days: Sequence[date], horizon_days: int) -> None:
    if log.begins_on is None or log.ends_on is None:
        raise NotReady(
            "There are no purchases of known customers to backtest on. Ingest a source with order "
            "lines, then `retention build-features`."
        )
    newest = log.ends_on - timedelta(days=horizon_days)
    late = [day for day in days if day > newest]
    if late:
        raise NotReady(
            f"What was bought after {late[0]} is not known: its window ends on "
            f"{late[0] + timedelta(days=horizon_days - 1)}, and purchases end on "
            f"{log.ends_on - timedelta(days=1)}. Nothing was fitted. Choose days up to {newest}, "
            "shorten the horizon, or ingest what followed."
        )
    oldest = log.begins_on + timedelta(days=2 * horizon_days)
    if days[0] < oldest:
        raise NotReady(
            f"The purchases before {days[0]} are too few: they begin on {log.begins_on}, and "
            f"settings are chosen on a window before the day with a window before it. Nothing was "
            f"fitted. Choose days from {oldest} on."
        )
