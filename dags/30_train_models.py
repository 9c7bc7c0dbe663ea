"""
Trains the candidates when a training is due, and compares the best one with the champion.

**Reads** `features`, outcomes from `curated`, decisions from `actions`. **Writes** candidates to
MLflow, the alias `challenger` if no challenger is on trial, `models` (trainings, evaluations,
promotions), and `actions.policies` if effects ask for another policy. **Hands over**
`models.champion` for the day if there is a new champion, so that it scores the day.

It is due when `[training] every_days` have passed, or after a drift alert; `force` trains at once.

**Again?** Safe: a training of the same day on the same data is the same training.

**On failure** the champion stays. If a defect kept the candidates from being compared, an alert is
sent, and the next run compares the same candidates again. `prepare` is skipped when there is too
little data: it says which. `train_uplift` failed: the policy in force stays.
"""

from airflow.sdk import PartitionedAssetTimetable, dag, get_current_context
from retention_airflow import assets, defaults, doors
from retention_airflow.assets import CHAMPION, FEATURES
from retention_airflow.clock import as_of
from retention_airflow.defaults import Tag, step

from retention_ml.errors import NotReady


@dag(
    dag_display_name="30 train models",
    schedule=PartitionedAssetTimetable(assets=FEATURES),
    max_active_runs=1,
    params=defaults.TRAINING_PARAMS,
    **defaults.shared(__doc__, Tag.WEEKLY, Tag.MODELS, Tag.IMPACT_INSIGHT, Tag.TRIAGE_NEXT_DAY),
)
def train_models() -> None:
    @step()
    def is_due() -> dict:
        """Goes on when a training is due today or was asked for; skipped with the reason otherwise."""
        from retention_ml.models.training.schedule import due as door
        from retention_ml.outcomes.monitoring.alerts import is_drift_alerted

        receipt = doors.call(door, as_of=as_of(), is_drift_alerted=is_drift_alerted)
        is_forced = get_current_context()["params"]["force"]
        doors.skip_unless(receipt["is_due"] or is_forced, receipt["sentence"])
        return receipt

    @step(pool=defaults.WAREHOUSE_POOL)
    def prepare() -> dict:
        """Chooses past days and customers to learn from; skipped where there is too little data."""
        from retention_ml.models.training.train import prepare as door

        forced = get_current_context()["params"]["force"]
        return doors.call(door, skip_on=(NotReady,), as_of=as_of(), is_forced=forced)

    @step(map_index_template="{{ task.op_kwargs['candidate'] }}", doc_md=defaults.FIT)
    def fit(candidate: str, prepared: dict) -> dict:
        from retention_ml.models.training.train import fit as door

        return doors.call(door, training_id=prepared["training_id"], candidate=candidate)

    @step(pool=defaults.WAREHOUSE_POOL)
    def select(prepared: dict) -> dict:
        """Compares the best candidate with the champion and decides: promote, trial or keep."""
        from retention_ml.models.training.train import select as door
        from retention_ml.outcomes.trial.trials import trial_between

        return doors.call(door, training_id=prepared["training_id"], trial_between=trial_between)

    @step(outlets=[CHAMPION])
    def hand_over(selected: dict) -> dict:
        """Tells the scoring that there is a new champion; skipped with the reason where it stays."""
        is_promoted = selected["verdict"] == "promote"
        doors.skip_unless(is_promoted, f"The champion stays: {selected['reason']}")
        return assets.hand_over(CHAMPION, selected)

    @step(pool=defaults.WAREHOUSE_POOL)
    def train_uplift() -> dict:
        """Learns what contacts did; skipped while nobody was ever contacted."""
        from retention_ml.actions.learning.train_uplift import train_uplift as door

        return doors.call(door, skip_on=(NotReady,), as_of=as_of())

    prepared = prepare()
    selected = select(prepared)
    is_due() >> [prepared, train_uplift()]
    fit.partial(prepared=prepared).expand(candidate=defaults.CANDIDATES) >> selected
    hand_over(selected)


train_models()
