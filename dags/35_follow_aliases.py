"""
Follows an alias that somebody moved in MLflow, within a minute, or says on the version why not.

**Reads** where the aliases `champion` and `challenger` stand, and the versions under them. **Writes**
what became of it to `models.promotions`; a version that must not serve gets the tag
`not_served_as_champion` (or `…_challenger`) and a section in its description.

Scores are not computed again: the next scoring uses the new champion.

**Again?** Always safe: what the ledger has decided already is not decided again.

**On failure** the last good model stays. MLflow does not answer: the next training or scoring looks
again.
"""

from airflow.sdk import dag
from retention_airflow import defaults, doors
from retention_airflow.assets import ALIASES
from retention_airflow.defaults import WAREHOUSE_POOL, Tag, step


@dag(
    dag_display_name="35 follow aliases",
    schedule=ALIASES,
    max_active_runs=1,
    **defaults.shared(
        __doc__, Tag.BETWEEN_DAYS, Tag.MODELS, Tag.IMPACT_INSIGHT, Tag.TRIAGE_NEXT_DAY
    ),
)
def follow_aliases() -> None:
    @step(pool=WAREHOUSE_POOL)
    def follow() -> dict:
        """Checks the version that the alias was moved to, and follows it or says why not."""
        from retention_ml.models.promotion.follow_aliases import follow_aliases as door

        return doors.call(door)

    follow()


follow_aliases()
