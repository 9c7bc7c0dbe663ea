"""
Makes three lists for every active customer: what to buy **again**, what **new** to try, and a mix.

When due (`recommendations.fit_every_days`) a ranker is fitted first. It makes the lists only if one
of the same making was better than personal frequency on a past day. As often, after the lists are
published, it is counted which products are bought together.

**Reads** what was bought, the catalogue and what was sent back, as known at the start of the day.
**Writes** `recommendations` (rankers, snapshots, lists, products, what was taken off,
pairs of products). It starts when
the day's features are ready. **Hands over** the published lists of the day.

**Again?** Always safe; equal lists are not written twice, and a day is replaced completely or not
at all.

**On failure** the previous lists stay up. Publication refused: `recommendations.audits` says
which audit failed and what it observed; `lists_did_not_shrink` usually means that the catalogue of
the day is incomplete. A shop with too little history gets best sellers, and the receipt says so.
"""

from airflow.sdk import PartitionedAssetTimetable, dag, task
from retention_airflow import assets, defaults, doors
from retention_airflow.assets import FEATURES, LISTS
from retention_airflow.clock import as_of
from retention_airflow.defaults import DAY_PARAMS, WAREHOUSE_POOL, Tag, step

from retention_ml.errors import NotReady


@dag(
    dag_display_name="60 recommend products",
    schedule=PartitionedAssetTimetable(assets=FEATURES),
    max_active_runs=1,
    params=DAY_PARAMS,
    **defaults.shared(
        __doc__, Tag.DAILY, Tag.RECOMMENDATIONS, Tag.IMPACT_CUSTOMERS, Tag.TRIAGE_SAME_DAY
    ),
)
def recommend_products() -> None:
    @step(pool=WAREHOUSE_POOL)
    def pair() -> dict:
        """Counts when due which products are bought together."""
        from retention_ml.recommendations.pairs.pair_products import pair_products as door

        return doors.call(door, skip_on=(NotReady,), as_of=as_of())

    @task(pool=WAREHOUSE_POOL, outlets=[LISTS], priority_weight=defaults.LONGEST)
    def recommend() -> list[dict]:
        """Fits a ranker when one is due, makes the lists, audits them and lets readers see them."""
        from retention_ml.recommendations.fitting.fit import fit
        from retention_ml.recommendations.publish_lists import publish_lists
        from retention_ml.recommendations.recommend import recommend as door

        fitted = doors.call_if_ready(fit, as_of=as_of())
        made = doors.call(door, skip_on=(NotReady,), as_of=as_of())
        published = doors.call(publish_lists, snapshot_id=made["snapshot_id"])
        return [*fitted, made, assets.hand_over(LISTS, made, published)]

    recommend() >> pair()


recommend_products()
