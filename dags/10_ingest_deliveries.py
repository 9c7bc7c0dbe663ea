"""
Brings delivered files into the warehouse: land → stage → check → curate, per source.

**Reads** the files named by the run (`source`, `files`, `history`), otherwise whatever lies in the
inbox. **Writes** `raw` (ledger), `staging` (scratch), `quarantine.rows` (rows that cannot be used,
with the reason), `quality.results`, `curated`. **Hands over** `curated` for the run's day, also
when nothing new came: the day's features and scores are due either way.

**Again?** Always safe: files are known by their content, a file delivered twice changes nothing.
**Backfill** past days and their features and scores are made again from what was known then.

**On failure**
- `check` held the batch: read the report it names; correct the file or the source description,
  deliver again. Nothing of the batch was curated.
- `land` or `stage` refused a file: the message says what was expected and what was found.
- the warehouse did not answer: the task tries again by itself; then look at `retention doctor`.
"""

from pathlib import Path

from airflow.sdk import CronPartitionTimetable, Param, dag, get_current_context, task, task_group
from airflow.sdk.exceptions import AirflowSkipException
from retention_airflow import doors, inbox
from retention_airflow.assets import CURATED, INBOX
from retention_airflow.clock import as_of
from retention_airflow.defaults import (
    DAY_KEY,
    DEFAULT_ARGS,
    INBOX_FOLDER,
    TIMEZONE,
    WAREHOUSE_POOL,
    Tag,
    as_of_param,
)


@dag(
    dag_display_name="10 ingest deliveries",
    schedule=CronPartitionTimetable("0 0 * * *", timezone=TIMEZONE, key_format=DAY_KEY),
    catchup=False,
    max_active_runs=4,
    default_args=DEFAULT_ARGS,
    tags=[Tag.DAILY, Tag.ON_ARRIVAL, Tag.DELIVERIES],
    params={
        "as_of": as_of_param(),
        "source": Param(
            None,
            type=["null", "string"],
            pattern="^[a-z][a-z0-9_]*$",
            title="Source",
            description="A description under sources/. Empty: every source in the inbox.",
        ),
        "files": Param(
            [],
            type="array",
            items={"type": "string"},
            title="Files",
            description="Paths to ingest. Empty: what lies in the inbox.",
        ),
        "history": Param(
            False,
            type="boolean",
            title="Historical import",
            description="The rows became known when they happened, not now.",
        ),
    },
    doc_md=__doc__,
)
def ingest_deliveries() -> None:
    @task(inlets=[INBOX])
    def collect() -> list[dict]:
        params = get_current_context()["params"]
        named = {key: params[key] for key in ("source", "files", "history")}
        if named["files"]:
            return [named]
        parcels = [parcel.to_dict() for parcel in inbox.waiting(Path(INBOX_FOLDER))]
        return [parcel for parcel in parcels if named["source"] in (None, parcel["source"])]

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
        return inbox.put_away(Path(INBOX_FOLDER), parcel["files"])

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
