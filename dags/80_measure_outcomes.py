"""
Compares earlier scores with outcomes, decides trials and experiments, and monitors drift.

**Reads** `scores` whose outcome window has closed by the day, `features` of the day, outcomes and
campaign contacts from `curated`, decisions from `actions`. **Writes** `outcomes`, `experiments`
(looks, verdicts), `models.promotions` and the aliases in MLflow, `ops.alerts`. It starts when the
day's scores are published. **Hands over** nothing: decisions take effect from the next scoring on.

With `promotion.mode = "approval"` a challenger that has won waits for a person: *Required Actions*
in Airflow's UI. A rejection ends the trial; no answer within `promotion.approval_hours` changes
nothing, and the next look asks again. While one question is open, the following days are measured
and monitored, but no second question is asked. Every answer is recorded in the ledger.

**Again?** Always safe: a day's look is the same look, and a decision is taken once.

**On failure** the champion stays. `alert` failed: a channel did not accept the alert; it is in the
log and in `ops.alerts`. `decide` skipped: the question of another day is still open.
"""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import PartitionedAssetTimetable, dag, task
from airflow.sdk.exceptions import AirflowSkipException
from retention_airflow import alerts, approvals, doors
from retention_airflow.assets import SCORES
from retention_airflow.clock import as_of
from retention_airflow.defaults import DAY_PARAMS, DEFAULT_ARGS, WAREHOUSE_POOL, Tag


@dag(
    dag_display_name="80 measure outcomes",
    schedule=PartitionedAssetTimetable(assets=SCORES),
    catchup=False,
    max_active_runs=2,  # one may wait for an answer while the days go on
    default_args=DEFAULT_ARGS,
    tags=[Tag.DAILY, Tag.OUTCOMES],
    params=DAY_PARAMS,
    doc_md=__doc__,
)
def measure_outcomes() -> None:
    @task(pool=WAREHOUSE_POOL, max_active_tis_per_dag=1)
    def measure() -> dict:
        from retention_ml.outcomes.measure import measure as door

        return doors.call(door, as_of=as_of())

    @task
    def question(measured: dict) -> dict:
        if not approvals.is_needed(measured, doors.settings().promotion.mode):
            raise AirflowSkipException("Nobody needs to be asked.")
        if approvals.is_waiting("measure_outcomes", "approve"):
            raise AirflowSkipException("The question of another day still waits for its answer.")
        return approvals.question(measured, approvals.card_of(measured["challenger_version"]))

    approve = approvals.ask("approve", of="question")
    approved = EmptyOperator(task_id="approved")  # skipped by a no, so that decide is not

    @task(pool=WAREHOUSE_POOL, trigger_rule="none_failed", max_active_tis_per_dag=1)
    def decide(measured: dict) -> dict:
        from retention_ml.outcomes.trial.decide import decide as door

        response = approvals.response_to("approve")
        if not response and approvals.is_needed(measured, doors.settings().promotion.mode):
            raise AirflowSkipException("The question of another day still waits for its answer.")
        return doors.call(door, as_of=as_of(), **approvals.answer(response, measured))

    @task(pool=WAREHOUSE_POOL, trigger_rule="all_done", max_active_tis_per_dag=1)
    def look() -> dict:
        from retention_ml.outcomes.experiment.look import look as door

        return doors.call(door, as_of=as_of())

    @task(pool=WAREHOUSE_POOL, trigger_rule="all_done")
    def watch() -> dict:
        from retention_ml.outcomes.monitoring.watch import watch as door

        return doors.call(door, as_of=as_of())

    @task
    def alert(watched: dict) -> None:
        alerts.send_alerts(watched["alerts"], watched["as_of"])

    measured = measure()
    question(measured) >> approve >> approved >> decide(measured)
    watched = watch()
    measured >> look() >> watched  # so that a verdict of today is told today
    alert(watched)


measure_outcomes()
