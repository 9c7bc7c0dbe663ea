"""
Starts `ingest_deliveries` when complete files are in the watched folder.

**Reads** `<home>/inbox/<source>/` (live files) and `<home>/inbox/<source>/history/` (historical
imports). A file is complete when size and time are the same at two looks, five seconds apart; names
that begin with a dot or end with `.part` are ignored, and so are folders of no source. The complete
files of a source wait half a minute for one that still grows.

**Starts** one run of `ingest_deliveries`, which ingests all complete files. Files that arrive now
were not known at the start of today, so the run is for the next day: features and scores of that
day follow immediately and are computed again at midnight.

**On failure** nothing was changed: the files are still in the inbox. Clear the failed task, or let
the nightly run of `ingest_deliveries` ingest them.
"""

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import dag, task
from retention_airflow import defaults, inbox
from retention_airflow.assets import INBOX
from retention_airflow.defaults import TIMEZONE, Tag


@dag(
    dag_display_name="05 watch inbox",
    schedule=INBOX,
    **defaults.shared(
        __doc__, Tag.ON_ARRIVAL, Tag.DELIVERIES, Tag.IMPACT_SCORES, Tag.TRIAGE_NEXT_DAY
    ),
)
def watch_inbox() -> None:
    @task
    def first_day() -> str:
        """The first day that begins after now: from then on what has arrived counts."""
        from retention_ml import clock

        return inbox.day_of_arrival(clock.now(), TIMEZONE)

    TriggerDagRunOperator(
        task_id="start_ingest",
        trigger_dag_id="ingest_deliveries",
        conf={"as_of": first_day()},
        note="Started by files that arrived in the inbox.",
        doc_md="Starts the run that ingests every complete file, with that day as partition key.",
    )


watch_inbox()
