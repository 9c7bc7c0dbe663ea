"""
Keeps every night what people were promised: deletes what was kept long enough, verifies the audit log.

**Reads** `audit.log` and its end in the home. **Writes** nothing but deletions by the periods of
`[privacy]`, and receipts: rows in quarantine lose their text, messages their address and content,
old calls of the assistant go, and archived files where a period is set.

**Again?** Always safe: what is deleted is deleted, and reading the log changes nothing.

**On failure** `verify_log` failed with exit 3: somebody changed the audit log; see
[people's data](../docs/privacy.md#audit-log) before anything else. `expire` failed: the warehouse does
not answer, see `retention doctor`; nothing is lost, the next run deletes it.
"""

from airflow.sdk import dag
from retention_airflow import defaults, doors
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

    @step(trigger_rule="all_done")
    def verify_log() -> dict:
        """Reads the audit log whole: was an entry changed, removed, put in or cut off?"""
        from retention_ml.audit.verify_chain import verify_chain as door

        return doors.call(door)

    expire() >> verify_log()


keep_promises()
