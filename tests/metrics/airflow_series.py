"""Series of Airflow that the dashboards and rules stand on."""

# As Airflow 3.3.2 pushed them while it ran a day; tests/flow/test_airflow.py asks it again.
AIRFLOW_SERIES = frozenset(
    {
        "airflow_dagrun_duration_success_seconds_count",
        "airflow_dagrun_duration_failed_seconds_count",
        "airflow_ti_finish_total",
        "airflow_pool_running_slots",
        "airflow_pool_queued_slots",
        "airflow_pool_open_slots",
        "airflow_scheduler_heartbeat_total",
        "airflow_dag_processor_heartbeat_total",
        "airflow_triggerer_heartbeat_total",
        "airflow_scheduler_scheduler_loop_duration_seconds_sum",
        "airflow_scheduler_scheduler_loop_duration_seconds_count",
    }
)
