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

from airflow.sdk import PartitionedAssetTimetable, dag, get_current_context, task
from retention_airflow import doors
from retention_airflow.assets import FEATURES, LISTS
from retention_airflow.clock import as_of
from retention_airflow.defaults import DAY_PARAMS, DEFAULT_ARGS, WAREHOUSE_POOL, Tag

from retention_ml.errors import NotReady


@dag(
    dag_display_name="60 recommend products",
    schedule=PartitionedAssetTimetable(assets=FEATURES),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=[Tag.DAILY, Tag.RECOMMENDATIONS],
    params=DAY_PARAMS,
    doc_md=__doc__,
)
def recommend_products() -> None:
    @task(pool=WAREHOUSE_POOL)
    def fit() -> dict:
        from retention_ml.recommendations.fitting.fit import fit as door

        return doors.call(door, skip_on=(NotReady,), as_of=as_of())

    @task(pool=WAREHOUSE_POOL)
    def pair() -> dict:
        from retention_ml.recommendations.pairs.pair_products import pair_products as door

        return doors.call(door, skip_on=(NotReady,), as_of=as_of())

    @task(pool=WAREHOUSE_POOL, trigger_rule="none_failed")
    def recommend() -> dict:
        from retention_ml.recommendations.recommend import recommend as door

        return doors.call(door, skip_on=(NotReady,), as_of=as_of())

    @task(pool=WAREHOUSE_POOL, outlets=[LISTS])
    def publish(made: dict) -> dict:
        from retention_ml.recommendations.publish_lists import publish_lists as door

        receipt = doors.call(door, snapshot_id=made["snapshot_id"])
        get_current_context()["outlet_events"][LISTS].add_partitions(as_of().isoformat())
        return receipt

    made = recommend()
    fit() >> made
    publish(made) >> pair()


recommend_products()
