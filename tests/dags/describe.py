"""Run as a program: parse the DAG folder as Airflow does and print what was found as JSON."""

import json
import sys
import time
from pathlib import Path

HEAVY = (
    "great_expectations", "mlflow", "sklearn", "lightgbm", "optuna", "matplotlib", "duckdb",
    "ibis", "pandas", "pyarrow", "psycopg2", "adbc_driver_postgresql",
)  # fmt: skip


def main(folder: Path) -> None:
    import airflow.sdk  # noqa: F401
    from airflow.dag_processing.dagbag import DagBag

    before = {name for name in HEAVY if name in sys.modules}
    seconds, dags, errors = {}, {}, {}
    for path in sorted(folder.glob("*.py")):
        started = time.perf_counter()
        bag = DagBag(dag_folder=str(path))
        seconds[path.name] = time.perf_counter() - started
        errors.update(bag.import_errors)
        dags.update(bag.dags)
    heavy = sorted(name for name in HEAVY if name in sys.modules and name not in before)
    print(
        json.dumps(
            {
                "seconds": seconds,
                "errors": errors,
                "heavy": heavy,
                "dags": {dag_id: describe(dag) for dag_id, dag in dags.items()},
            },
            default=str,
        )
    )


def describe(dag) -> dict:
    timetable = dag.timetable
    return {
        "file": Path(dag.fileloc).name,
        "display_name": dag.dag_display_name,
        "doc": dag.doc_md,
        "description": dag.description,
        "owner_links": dag.owner_links,
        "source_choices": dag.params.get_param("source").schema.get("enum")
        if "source" in dag.params
        else None,
        "tags": sorted(map(str, dag.tags)),
        "params": sorted(dag.params),
        "catchup": dag.catchup,
        "schedule": type(timetable).__name__,
        "key_format": getattr(timetable, "key_format", None)
        or getattr(timetable, "_key_format", None),
        "max_active_runs": dag.max_active_runs,
        "deadlines": [
            {
                "reference": deadline.reference.reference_name,
                "hours": deadline.interval.total_seconds() / 3600,
                "told": deadline.callback.path,
            }
            for deadline in dag.deadline or ()
        ],
        "listens": listened(getattr(timetable, "asset_condition", None)),
        "tasks": {
            task.task_id: {
                "owner": task.owner,
                "priority": (task.priority_weight, str(task.weight_rule)),
                "doc": task.doc_md,
                "is_mapped": task.is_mapped or task.get_closest_mapped_task_group() is not None,
                "map_name": task.map_index_template,
                "may_answer": [one["id"] for one in getattr(task, "assigned_users", None) or ()],
                "pool": task.pool,
                "retries": task.retries,
                "policy": [
                    {"exception": rule.exception, "action": rule.action.value}
                    for rule in task.retry_policy.rules
                ]
                if task.retry_policy
                else [],
                "otherwise": task.retry_policy.default.value if task.retry_policy else None,
                "told": [type(callback).__name__ for callback in task.on_failure_callback],
                "outlets": sorted(asset.name for asset in task.outlets),
                "trigger_rule": task.trigger_rule.value,
                "is_teardown": task.is_teardown,
                "downstream": sorted(task.downstream_task_ids),
            }
            for task in dag.tasks
        },
    }


def listened(condition) -> list[str]:
    if condition is None:
        return []
    if hasattr(condition, "objects"):
        return sorted(name for part in condition.objects for name in listened(part))
    return [condition.name]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
