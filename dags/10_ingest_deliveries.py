"""
Loads delivered files into the warehouse: land → stage → check → curate, per source.

**Reads** the files named by the run, else the complete files in the inbox. **Writes** `raw`,
`staging`, `quarantine.rows`, `quality.results`, `curated`. **Hands over** `curated` for the day,
even if nothing new came. Files that the archive holds are deleted (`archive.keep_done`: go to
`done/`), others go to `refused/` or `held/` with a text that says why; these do not stop the day,
unless they are all that came of a `required` feed.
**Again?** Always safe: a file delivered twice changes nothing. **Backfill** leaves the inbox alone.

**On failure** the day is not published; the next run goes on without the files. `ingest`: its log
names the door. `check` held a required feed, or `hand_over` says that its files were refused:
correct them or the source's description, deliver again. `land`: correct the description.
`put_away`: see the inbox.
"""

from airflow.sdk import dag, get_current_context, task, task_group
from retention_airflow import assets, defaults, doors, inbox, ingestion
from retention_airflow.assets import CURATED, INBOX
from retention_airflow.clock import as_of
from retention_airflow.defaults import DELIVERY_PARAMS, WAREHOUSE_POOL, Tag, step


@dag(
    dag_display_name="10 ingest deliveries",
    schedule=defaults.midnight(),
    max_active_runs=1,
    params=DELIVERY_PARAMS,
    **defaults.shared(
        __doc__, Tag.DAILY, Tag.ON_ARRIVAL, Tag.DELIVERIES, Tag.IMPACT_SCORES, Tag.TRIAGE_AT_ONCE
    ),
)
def ingest_deliveries() -> None:
    @task(inlets=[INBOX])
    def collect() -> list[dict]:
        """The complete files, one parcel per source; what is no delivery is named in the log."""
        params, run = (get_current_context()[name] for name in ("params", "dag_run"))
        return inbox.to_ingest(defaults.INBOX_PATH, params, run.run_type, doors.sources())

    @task(pool=WAREHOUSE_POOL, execution_timeout=ingestion.TIME_MAX)
    def ingest(parcel: dict) -> list[dict]:
        """Lands, stages, checks and curates the files of a source; begun again, it goes on."""
        from retention_ml.curated.curate import curate
        from retention_ml.deliveries.land import land
        from retention_ml.deliveries.stage import stage
        from retention_ml.quality.check import check

        return ingestion.ingest(parcel, land, stage, check, curate)

    @step(task_id="put_away")
    def move(parcel: dict) -> dict[str, list[str]]:
        """Moves the files to where the ledger says; deletes those that the archive holds."""
        return ingestion.move(parcel, "per_source.ingest")

    @task_group(default_args={"map_index_template": defaults.SOURCE_NAME})
    def per_source(parcel: dict) -> None:
        # Whatever became of the files; a teardown, so an inbox that refuses does not stop the day.
        ingest(parcel) >> move(parcel).as_teardown()

    @step(outlets=[CURATED], trigger_rule="none_failed", pool=WAREHOUSE_POOL)
    def hand_over() -> dict:
        """Lets the day go on, unless all files of a required feed were refused."""
        from retention_ml.curated.hand_over import hand_over as door

        curated = doors.receipts_of("per_source.ingest", door="curate")
        return assets.hand_over(CURATED, *curated, doors.call(door, as_of=as_of()))

    per_source.expand(parcel=collect()) >> hand_over()


ingest_deliveries()
