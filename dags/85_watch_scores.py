"""
Checks every morning that scores were published, even if nothing else ran.

**Reads** what is published. **Writes** `ops.alerts`. It runs the same door as `watch`
in `measure_outcomes`, but on a schedule: if deliveries, features or scoring stop, no hand-over
starts it, and exactly that has to be detected.

**Again?** Always safe: an alert of a day is raised once.

**On failure** `alert` failed: a channel did not accept the alert; it is in the log and in
`ops.alerts`. `watch` failed: the warehouse does not answer, see `retention doctor`.
"""

from airflow.sdk import dag, task
from retention_airflow import alerts, defaults, doors
from retention_airflow.clock import as_of
from retention_airflow.defaults import DAY_PARAMS, WAREHOUSE_POOL, Tag, step


@dag(
    dag_display_name="85 watch scores",
    schedule=defaults.morning(),
    max_active_runs=1,
    params=DAY_PARAMS,
    **defaults.shared(__doc__, Tag.DAILY, Tag.OUTCOMES, Tag.IMPACT_INSIGHT, Tag.TRIAGE_NEXT_DAY),
)
def watch_scores() -> None:
    @step(pool=WAREHOUSE_POOL)
    def watch() -> dict:
        """Looks whether the night's scores are there, and for what else is out of order."""
        from retention_ml.outcomes.monitoring.watch import watch as door

        return alerts.go_on(doors.call(door, as_of=as_of()))

    @task
    def alert(watched: dict) -> None:
        """Sends the alerts of this run, if there are any."""
        alerts.send_alerts(watched["alerts"], watched["as_of"])

    alert(watch())


watch_scores()
