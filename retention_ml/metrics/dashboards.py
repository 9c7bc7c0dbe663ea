"""The two dashboards: what the shop gets, and how the pipeline is."""

from collections.abc import Mapping
from typing import Any

from retention_ml.metrics.panels import Panel, dashboard

_UP = {0: "down", 1: "up"}

SHOP = (
    Panel(
        title="Scores of today",
        text="Late: due and not there, or published after their time.",
        queries={"": "retention_scores_late"},
        look="stat",
        width=6,
        orange_from=1,
        words={0: "in time", 1: "late"},
    ),
    Panel(
        title="Age of the newest scores",
        text="Since they were published; more than a day and a half calls somebody.",
        queries={"": "retention_scores_age_seconds"},
        look="stat",
        unit="s",
        width=6,
        orange_from=36 * 3600,
    ),
    Panel(
        title="Grade of the model",
        text="A: better than the recency rule by outcomes. B: by its training. C: not shown.",
        queries={"{{grade}}": "retention_model_grade == 1"},
        look="stat",
        width=6,
        words={1: "serves"},
    ),
    Panel(
        title="Open alerts",
        text="Those that stand, and those of the last days that nothing ends; retention status has the sentences.",
        queries={"alerts": "sum(retention_alerts_open) or vector(0)"},
        look="stat",
        width=6,
        orange_from=1,
    ),
    Panel(
        title="Customers by tier",
        text="Scored customers of the newest published day.",
        queries={"{{tier}}": "retention_scores_customers"},
    ),
    Panel(
        title="Value at risk by tier",
        text="Expected, in the shop's currency.",
        queries={"{{tier}}": "retention_scores_value_at_risk"},
    ),
    Panel(
        title="Share of critical and high",
        text="Of all scored customers; where tiers go by rank it stays as set.",
        queries={
            "critical and high": 'sum(retention_scores_customers{tier=~"critical|high"}) '
            "/ sum(retention_scores_customers)"
        },
        unit="percentunit",
    ),
    Panel(
        title="The model against the recency rule",
        text="ROC AUC on the same customers; 0.5 is chance.",
        queries={
            "model": "retention_model_roc_auc",
            "recency rule": "retention_model_recency_roc_auc",
        },
    ),
    Panel(
        title="Open alerts by kind",
        text="docs/monitoring.md says when each is raised.",
        queries={"{{kind}} ({{severity}})": "retention_alerts_open"},
        look="bargauge",
        orange_from=1,
    ),
    Panel(
        title="Since the last accepted file",
        text="By source; a shop that is closed delivers nothing.",
        queries={
            "{{source}}": "time() - retention_source_last_accepted_timestamp_seconds",
        },
        look="bargauge",
        unit="s",
        orange_from=2 * 86_400,
    ),
)

PIPELINE = (
    Panel(
        title="Warehouse",
        text="Whether the ledgers can be read.",
        queries={"": "retention_warehouse_up"},
        look="stat",
        width=4,
        orange_below=1,
        words=_UP,
    ),
    Panel(
        title="Components",
        text="Whether each answers and says that it is well.",
        queries={"{{component}}": "retention_component_up"},
        look="stat",
        width=14,
        orange_below=1,
        words=_UP,
    ),
    Panel(
        title="Files whose rows are missing",
        text="Refused or held, and not mended since.",
        queries={"{{source}}": "retention_unusable_files"},
        look="stat",
        width=6,
        orange_from=1,
    ),
    Panel(
        title="Rows of the newest batch",
        text="By what became of them.",
        queries={"{{source}}, {{outcome}}": "retention_batch_rows"},
        look="bargauge",
    ),
    Panel(
        title="Share in quarantine",
        text="Of the newest batch of each source; more than one in twenty calls somebody.",
        queries={
            "{{source}}": 'sum by (source) (retention_batch_rows{outcome="quarantined"}) '
            "/ sum by (source) (retention_batch_rows)"
        },
        unit="percentunit",
        orange_from=0.05,
    ),
    Panel(
        title="Rows that stages have read",
        text="Per second, over an hour.",
        queries={"{{stage}}": "sum by (stage) (rate(retention_rows_read_total[1h]))"},
    ),
    Panel(
        title="Seconds per run of a stage",
        text="Mean over all runs so far.",
        queries={"{{stage}}": "retention_stage_seconds_total / retention_stage_runs_total"},
        unit="s",
    ),
    Panel(
        title="Since the last run of each stage",
        text="A stage of every day that is older than a day did not run.",
        queries={"{{stage}}": "retention_stage_age_seconds"},
        look="bargauge",
        unit="s",
    ),
    Panel(
        title="Delivered files",
        text="All so far, by what became of them.",
        queries={"{{source}}, {{status}}": "retention_deliveries_total"},
    ),
    Panel(
        title="Runs of DAGs that succeeded",
        text="In the last day. Pushed by Airflow.",
        queries={
            "{{dag_id}}": "sum by (dag_id) "
            "(increase(airflow_dagrun_duration_success_seconds_count[1d]))"
        },
    ),
    Panel(
        title="Tasks by how they ended",
        text="All since the figures are taken in. Pushed by Airflow.",
        queries={"{{dag_id}}, {{state}}": "sum by (dag_id, state) (airflow_ti_finish_total)"},
    ),
    Panel(
        title="Pools",
        text="Slots that run, wait, or are free. Pushed by Airflow.",
        queries={
            "{{pool_name}} running": "airflow_pool_running_slots",
            "{{pool_name}} queued": "airflow_pool_queued_slots",
            "{{pool_name}} free": "airflow_pool_open_slots",
        },
    ),
    Panel(
        title="Heartbeats",
        text="Per minute; none means that the part hangs. Pushed by Airflow.",
        queries={
            "scheduler": "60 * rate(airflow_scheduler_heartbeat_total[5m])",
            "dag-processor": "60 * rate(airflow_dag_processor_heartbeat_total[5m])",
            "triggerer": "60 * rate(airflow_triggerer_heartbeat_total[5m])",
        },
    ),
    Panel(
        title="A turn of the scheduler",
        text="Mean length. Pushed by Airflow.",
        queries={
            "seconds": "airflow_scheduler_scheduler_loop_duration_seconds_sum "
            "/ airflow_scheduler_scheduler_loop_duration_seconds_count"
        },
        unit="s",
    ),
    Panel(
        title="Pushes",
        text="By what became of them; points are refused rather than kept without bound.",
        queries={"{{result}}": "retention_pushes_total"},
    ),
    Panel(
        title="This look",
        text="Seconds to read the ledgers, and series pushed so far.",
        queries={"seconds": "retention_look_seconds"},
        unit="s",
    ),
)


def dashboards() -> Mapping[str, dict[str, Any]]:
    """Both, by the name of their file."""
    return {
        "retention_shop": dashboard(
            uid="retention-shop",
            title="Retention: what the shop gets",
            text="Whether scores are there, what they say, and how good the model is.",
            panels=SHOP,
        ),
        "retention_pipeline": dashboard(
            uid="retention-pipeline",
            title="Retention: how the pipeline is",
            text="Components, deliveries, stages, and Airflow's own figures.",
            panels=PIPELINE,
        ),
    }
