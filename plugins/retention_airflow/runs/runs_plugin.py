"""What Airflow loads at its start besides the DAGs: the notes of runs, and the links of tasks."""

from airflow.plugins_manager import AirflowPlugin

from retention_airflow.runs import links, listener, warm_up


class RetentionRuns(AirflowPlugin):  # type: ignore[misc]  # airflow is untyped here
    """Days, results and links where Airflow shows runs and tasks."""

    name = "retention_runs"
    listeners = [listener, warm_up]
    global_operator_extra_links = links.LINKS
