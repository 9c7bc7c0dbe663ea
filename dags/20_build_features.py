"""
Computes every active customer's features as of the start of a day, after customers that are none
were detected, and new messages of customers were given language, sentiment, topic and route.

**Reads** `curated` as known at the day. **Writes** `feedback` (labels without text, own weights),
`features` (rollups, `customer_daily`) and `abnormal` (who is flagged, and who is excluded from all
that follows).
**Hands over** `features.customer_daily` for the day. It starts when `ingest_deliveries` hands over
the same day.

**Again?** Always safe: the same day gives the same digest, whatever was loaded since.

**On failure** the message says what is missing. Skipped means that nobody ordered within the
active window before that day: check that the feed is alive. If `detect` failed, features are built
all the same, and who was excluded the day before stays excluded: the alert of `detect` tells it,
the run ends green. If messages could not be labelled, `build` fails and the day stops here.
"""

from airflow.sdk import PartitionedAssetTimetable, dag, task
from retention_airflow import assets, defaults, doors
from retention_airflow.assets import CURATED, FEATURES
from retention_airflow.clock import as_of
from retention_airflow.defaults import DAY_PARAMS, WAREHOUSE_POOL, Tag, step

from retention_ml.errors import NotReady


@dag(
    dag_display_name="20 build features",
    schedule=PartitionedAssetTimetable(assets=CURATED),
    max_active_runs=2,
    params=DAY_PARAMS,
    **defaults.shared(__doc__, Tag.DAILY, Tag.FEATURES, Tag.IMPACT_SCORES, Tag.TRIAGE_AT_ONCE),
)
def build_features() -> None:
    @step(pool=WAREHOUSE_POOL)
    def detect() -> dict:
        """Flags customers that are none, with evidence; a failure does not stop the day."""
        from retention_ml.abnormal.detect import detect as door

        return doors.call(door, as_of=as_of())

    @task(pool=WAREHOUSE_POOL, outlets=[FEATURES], trigger_rule="all_done")
    def build() -> list[dict]:
        """Labels new messages, and computes features from what was known at the day's start."""
        from retention_ml.features.build import build as door
        from retention_ml.feedback.fit_stars import fit_stars
        from retention_ml.feedback.label import label

        labelled = [doors.call(each, as_of=as_of()) for each in (fit_stars, label)]
        built = doors.call(door, skip_on=(NotReady,), as_of=as_of())
        return [*labelled, assets.hand_over(FEATURES, built)]

    detect() >> build()


build_features()
