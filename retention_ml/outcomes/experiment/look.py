"""The door `look`: every open experiment is read, and ends when a verdict says so.

Outcomes count as known at the start of the day; a look at an old day gives the old answer.
"""

import logging
import math
import time
from datetime import date
from typing import Any

from retention_ml import clock
from retention_ml.errors import RetentionError
from retention_ml.experiments import ledger
from retention_ml.experiments.decisions import Decisions
from retention_ml.experiments.guards import RETAINED, Tolerances
from retention_ml.experiments.ledger import Experiment
from retention_ml.experiments.readout import Readout, readout
from retention_ml.experiments.verdict import Verdict
from retention_ml.outcomes.experiment import report_page
from retention_ml.outcomes.experiment.decision_outcomes import load_decisions
from retention_ml.outcomes.experiment.holdout_look import look_at_holdout
from retention_ml.outcomes.experiment.report import load_report
from retention_ml.outcomes.forgotten import forgotten_sentence
from retention_ml.receipts import DecisionReceipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

logger = logging.getLogger(__name__)

DECIDED_BY = "outcomes"


def look(warehouse: Warehouse, *, settings: Settings, as_of: date) -> DecisionReceipt:
    """Write what each experiment that was open on a day shows, and end those that are decided.

    The long-run holdout is looked at too. `details`: `holdout`, the newest look of each period and
    metric; `experiments`, one mapping each with `experiment_id`, `verdict`, `arm`, `reason`,
    `decisions_count`, `abnormal_count` (of them about customers who were found out to be abnormal
    since), `is_ended` and `report` (path of its page, None where there is none).
    """
    started = time.perf_counter()
    with warehouse.transaction() as transaction:
        on_trial = ledger.open_on(transaction, as_of)
    results = [
        {
            **_look(warehouse, settings, one, as_of),
            "report": _report(warehouse, settings, one.experiment_id, as_of),
        }
        for one in on_trial
    ]
    holdout = look_at_holdout(warehouse, settings=settings, as_of=as_of)
    newest = {row["holdout_id"]: row["window_number"] for row in holdout}  # in their order
    sentence = " ".join(f"{one['experiment_id']}: {one['verdict']}." for one in results)
    return warehouse.record(
        DecisionReceipt(
            door="look",
            as_of=as_of,
            seconds=time.perf_counter() - started,
            sentence=sentence or "No experiment is open.",
            details={
                "experiments": results,
                "holdout": [
                    {**row, "closed_on": str(row["closed_on"]), "known_as_of": str(as_of)}
                    for row in holdout
                    if row["window_number"] == newest[row["holdout_id"]]
                ],
            },
        ),
        settings.run_id,
    )


def _look(
    warehouse: Warehouse, settings: Settings, experiment: Experiment, as_of: date
) -> dict[str, Any]:
    assert experiment.began_on is not None
    rules = settings.experiments
    decisions = load_decisions(warehouse, settings, experiment, as_of=as_of)
    elapsed_days = (as_of - experiment.began_on).days
    with warehouse.transaction() as transaction:
        forgotten = forgotten_sentence(transaction, "experiment", experiment.experiment_id)
    if not decisions.days:
        is_over = elapsed_days >= experiment.design.days_max
        nothing = Verdict(
            outcome="undecided" if is_over else "open",
            reason=f"No decision was made in {elapsed_days} days; the time is over."
            if is_over
            else "No decision was made yet.",
        )
        with warehouse.transaction() as transaction:
            is_ended = _end(transaction, experiment, as_of, nothing, settings.run_id)
        return _summary(experiment, nothing, decisions, is_ended=is_ended, forgotten=forgotten)
    result = readout(
        decisions,
        experiment.design,
        count_planned=float(experiment.reachable_count),
        elapsed_days=elapsed_days,
        tolerances=Tolerances(
            unsubscribed=rules.unsubscribed_share_max, returned=rules.returned_share_max
        ),
        ratio_error_rate=rules.ratio_error_rate,
    )
    with warehouse.transaction() as transaction:
        is_ended = _end(transaction, experiment, as_of, result.verdict, settings.run_id)
        _write(transaction, experiment, as_of, result, settings.run_id)
    return _summary(experiment, result.verdict, decisions, is_ended=is_ended, forgotten=forgotten)


def _end(
    transaction: Transaction, experiment: Experiment, as_of: date, verdict: Verdict, run_id: str
) -> bool:
    """End an experiment that is decided; an old day looked at again ends nothing."""
    transaction.lock(ledger.LOCK)
    newest = transaction.execute(
        "SELECT max(as_of) FROM experiments.looks WHERE experiment_id = :id",
        id=experiment.experiment_id,
    )[0][0]
    return (
        verdict.outcome != "open"
        and (newest is None or as_of >= newest)
        and ledger.move(
            transaction,
            experiment.experiment_id,
            verdict.outcome,
            since=as_of,
            reason=verdict.reason,
            by=DECIDED_BY,
            run_id=run_id,
            arm=verdict.arm or None,
        )
    )


def _summary(
    experiment: Experiment,
    verdict: Verdict,
    decisions: Decisions,
    *,
    is_ended: bool,
    forgotten: str,
) -> dict[str, Any]:
    return {
        "experiment_id": experiment.experiment_id,
        "verdict": verdict.outcome,
        "arm": verdict.arm,
        "reason": f"{verdict.reason} {forgotten}".rstrip(),
        "decisions_count": len(decisions),
        "abnormal_count": decisions.abnormal_count,
        "is_ended": is_ended,
    }


def _write(
    transaction: Transaction, experiment: Experiment, as_of: date, result: Readout, run_id: str
) -> None:
    """Write a look, in place of what an earlier run wrote for the same day."""
    key = {"experiment_id": experiment.experiment_id, "as_of": as_of}
    transaction.execute(
        "DELETE FROM experiments.looks WHERE experiment_id = :experiment_id AND as_of = :as_of",
        **key,
    )
    broken = {(one.arm, one.name, one.segment): one.is_broken for one in result.guards}
    rows = [
        (row.arm, row.metric, row.segment, row.effect, broken.get(name, False))
        for row in result.rows
        for name in [(row.arm, row.metric, row.segment)]
    ]
    rows += [
        (one.arm, one.name, one.segment, one.effect, one.is_broken)
        for one in result.guards
        if one.name != RETAINED
    ]
    stamp = clock.now()
    for arm, metric, segment, effect, is_broken in rows:
        transaction.insert_row(
            "experiments.looks",
            {
                **key,
                "arm": arm,
                "metric": metric,
                "segment": segment,
                "decisions_count": effect.count,
                "treated_count": effect.treated_count,
                "control_mean": _finite(effect.control_mean),
                "effect": _finite(effect.effect),
                "lower": _finite(effect.lower),
                "upper": _finite(effect.upper),
                "method": effect.method,
                "e_better": _finite(effect.e_better),
                "e_worse": _finite(effect.e_worse),
                "is_broken": is_broken,
                "sample_ratio_e": min(result.ratio_e_value, 1e300),
                "verdict": result.verdict.outcome,
                "reason": result.verdict.reason,
                "run_id": run_id,
                "looked_at": stamp,
            },
        )


def _report(
    warehouse: Warehouse, settings: Settings, experiment_id: str, as_of: date
) -> str | None:
    """Write the page of an experiment; a look at an earlier day than the newest leaves it.

    The page does not hold up the door.
    """
    try:
        report = load_report(warehouse, settings=settings, experiment_id=experiment_id)
        if report.newest is not None and report.newest["as_of"] > as_of:
            return None
        path = report_page.page_path(settings.home, experiment_id)
        return str(report_page.write(report, path))
    except (RetentionError, OSError, ValueError) as error:
        logger.warning("The page of %s was not written, because: %s", experiment_id, error)
        return None


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
