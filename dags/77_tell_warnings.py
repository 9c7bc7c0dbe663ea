"""
Tells people once an hour how many customers were warned of since, and why.

**Reads** the warnings that events gave rise to (`reports.fresh_warnings`). **Writes** which of them
were told of. One message for all, by mail and to Slack as alerts go, without a customer in it; an
hour without a new warning is skipped.

It has a schedule only while `live.enabled` and `live.hourly_digest` are true.

**Again?** Always safe: a run that is tried again makes the same message, the next one counts what
came since.

**On failure** `alert` failed: a channel did not take the message; it is in the log. `count` failed:
the warehouse does not answer, see `retention doctor`.
"""

from airflow.sdk import dag, task
from retention_airflow import alerts, defaults, doors
from retention_airflow.clock import as_of
from retention_airflow.defaults import DAY_PARAMS, WAREHOUSE_POOL, Tag, step


@dag(
    dag_display_name="77 tell warnings",
    schedule=defaults.every_hour_if_live(),
    max_active_runs=1,
    params=DAY_PARAMS,
    **defaults.shared(
        __doc__, Tag.BETWEEN_DAYS, Tag.SCORES, Tag.IMPACT_INSIGHT, Tag.TRIAGE_NEXT_DAY
    ),
)
def tell_warnings() -> None:
    @step(pool=WAREHOUSE_POOL)
    def count() -> dict:
        """Counts the warnings that no message told of yet."""
        from retention_ml.live.warnings.tell_warnings import tell_warnings as door

        return alerts.go_on(doors.call(door, as_of=as_of()))

    @task
    def alert(summary: dict) -> None:
        """Sends the message, if there is one."""
        alerts.send_alerts(summary["alerts"], summary["as_of"])

    alert(count())


tell_warnings()
