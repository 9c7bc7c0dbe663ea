"""
Says who every customer is on the day: **lifecycle stage**, RFM group, rhythm, persona; how long
customers stay: cohorts, survival curves, the weekly funnel; and what to expect of the weeks ahead.

Stages come from facts, order counts and silence, and stand beside the risk tier of the model, never
mixed with it. What past days teach about customer **value** is learnt again every few weeks; if that
fails, profiles are made with what was learnt before.

**Reads** purchase days, events and accounts as known at the start of the day. **Writes** `profiles`
(snapshots, customers, stages, transitions, curves, value, personas, forecasts). It starts when the
day's features are ready. **Hands over** the published profiles of the day.

**Again?** Always safe; equal profiles are not written twice, and a day is replaced completely or
not at all. An old day gets its old stages, by what was known then.

**On failure** the previous profiles stay up. Publication refused: `profiles.audits` says
which audit failed and what it observed; `transitions_begin_with_what_readers_see` means that an
earlier day was published anew meanwhile: run the task `profile` again.
"""

from airflow.sdk import PartitionedAssetTimetable, dag, task
from retention_airflow import assets, defaults, doors
from retention_airflow.assets import FEATURES, PROFILES
from retention_airflow.clock import as_of
from retention_airflow.defaults import DAY_PARAMS, WAREHOUSE_POOL, Tag, step


@dag(
    dag_display_name="50 profile customers",
    schedule=PartitionedAssetTimetable(assets=FEATURES),
    max_active_runs=1,
    params=DAY_PARAMS,
    **defaults.shared(__doc__, Tag.DAILY, Tag.PROFILES, Tag.IMPACT_CUSTOMERS, Tag.TRIAGE_SAME_DAY),
)
def profile_customers() -> None:
    @step(pool=WAREHOUSE_POOL)
    def fit_value() -> dict:
        """Learns every few weeks from past days what customers bring."""
        from retention_ml.profiles.value.fit_value import fit_value as door

        return doors.call(door, as_of=as_of())

    @task(pool=WAREHOUSE_POOL, outlets=[PROFILES], trigger_rule="all_done")
    def profile() -> list[dict]:
        """Says who every customer is on the day; audits that and lets readers see it."""
        from retention_ml.profiles.profile import profile as door
        from retention_ml.profiles.publish_profiles import publish_profiles

        made = doors.call(door, as_of=as_of())
        published = doors.call(publish_profiles, snapshot_id=made["snapshot_id"])
        return [made, assets.hand_over(PROFILES, made, published)]

    fit_value() >> profile()


profile_customers()
