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

**On failure** the previous lists stay up. `publish_lists` refused: `recommendations.audits` says
which audit failed and what it observed; `lists_did_not_shrink` usually means that the catalogue of
the day is incomplete. A shop with too little history gets best sellers, and the receipt says so.
"""

from airflow.sdk import PartitionedAssetTimetable, dag, task
from retention_airflow import assets, defaults, doors
from retention_airflow.assets import FEATURES, LISTS
from retention_airflow.clock import as_of
from retention_airflow.defaults import DAY_PARAMS, WAREHOUSE_POOL, Tag

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
    @task(pool=WAREHOUSE_POOL)
    def fit() -> dict:
        """Fits a ranker of products when one is due, and tries it on a past day."""
        from retention_ml.recommendations.fitting.fit import fit as door

        return doors.call(door, skip_on=(NotReady,), as_of=as_of())

    @task(pool=WAREHOUSE_POOL)
    def pair() -> dict:
        """Counts when due which products are bought together."""
        from retention_ml.recommendations.pairs.pair_products import pair_products as door

        return doors.call(door, skip_on=(NotReady,), as_of=as_of())

    @task(pool=WAREHOUSE_POOL, trigger_rule="none_failed")
    def recommend() -> dict:
        """Makes the lists of every active customer, into a snapshot nobody reads yet."""
        from retention_ml.recommendations.recommend import recommend as door

        return doors.call(door, skip_on=(NotReady,), as_of=as_of())

    @task(pool=WAREHOUSE_POOL, outlets=[LISTS])
    def publish(made: dict) -> dict:
        """Audits the lists and lets readers see them, in one transaction."""
        from retention_ml.recommendations.publish_lists import publish_lists as door

        published = doors.call(door, snapshot_id=made["snapshot_id"])
        return assets.hand_over(LISTS, made, published)

    made = recommend()
    fit() >> made
    publish(made) >> pair()


recommend_products()
