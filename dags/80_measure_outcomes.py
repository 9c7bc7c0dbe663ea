"""
Compares earlier scores and lists with outcomes, decides trials and experiments, monitors drift.

**Reads** published `scores` and `recommendations`, `features`, outcomes and contacts from `curated`,
decisions from `actions`. **Writes** `outcomes`, `experiments`, `models.promotions` and MLflow's
aliases, `ops.alerts`. It starts when the day's scores are published. **Hands over** nothing. With
`promotion.mode = "approval"` a challenger that has won waits for a person (*Required Actions* in
Airflow's UI): a no ends its trial, and without an answer the next look asks again.

**Again?** Always safe: a look is the same look, and a decision is taken once.
**On failure** the champion stays. `alert` failed: a channel refused the alert, see `ops.alerts`.
"""

from airflow.sdk import PartitionedAssetTimetable, dag, task
from retention_airflow import alerts, approvals, defaults, doors, measurement, ranker_approvals
from retention_airflow.assets import SCORES
from retention_airflow.clock import as_of
from retention_airflow.defaults import DAY_PARAMS, WAREHOUSE_POOL, Tag, step


@dag(
    dag_display_name="80 measure outcomes",
    schedule=PartitionedAssetTimetable(assets=SCORES),
    max_active_runs=3,  # two may wait for an answer while the days go on
    params=DAY_PARAMS,
    **defaults.shared(__doc__, Tag.DAILY, Tag.OUTCOMES, Tag.IMPACT_INSIGHT, Tag.TRIAGE_SAME_DAY),
)
def measure_outcomes() -> None:
    @task(pool=WAREHOUSE_POOL, max_active_tis_per_dag=1)
    def measure() -> list[dict]:
        """Compares scores and lists with outcomes; decides what nobody needs to be asked about."""
        from retention_ml.outcomes.experiment.look import look
        from retention_ml.outcomes.lists.decide_ranker import decide_ranker
        from retention_ml.outcomes.lists.measure_lists import measure_lists
        from retention_ml.outcomes.measure import measure as door
        from retention_ml.outcomes.trial.decide import decide

        scores, lists = (door, decide), (measure_lists, decide_ranker)
        return measurement.measure(as_of(), scores=scores, experiments=look, lists=lists)

    @step()
    def question(measured: list[dict]) -> dict:
        """Puts into words what a person is asked; skipped while a question waits."""
        approvals.skip_if_waiting("approve")
        receipt = doors.receipt_of(measured, "measure")
        return approvals.question(receipt, approvals.card_of(receipt["challenger_version"]))

    approve = approvals.ask("approve", of="question")
    approved = approvals.passage("approved")  # skipped by a no, so that decide is not

    @step(pool=WAREHOUSE_POOL, trigger_rule="none_failed", max_active_tis_per_dag=1)
    def decide(measured: list[dict]) -> dict:
        """Ends a trial as the person says, and records the name."""
        from retention_ml.outcomes.trial.decide import decide as door

        response = approvals.response_to("approve")
        answer = approvals.answer(response, doors.receipt_of(measured, "measure"))
        return doors.call(door, as_of=as_of(), **answer)

    @step(pool=WAREHOUSE_POOL, trigger_rule="all_done")
    def watch() -> dict:
        """Looks for drift, stale feeds and broken promises, whatever failed before it."""
        from retention_ml.outcomes.monitoring.watch import watch as door

        return alerts.go_on(doors.call(door, as_of=as_of()))

    @task
    def alert(watched: dict) -> None:
        """Sends the alerts of this run, if there are any."""
        alerts.send_alerts(watched["alerts"], watched["as_of"])

    measured, watched = measure(), watch()
    question(measured) >> approve >> approved >> decide(measured)
    ranker_approvals.ask_and_decide(measured)
    measured >> watched  # so that a verdict of today is told today
    alert(watched)


measure_outcomes()
