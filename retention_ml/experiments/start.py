"""The door `start`: a planned experiment decides from a day on."""

import time
from datetime import date, timedelta

from retention_ml.errors import NotReady, UsageError
from retention_ml.experiments import ledger
from retention_ml.experiments.ledger import OPEN, PLANNED, Experiment
from retention_ml.experiments.power import shown
from retention_ml.receipts import DecisionReceipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse


def start(
    warehouse: Warehouse,
    *,
    settings: Settings,
    as_of: date,
    experiment_id: str,
    by: str,
    released_until: date | None = None,
    is_small_accepted: bool = False,
) -> DecisionReceipt:
    """Start an experiment; one that was started before is left as it is.

    Parameters
    ----------
    as_of : date
        Its first decision day.
    released_until : date, optional
        The newest day that left the house: it was decided without this experiment.
    is_small_accepted : bool
        Whether it may start although the plan says that customers are missing.

    Raises
    ------
    UsageError
        It has ended, another open one has one of its tiers, or the day was decided without it.
    NotReady
        Too few customers.
    """
    started = time.perf_counter()
    if not by.strip():
        raise UsageError("Nobody is named who starts the experiment; expected a name. Use --by.")
    with warehouse.transaction() as transaction:
        transaction.lock(ledger.LOCK)
        one = ledger.find(transaction, experiment_id)
        is_new = one.state == PLANNED
        if is_new:
            _require_customers(one, is_small_accepted)
            _require_free_tiers(transaction, one, as_of)
            _require_undecided(released_until, as_of)
            ledger.move(
                transaction,
                experiment_id,
                OPEN,
                since=as_of,
                reason=f"Started by {by}." + (f" {_lacking(one)}." if one.missing_count else ""),
                by=by,
                run_id=settings.run_id,
            )
        elif one.state != OPEN:
            raise UsageError(
                f"Experiment {experiment_id} has ended ({one.state} on {one.ended_on}), and lots "
                "are not drawn twice. Plan another one."
            )
    sentence = (
        f"Experiment {experiment_id} decides from {as_of} on, for {one.design.days_max} days at most."
        if is_new
        else f"Experiment {experiment_id} has been open since {one.began_on}."
    )
    return warehouse.record(
        DecisionReceipt(
            door="start",
            as_of=as_of,
            seconds=time.perf_counter() - started,
            sentence=sentence,
            details={"experiment_id": experiment_id, "is_new": is_new},
        ),
        settings.run_id,
    )


def _require_customers(one: Experiment, is_small_accepted: bool) -> None:
    if one.missing_count and not is_small_accepted:
        raise NotReady(
            f"Too few customers for experiment {one.experiment_id}: {_lacking(one)} on "
            f"{one.design.metric}. Take more tiers or a cheaper action, let it last longer, look "
            "for a larger effect, or start it with --accept-small and expect no verdict."
        )


def _lacking(one: Experiment) -> str:
    if shown(one.planned_count) is None:
        return "no number of decisions shows a gain"
    return (
        f"{one.planned_count:,} decisions are needed, {one.missing_count:,} are missing in "
        f"{one.design.days_max} days"
    )


def _require_free_tiers(transaction: Transaction, one: Experiment, as_of: date) -> None:
    for other in ledger.experiments(transaction):
        shared = sorted(set(other.design.tiers) & set(one.design.tiers))
        has_days = other.began_on is not None and (other.ended_on is None or as_of < other.ended_on)
        if has_days and shared:
            until = f" until {other.ended_on}" if other.ended_on else ""
            raise UsageError(
                f"Experiment {other.experiment_id} is open{until} and has tier "
                f"{', '.join(shared)} too; a decision belongs to one experiment. Stop it and start "
                "this one when it has ended, or plan this one without these tiers."
            )


def _require_undecided(released_until: date | None, as_of: date) -> None:
    if released_until is not None and released_until >= as_of:
        raise UsageError(
            f"{released_until} was released without this experiment; expected a first day after "
            f"it. Use --as-of {released_until + timedelta(days=1)}."
        )
