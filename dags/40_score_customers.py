"""
Scores every active customer of a day with the champion and publishes the risk tiers.

**Reads** `features.customer_daily` of the day, the champion (and, in shadow, the challenger).
**Writes** `scores` (snapshot, reasons, tiers, transitions). Its second half audits the snapshot and
flips the pointer in one transaction: readers of `reports` see either the previous or the new one.
**Hands over** `scores.customer_daily` for the day.

It starts when the day's features are ready, and again when a training of the day made a new
champion. One day at a time: a customer's tier depends on the day before.

**Again?** Always safe; the day's scores are replaced completely or not at all, history is kept.

**No champion yet?** The starter model shipped with the library scores; its receipt says that it is
not calibrated for this shop (docs/starter.md). With `scoring.starter = false` the task is skipped.

**On failure** the previous scores stay up. Publication refused: `scores.audits` says which audit
failed and what it observed. **Late?** Scores not published `monitoring.publish_hours_max` after the
run was queued raise an alert.
"""

from airflow.sdk import PartitionedAssetTimetable, dag, task
from retention_airflow import assets, defaults, doors
from retention_airflow.assets import CHAMPION, FEATURES, SCORES
from retention_airflow.clock import as_of
from retention_airflow.defaults import DAY_PARAMS, IN_TIME, WAREHOUSE_POOL, Tag

from retention_ml.errors import NotReady


@dag(
    dag_display_name="40 score customers",
    schedule=PartitionedAssetTimetable(assets=FEATURES | CHAMPION),
    max_active_runs=1,
    deadline=IN_TIME,
    params=DAY_PARAMS,
    **defaults.shared(__doc__, Tag.DAILY, Tag.SCORES, Tag.IMPACT_SCORES, Tag.TRIAGE_AT_ONCE),
)
def score_customers() -> None:
    @task(pool=WAREHOUSE_POOL, outlets=[SCORES])
    def score() -> list[dict]:
        """Predicts, explains and ranks every active customer; audits that and lets readers see it."""
        from retention_ml.scores.publish import publish
        from retention_ml.scores.score import score as door

        scored = doors.call(door, skip_on=(NotReady,), as_of=as_of())
        published = doors.call(publish, snapshot_id=scored["snapshot_id"])
        return [scored, assets.hand_over(SCORES, scored, published)]

    score()


score_customers()
