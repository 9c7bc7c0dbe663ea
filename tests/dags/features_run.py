"""Run as a program: runs of `build_features` with doors that do nothing, or fail.

Prints as JSON what became of the run and its tasks, by the door that failed.
"""

import json
import sys
from pathlib import Path
from typing import Any


def main(folder: Path) -> None:
    from airflow.utils import db

    db.initdb()
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag

    DagBundlesManager().sync_bundles_to_db()
    dag = DagBag(dag_folder=str(folder / "20_build_features.py")).dags["build_features"]
    print(json.dumps({failing: run(dag, failing) for failing in ("none", "detect", "label")}))


def run(dag: Any, failing: str) -> dict[str, str]:
    from retention_airflow import alerts, doors

    def call(door: Any, **_: Any) -> dict[str, str]:
        if door.__name__ == failing:
            raise ValueError("the text of a defect")
        return {}

    doors.call = call
    alerts.send = lambda _: None
    ended = dag.test(run_conf={"as_of": "2026-03-01"})
    states = {ti.task_id: str(ti.state) for ti in ended.get_task_instances()}
    return {"run": str(ended.state), **states}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
