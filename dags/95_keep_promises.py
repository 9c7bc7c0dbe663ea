"""
Keeps every night what people were promised: deletes what was kept long enough, forgets whose legal hold is over, verifies the audit log.

Where `privacy.public_aggregates` is on, it also publishes counts with noise, once a week and once a
month.

**Reads** `audit.log` and its end in the home, and published scores. **Writes** deletions by the
periods of `[privacy]`, receipts, and `privacy.releases`: rows in quarantine lose their text, messages
their address and content, old calls of the assistant go, and archived files where a period is set.
Persons whose legal hold is over are forgotten in all tables and files, and forgetting that was stopped
half-way is finished.

**Again?** Always safe: what is deleted is deleted, reading the log changes nothing, and what was
published stands.

**On failure** `verify_log` failed with exit 3: somebody changed the audit log; see
[people's data](../docs/privacy.md#audit-log) before anything else. `expire` failed: the warehouse does
not answer, see `retention doctor`; nothing is lost, the next run deletes it. `publish_aggregates`
failed with exit 3: the month's privacy budget is spent; see
[public counts](../docs/privacy.md#public-counts).
"""

from airflow.sdk import dag
from retention_airflow import defaults, doors
from retention_airflow.clock import as_of
from retention_airflow.defaults import WAREHOUSE_POOL, Tag, step


@dag(
    dag_display_name="95 keep promises",
    schedule=defaults.at_night(),
    max_active_runs=1,
    **defaults.shared(__doc__, Tag.DAILY, Tag.PRIVACY, Tag.IMPACT_INSIGHT, Tag.TRIAGE_SAME_DAY),
)
def keep_promises() -> None:
    @step(pool=WAREHOUSE_POOL)
    def expire() -> dict:
        """Deletes what was kept for longer than the settings say."""
        from retention_ml.maintenance.expire import expire as door

        return doors.call(door)

    @step(pool=WAREHOUSE_POOL, trigger_rule="all_done")
    def end_holds() -> dict:
        """Forgets the persons who asked for it and whose legal hold is over."""
        from retention_ml.maintenance.erasure.hold import end_holds as door

        return doors.call(door)

    @step(trigger_rule="all_done")
    def verify_log() -> dict:
        """Reads the audit log whole: was an entry changed, removed, put in or cut off?"""
        from retention_ml.audit.verify_chain import verify_chain as door

        return doors.call(door)

    @step(pool=WAREHOUSE_POOL)
    def publish_aggregates() -> list[dict]:
        """Publishes counts of the week and of the month with noise, each once, where that is on."""
        from functools import partial

        from retention_ml.aggregates.kinds import Kind
        from retention_ml.aggregates.publish_aggregates import publish_aggregates as door

        publish = partial(doors.call_if_ready, door, as_of=as_of())
        return doors.each(*(partial(publish, kind=kind) for kind in Kind))

    expire() >> end_holds() >> verify_log()
    publish_aggregates()


keep_promises()
