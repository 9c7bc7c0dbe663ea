"""
Sends messages that wait, every ten minutes: what a quota, a receiver or a stop put off.

**Reads** the outbox. **Writes** `actions` (outbox, attempts), `ops.alerts`, and files for the source
`actions` in the inbox once nothing waits any more. `assign_actions` sends what it has released at
once; this one goes on where that could not: a quota per hour, `Retry-After`, a channel that was
down, a stop that was lifted, an approval that was given without Airflow, a worker that was killed.

It has a schedule only while `actions.enabled` is true. A run in which nothing waits is skipped.

**Again?** Always safe. A message has one number, and the ledger in the warehouse remembers each try.

**On failure** nothing is lost: the next run goes on. A channel that takes no messages is no failure
of this run: it is tried every ten minutes until the messages expire, and an alert says so once.
"""

from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowSkipException
from retention_airflow import alerts, defaults, doors, waiting
from retention_airflow.clock import as_of
from retention_airflow.defaults import DAY_PARAMS, WAREHOUSE_POOL, Tag, step


@dag(
    dag_display_name="75 dispatch messages",
    schedule=defaults.every_ten_minutes_if_enabled(),
    max_active_runs=1,
    params=DAY_PARAMS,
    **defaults.shared(
        __doc__, Tag.BETWEEN_DAYS, Tag.ACTIONS, Tag.IMPACT_CUSTOMERS, Tag.TRIAGE_SAME_DAY
    ),
)
def dispatch_messages() -> None:
    @step(pool=WAREHOUSE_POOL)
    def dispatch() -> dict:
        """Sends what is due on each channel; skipped where nothing waits."""
        return waiting.send_due()

    @step(pool=WAREHOUSE_POOL)
    def deliver(sent: dict) -> dict:
        """Writes who was contacted into the inbox once nothing waits any more."""
        from retention_ml.actions.deliver import deliver as door

        if sent["waiting"]:
            raise AirflowSkipException("Contacts are delivered once nothing waits.")
        return doors.call(door, as_of=as_of())

    @step(pool=WAREHOUSE_POOL)
    def watch() -> dict:
        """Looks for messages that fail, wait too long or were not sent in time."""
        from retention_ml.outcomes.monitoring.actions.watch_actions import watch_actions as door

        return alerts.go_on(doors.call(door, as_of=as_of()))

    @task
    def alert(watched: dict) -> None:
        """Sends the alerts of this run, if there are any."""
        alerts.send_alerts(watched["alerts"], watched["as_of"])

    sent = dispatch()
    deliver(sent)
    watched = watch()
    sent >> watched
    alert(watched)


dispatch_messages()
