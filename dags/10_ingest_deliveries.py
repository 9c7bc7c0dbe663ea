"""
Loads delivered files into the warehouse: land → stage → check → curate, per source.

**Reads** the files named by the run, else the complete files in the inbox. **Writes** `raw`,
`staging`, `quarantine.rows`, `quality.results`, `curated`. **Hands over** `curated` for the day,
even if nothing new came. Files go to `done/`, or to `refused/` or `held/` with a text that says why;
these do not stop the day, unless they are all that came of a `required` feed.
**Again?** Always safe: a file delivered twice changes nothing. **Backfill** leaves the inbox alone.

**On failure** the day is not published; the next run goes on without the files.
`check` held a required feed, or `hand_over` says that its files were refused: correct them or the
source's description, deliver again. `land`: correct the description; the files are still there.
`put_away`: the inbox cannot be written to; the day goes on.
"""

from pathlib import Path

from airflow.sdk import dag, get_current_context, task, task_group
from retention_airflow import defaults, doors, inbox, put_away
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
        folder, kind = Path(defaults.INBOX_FOLDER), run["dag_run"].run_type
        return inbox.to_ingest(folder, run["params"], kind, doors.sources())

    @task(pool=WAREHOUSE_POOL)
    def land(parcel: dict) -> dict:
        from retention_ml.deliveries.land import land as door

        files = [Path(name) for name in parcel["files"]]
        return doors.call(door, source=parcel["source"], files=files, history=parcel["history"])

    @task(pool=WAREHOUSE_POOL)
    def stage(landed: dict) -> dict:
        from retention_ml.deliveries.stage import stage as door

        return doors.call(door, batch_id=doors.open_batch(landed))

    @task(pool=WAREHOUSE_POOL)
    def check(staged: dict) -> dict:
        from retention_ml.quality.check import check as door

        return doors.call(door, batch_id=doors.open_batch(staged))

    @task(pool=WAREHOUSE_POOL)
    def curate(checked: dict) -> dict:
        from retention_ml.curated.curate import curate as door

        return doors.call(door, batch_id=doors.open_batch(checked))

    @task(task_id="put_away")
    def move(parcel: dict, landed: dict | None) -> dict[str, list[str]]:
        states = doors.file_states(parcel["files"], landed)
        return put_away.put_away(Path(defaults.INBOX_FOLDER), parcel["stamps"], states)

    @task_group
    def per_source(parcel: dict) -> None:
        landed = land(parcel)
        # Whatever became of the files; a teardown, so an inbox that refuses does not stop the day.
        curate(check(stage(landed))) >> move(parcel, landed).as_teardown()

    @task(outlets=[CURATED], trigger_rule="none_failed", pool=WAREHOUSE_POOL)
    def hand_over() -> dict:
        from retention_ml.curated.hand_over import hand_over as door

        receipt = doors.call(door, as_of=as_of())
        get_current_context()["outlet_events"][CURATED].add_partitions(receipt["as_of"])
        return receipt

    per_source.expand(parcel=collect()) >> hand_over()


ingest_deliveries()
