"""
Trains the candidates when a training is due, and compares the best one with the champion.

**Reads** `features`, outcomes from `curated`. **Writes** candidates to MLflow, the alias
`challenger` if no challenger is on trial, and `models` (trainings, evaluations, promotions).
**Hands over** `models.champion` for the day if there is a new champion, so that it scores the day.

It checks every day whether `[training] every_days` have passed since the last training, or a drift
alert was sent since; a run started by hand with `force` trains immediately.

**Again?** Safe: a training of the same day on the same data is the same training.

**On failure** the champion stays. If a defect kept the candidates from being compared, an alert is
sent, and the next run compares the same candidates again. `prepare` is skipped with a report when
there is too little data for a model: it says what is missing and which setting would change that.
"""

from airflow.sdk import PartitionedAssetTimetable, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException
from retention_airflow import doors
from retention_airflow.assets import CHAMPION, FEATURES
from retention_airflow.clock import as_of
from retention_airflow.defaults import (
    CANDIDATES,
    DEFAULT_ARGS,
    TRAINING_PARAMS,
    WAREHOUSE_POOL,
    Tag,
)

from retention_ml.errors import NotReady


@dag(
    dag_display_name="30 train models",
    schedule=PartitionedAssetTimetable(assets=FEATURES),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=[Tag.WEEKLY, Tag.MODELS],
    params=TRAINING_PARAMS,
    doc_md=__doc__,
)
def train_models() -> None:
    @task.short_circuit
    def is_due() -> bool:
        from retention_ml.models.training.schedule import due as door
        from retention_ml.outcomes.monitoring.alerts import is_drift_alerted

        if get_current_context()["params"]["force"]:
            return True
        return doors.call(door, as_of=as_of(), is_drift_alerted=is_drift_alerted)["is_due"]

    @task(pool=WAREHOUSE_POOL)
    def prepare() -> dict:
        from retention_ml.models.training.train import prepare as door

        forced = get_current_context()["params"]["force"]
        return doors.call(door, skip_on=(NotReady,), as_of=as_of(), is_forced=forced)

    @task(map_index_template="{{ task.op_kwargs['candidate'] }}")
    def fit(candidate: str, prepared: dict) -> dict:
        from retention_ml.models.training.train import fit as door

        return doors.call(door, training_id=prepared["training_id"], candidate=candidate)

    @task(pool=WAREHOUSE_POOL)
    def select(prepared: dict) -> dict:
        from retention_ml.models.training.train import select as door
        from retention_ml.outcomes.trial.trials import trial_between

        return doors.call(door, training_id=prepared["training_id"], trial_between=trial_between)

    @task(outlets=[CHAMPION])
    def hand_over(selected: dict) -> str:
        if selected["verdict"] != "promote":
            raise AirflowSkipException(f"The champion stays: {selected['reason']}")
        day = as_of().isoformat()
        get_current_context()["outlet_events"][CHAMPION].add_partitions(day)
        return day

    prepared = prepare()
    selected = select(prepared)
    is_due() >> prepared
    fit.partial(prepared=prepared).expand(candidate=CANDIDATES) >> selected
    hand_over(selected)


train_models()
