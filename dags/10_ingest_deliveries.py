"""
Loads delivered files into the warehouse: land → stage → check → curate, per source.

**Reads** the files named by the run (`source`, `files`, `history`), otherwise the complete files in
the inbox. **Writes** `raw` (ledger), `staging` (scratch), `quarantine.rows` (rejected rows with the
reason), `quality.results`, `curated`. **Hands over** `curated` for the run's day, even if nothing
new arrived: the day's features and scores are due either way.

**Again?** Always safe: files are identified by content, a file delivered twice changes nothing.
**Backfill** rebuilds features and scores of past days and leaves the inbox alone.

**On failure**
- `check` held the batch: read the report it names; correct the file or the source description and
  deliver again. Nothing of the batch was curated.
- `land` or `stage` refused a file: the message says what was expected and what was found.
- the warehouse did not answer: the task is retried; if it still fails, see `retention doctor`.
"""

from pathlib import Path

from airflow.sdk import dag, get_current_context, task, task_group
from airflow.sdk.exceptions import AirflowSkipException
from retention_airflow import defaults, doors, inbox
from retention_airflow.assets import CURATED, INBOX
from retention_airflow.clock import as_of
from retention_airflow.defaults import DEFAULT_ARGS, DELIVERY_PARAMS, WAREHOUSE_POOL, Tag


@dag(
    dag_display_name="10 ingest deliveries",
    schedule=defaults.midnight(),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=[Tag.DAILY, Tag.ON_ARRIVAL, Tag.DELIVERIES],
    params=DELIVERY_PARAMS,
    doc_md=__doc__,
)
def ingest_deliveries() -> None:
    @task(inlets=[INBOX])
    def collect() -> list[dict]:
        run = get_current_context()
        return inbox.to_ingest(Path(defaults.INBOX_FOLDER), run["params"], run["dag_run"].run_type)

    @task(pool=WAREHOUSE_POOL)
    def land(parcel: dict) -> dict:
        from retention_ml.deliveries.land import land as door

        files = [Path(name) for name in parcel["files"]]
        return doors.call(door, source=parcel["source"], files=files, history=parcel["history"])

    @task(pool=WAREHOUSE_POOL)
    def stage(landed: dict) -> dict:
        from retention_ml.deliveries.stage import stage as door

        if landed["batch_id"] is None:
            raise AirflowSkipException("Every file was delivered before; nothing is new.")
        return doors.call(door, batch_id=landed["batch_id"])

    @task(pool=WAREHOUSE_POOL)
    def check(landed: dict) -> dict:
        from retention_ml.quality.check import check as door

        return doors.call(door, batch_id=landed["batch_id"])

    @task(pool=WAREHOUSE_POOL)
    def curate(landed: dict) -> dict:
        from retention_ml.curated.curate import curate as door

        return doors.call(door, batch_id=landed["batch_id"])

    @task(trigger_rule="none_failed")
    def put_away(parcel: dict) -> list[str]:
        return inbox.put_away(Path(defaults.INBOX_FOLDER), parcel["stamps"])

    @task_group
    def per_source(parcel: dict) -> None:
        landed = land(parcel)
        stage(landed) >> check(landed) >> curate(landed) >> put_away(parcel)

    @task(outlets=[CURATED], trigger_rule="none_failed")
    def hand_over() -> str:
        day = as_of().isoformat()
        get_current_context()["outlet_events"][CURATED].add_partitions(day)
        return day

    per_source.expand(parcel=collect()) >> hand_over()


ingest_deliveries()
