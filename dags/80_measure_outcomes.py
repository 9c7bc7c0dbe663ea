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
from retention_airflow import alerts, approvals, defaults, doors, ranker_approvals
from retention_airflow.assets import SCORES
from retention_airflow.clock import as_of
from retention_airflow.defaults import DAY_PARAMS, WAREHOUSE_POOL, Tag


@dag(
    dag_display_name="80 measure outcomes",
    schedule=PartitionedAssetTimetable(assets=SCORES),
    max_active_runs=3,  # two may wait for an answer while the days go on
    params=DAY_PARAMS,
    **defaults.shared(__doc__, Tag.DAILY, Tag.OUTCOMES, Tag.IMPACT_INSIGHT, Tag.TRIAGE_SAME_DAY),
)
def measure_outcomes() -> None:
    @task(pool=WAREHOUSE_POOL, max_active_tis_per_dag=1)
    def measure() -> dict:
        """Compares scores whose outcome window has closed with what happened; reads the trial."""
        from retention_ml.outcomes.measure import measure as door

        return doors.call(door, as_of=as_of())

    @task
    def question(measured: dict) -> dict:
        """Puts into words what a person is asked; skipped where nobody needs to be."""
        is_needed = approvals.is_needed(measured, doors.settings().promotion.mode)
        approvals.skip_unless(is_needed, "approve")
        return approvals.question(measured, approvals.card_of(measured["challenger_version"]))

    approve = approvals.ask("approve", of="question")
    approved = approvals.passage("approved")  # skipped by a no, so that decide is not

    @task(pool=WAREHOUSE_POOL, trigger_rule="none_failed", max_active_tis_per_dag=1)
    def decide(measured: dict) -> dict:
        """Ends a trial that is decided: by the evidence, or by the person whose name it records."""
        from retention_ml.outcomes.trial.decide import decide as door

        is_needed = approvals.is_needed(measured, doors.settings().promotion.mode)
        response = approvals.response_to("approve", is_required=is_needed)
        return doors.call(door, as_of=as_of(), **approvals.answer(response, measured))

    @task(pool=WAREHOUSE_POOL, trigger_rule="all_done", max_active_tis_per_dag=1)
    def look() -> dict:
        """Reads open experiments and the holdout, and ends those that are decided."""
        from retention_ml.outcomes.experiment.look import look as door

        return doors.call(door, as_of=as_of())

    @task(pool=WAREHOUSE_POOL, max_active_tis_per_dag=1)
    def lists() -> dict:
        """Compares published lists with what was bought; ends a decided trial of rankers."""
        from retention_ml.outcomes.lists.decide_ranker import decide_ranker
        from retention_ml.outcomes.lists.measure_lists import measure_lists

        return [doors.call(door, as_of=as_of()) for door in (measure_lists, decide_ranker)][-1]

    @task(pool=WAREHOUSE_POOL, trigger_rule="all_done")
    def watch() -> dict:
        """Looks for drift, stale feeds and broken promises, whatever failed before it."""
        from retention_ml.outcomes.monitoring.watch import watch as door

        return doors.call(door, as_of=as_of())

    @task
    def alert(watched: dict) -> None:
        """Sends the alerts of this run, if there are any."""
        alerts.send_alerts(watched["alerts"], watched["as_of"])

    measured, watched, decided = measure(), watch(), lists()
    question(measured) >> approve >> approved >> decide(measured)
    ranker_approvals.ask_and_decide(decided)
    measured >> [look(), decided] >> watched  # so that a verdict of today is told today
    alert(watched)


measure_outcomes()
