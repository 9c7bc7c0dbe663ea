"""
Computes every active customer's features as of the start of a day, after new messages of customers
were given language, sentiment, topic and route, and customers that are none were detected.

**Reads** `curated` as known at the day. **Writes** `feedback` (labels without text, own weights),
`features` (rollups, `customer_daily`) and `abnormal` (who is flagged, and who is excluded from all
that follows).
**Hands over** `features.customer_daily` for the day. It starts when `ingest_deliveries` hands over
the same day.

**Again?** Always safe: the same day gives the same digest, whatever was loaded since.

**On failure** the message says what is missing. Skipped means that nobody ordered within the
active window before that day: check that the feed is alive. If `detect` failed, features are built
all the same, and who was excluded the day before stays excluded: the alert of `detect` tells it,
the run ends green. If `label` failed, nothing follows it and the day stops here.
"""

from airflow.sdk import PartitionedAssetTimetable, dag, task
from retention_airflow import assets, defaults, doors
from retention_airflow.assets import CURATED, FEATURES
from retention_airflow.clock import as_of
from retention_airflow.defaults import DAY_PARAMS, WAREHOUSE_POOL, Tag

from retention_ml.errors import NotReady


@dag(
    dag_display_name="20 build features",
    schedule=PartitionedAssetTimetable(assets=CURATED),
    max_active_runs=2,
    params=DAY_PARAMS,
    **defaults.shared(__doc__, Tag.DAILY, Tag.FEATURES, Tag.IMPACT_SCORES, Tag.TRIAGE_AT_ONCE),
)
def build_features() -> None:
    @task(pool=WAREHOUSE_POOL)
    def label() -> list[dict]:
        """Gives new messages language, sentiment, topic and route; the text stays where it is."""
        from retention_ml.feedback.fit_stars import fit_stars
        from retention_ml.feedback.label import label as door

        return [doors.call(fit_stars, as_of=as_of()), doors.call(door, as_of=as_of())]

    @task(pool=WAREHOUSE_POOL)
    def detect() -> dict:
        """Flags customers that are none, with evidence; a failure does not stop the day."""
        from retention_ml.abnormal.detect import detect as door

        return doors.call(door, as_of=as_of())

    @task(pool=WAREHOUSE_POOL, outlets=[FEATURES], trigger_rule="all_done_min_one_success")
    def build() -> dict:
        """Computes the features of every active customer from what was known at the day's start."""
        from retention_ml.features.build import build as door

        return assets.hand_over(FEATURES, doors.call(door, skip_on=(NotReady,), as_of=as_of()))

    # One of both must have succeeded: without labels neither has, for `detect` is not begun.
    labelled, detected = label(), detect()
    labelled >> detected
    [labelled, detected] >> build()


build_features()
