"""Every DAG file, as Airflow sees it: complete, documented, thin and quick to parse."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.dags.conftest import DAGS, PROJECT

EXPECTED = {
    "watch_inbox": "05_watch_inbox.py",
    "ingest_deliveries": "10_ingest_deliveries.py",
    "build_features": "20_build_features.py",
    "train_models": "30_train_models.py",
    "follow_aliases": "35_follow_aliases.py",
    "score_customers": "40_score_customers.py",
    "profile_customers": "50_profile_customers.py",
    "recommend_products": "60_recommend_products.py",
    "assign_actions": "70_assign_actions.py",
    "dispatch_messages": "75_dispatch_messages.py",
    "tell_warnings": "77_tell_warnings.py",
    "measure_outcomes": "80_measure_outcomes.py",
    "watch_scores": "85_watch_scores.py",
    "maintain_warehouse": "90_maintain_warehouse.py",
    "keep_promises": "95_keep_promises.py",
}
FILES = sorted(EXPECTED.values())


def test_airflow_finds_exactly_the_expected_dags(bag: dict[str, Any]) -> None:
    assert bag["errors"] == {}
    assert {dag_id: dag["file"] for dag_id, dag in bag["dags"].items()} == EXPECTED


def test_every_file_in_the_folder_is_expected() -> None:
    assert sorted(path.name for path in DAGS.glob("*.py")) == FILES


def test_a_dag_id_is_its_file_without_the_number_and_the_shown_name_keeps_it(
    bag: dict[str, Any],
) -> None:
    for dag_id, dag in bag["dags"].items():
        number, name = dag["file"].removesuffix(".py").split("_", 1)
        assert dag_id == name
        assert dag["display_name"] == f"{number} {name.replace('_', ' ')}"


def test_every_dag_tells_the_data_engineer_what_it_reads_and_what_to_do_on_failure(
    bag: dict[str, Any],
) -> None:
    for dag_id, dag in bag["dags"].items():
        for word in ("**Reads**", "**On failure**"):
            assert word in dag["doc"], f"The docstring of {dag['file']} ({dag_id}) lacks {word}."


def test_tags_come_from_the_closed_list(bag: dict[str, Any]) -> None:
    source = ast.parse((PROJECT / "plugins/retention_airflow/defaults.py").read_text("utf-8"))
    (tag,) = [node for node in source.body if isinstance(node, ast.ClassDef) and node.name == "Tag"]
    allowed = {
        node.value.value
        for node in tag.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    }
    assert "daily" in allowed
    for dag_id, dag in bag["dags"].items():
        assert dag["tags"], dag_id
        assert set(dag["tags"]) <= allowed


def test_every_dag_says_whom_a_failure_hurts_and_when_to_look(bag: dict[str, Any]) -> None:
    for dag_id, dag in bag["dags"].items():
        for kind in ("impact/", "triage/"):
            (only,) = [tag for tag in dag["tags"] if tag.startswith(kind)]
            assert only != kind, dag_id
    urgent = {dag_id for dag_id, dag in bag["dags"].items() if "triage/at-once" in dag["tags"]}
    assert urgent == {"ingest_deliveries", "build_features", "score_customers"}


def test_what_scores_wait_for_goes_before_what_nobody_waits_for(bag: dict[str, Any]) -> None:
    by_impact = {"impact/scores": 30, "impact/customers": 20, "impact/insight": 10}
    longest = {"recommend": 25}  # before others that customers see, after what scores wait for
    for dag_id, dag in bag["dags"].items():
        (impact,) = set(dag["tags"]) & set(by_impact)
        for task_id, task in dag["tasks"].items():
            weight, rule = task["priority"]
            assert weight == longest.get(task_id, by_impact[impact]), dag_id
            assert "absolute" in rule.lower(), dag_id


def test_the_list_of_dags_says_in_plain_text_what_each_does(bag: dict[str, Any]) -> None:
    for dag_id, dag in bag["dags"].items():
        assert 30 < len(dag["description"]) < 300, dag_id
        assert not re.search(r"[*`\n]", dag["description"]), dag_id
        assert "**" not in dag["description"]
    assert len({dag["description"] for dag in bag["dags"].values()}) == len(EXPECTED)


def test_the_owner_can_be_reached(bag: dict[str, Any]) -> None:
    for dag_id, dag in bag["dags"].items():
        owners = {task["owner"] for task in dag["tasks"].values()}
        assert set(dag["owner_links"]) == owners, dag_id
        assert all(re.match("https?://|mailto:", link) for link in dag["owner_links"].values())


def test_every_task_says_what_it_does(bag: dict[str, Any]) -> None:
    for dag_id, dag in bag["dags"].items():
        for task_id, task in dag["tasks"].items():
            assert task["doc"], f"{dag_id}.{task_id} needs a docstring or doc_md."
            assert len(task["doc"]) > 20, (dag_id, task_id)


def test_mapped_tasks_are_called_by_what_they_work_on(bag: dict[str, Any]) -> None:
    mapped = {
        f"{dag_id}.{task_id}": task["map_name"]
        for dag_id, dag in bag["dags"].items()
        for task_id, task in dag["tasks"].items()
        if task["is_mapped"]
    }
    per_source = {f"ingest_deliveries.per_source.{name}" for name in ("ingest", "put_away")}
    assert set(mapped) == per_source | {"train_models.fit"}
    assert all(mapped.values())


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (({"source": "shop"},), "shop"),
        (({"source": "shop"}, None), "shop"),
        ((), "3"),
        ((None,), "3"),
        (({},), "3"),
    ],
)
def test_a_mapped_task_without_a_source_keeps_its_number(
    arguments: tuple[Any, ...], name: str
) -> None:
    """A template that fails would fail the task."""
    from jinja2 import StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment
    from retention_airflow.defaults import SOURCE_NAME

    template = SandboxedEnvironment(undefined=StrictUndefined).from_string(SOURCE_NAME)
    task, instance = SimpleNamespace(op_args=arguments), SimpleNamespace(map_index=3)
    assert template.render(task=task, ti=instance) == name


def test_a_source_is_chosen_from_those_that_are_described(bag: dict[str, Any]) -> None:
    described = sorted(path.stem for path in (PROJECT / "sources").glob("*.toml"))
    assert bag["dags"]["ingest_deliveries"]["source_choices"] == [
        None, *sorted([*described, "actions"]),
    ]  # fmt: skip


def test_only_who_is_named_may_answer_a_question(bag: dict[str, Any]) -> None:
    asking = {
        f"{dag_id}.{task_id}": task["may_answer"]
        for dag_id, dag in bag["dags"].items()
        for task_id, task in dag["tasks"].items()
        if task_id in ("approve", "approve_ranker")
    }
    assert set(asking) == {
        "assign_actions.approve",
        "measure_outcomes.approve",
        "measure_outcomes.approve_ranker",
    }
    assert all(names == ["approver", "admin"] for names in asking.values())


def test_every_task_has_an_owner_and_retries_only_what_may_pass_by_itself(
    bag: dict[str, Any],
) -> None:
    for dag_id, dag in bag["dags"].items():
        for task_id, task in dag["tasks"].items():
            assert task["owner"] == "data-engineering", (dag_id, task_id)
            assert task["retries"] == 2, (dag_id, task_id)
            decided = {
                name.rsplit(".", 1)[1]: rule["action"]
                for rule in task["policy"]
                for name in rule["exception"]
            }
            assert decided == {
                "HeldBack": "fail",
                "UsageError": "fail",
                "WarehouseError": "retry",
                "RegistryError": "retry",
                "ChannelError": "retry",
                "MachineError": "retry",
                "OSError": "retry",
                "MemoryError": "retry",
            }, (dag_id, task_id)
            assert task["otherwise"] == "fail", (dag_id, task_id)
            assert task["told"] == ["FailureAlert"], (dag_id, task_id)


def test_the_rules_name_errors_that_exist() -> None:
    from retention_ml import errors

    for name in ("HeldBack", "UsageError", "WarehouseError", "RegistryError", "ChannelError"):
        assert issubclass(getattr(errors, name), errors.RetentionError)


@pytest.mark.parametrize(
    ("dag_id", "tasks"),
    [
        ("ingest_deliveries", {"per_source.ingest", "hand_over"}),
        ("build_features", {"detect", "build"}),
        ("train_models", {"prepare", "select", "train_uplift"}),
        ("score_customers", {"score"}),
        ("profile_customers", {"fit_value", "profile"}),
        ("recommend_products", {"recommend", "pair"}),
        ("assign_actions", {"assign", "release", "dispatch", "deliver"}),
        ("dispatch_messages", {"dispatch", "deliver", "watch"}),
        ("tell_warnings", {"count"}),
        ("measure_outcomes", {"measure", "decide", "decide_ranker", "watch"}),
        ("watch_scores", {"watch"}),
        ("keep_promises", {"end_holds", "expire", "publish_aggregates"}),
    ],
)
def test_tasks_that_write_to_the_warehouse_share_its_pool(
    bag: dict[str, Any], dag_id: str, tasks: set[str]
) -> None:
    pooled = {n for n, task in bag["dags"][dag_id]["tasks"].items() if task["pool"] == "warehouse"}
    assert pooled == tasks


def test_the_pool_of_the_dags_is_made_by_the_stack() -> None:
    from retention_ml.stack.local import POOLS

    assert set(POOLS) == {"warehouse"}


def test_the_flow_from_the_inbox_to_the_scores_is_handed_over_by_assets(
    bag: dict[str, Any],
) -> None:
    listens = {dag_id: dag["listens"] for dag_id, dag in bag["dags"].items()}
    hands_over = {
        dag_id: sorted(name for task in dag["tasks"].values() for name in task["outlets"])
        for dag_id, dag in bag["dags"].items()
    }
    assert listens == {
        "watch_inbox": ["inbox"],
        "ingest_deliveries": [],
        "build_features": ["curated"],
        "train_models": ["features.customer_daily"],
        "follow_aliases": ["mlflow.aliases"],
        "score_customers": ["features.customer_daily", "models.champion"],
        "profile_customers": ["features.customer_daily"],
        "recommend_products": ["features.customer_daily"],
        "assign_actions": ["scores.customer_daily"],
        "dispatch_messages": [],
        "tell_warnings": [],
        "measure_outcomes": ["scores.customer_daily"],
        "watch_scores": [],
        "maintain_warehouse": [],
        "keep_promises": [],
    }
    assert hands_over == {
        "watch_inbox": [],
        "ingest_deliveries": ["curated"],
        "build_features": ["features.customer_daily"],
        "train_models": ["models.champion"],
        "follow_aliases": [],
        "score_customers": ["scores.customer_daily"],
        "profile_customers": ["profiles.customer_daily"],
        "recommend_products": ["recommendations.customer_daily"],
        "assign_actions": [],
        "dispatch_messages": [],
        "tell_warnings": [],
        "measure_outcomes": [],
        "watch_scores": [],
        "maintain_warehouse": [],
        "keep_promises": [],
    }


def test_the_daily_run_is_keyed_by_the_day_and_does_not_catch_up(bag: dict[str, Any]) -> None:
    for name in ("ingest_deliveries", "watch_scores"):
        assert bag["dags"][name]["schedule"] == "CronPartitionTimetable"
        assert bag["dags"][name]["key_format"] == "%Y-%m-%d"
    for name in (
        "build_features",
        "train_models",
        "score_customers",
        "profile_customers",
        "recommend_products",
        "assign_actions",
        "measure_outcomes",
    ):
        assert bag["dags"][name]["schedule"] == "PartitionedAssetTimetable"
    assert not any(dag["catchup"] for dag in bag["dags"].values())


def test_a_day_without_news_is_handed_over_all_the_same(bag: dict[str, Any]) -> None:
    tasks = bag["dags"]["ingest_deliveries"]["tasks"]
    assert tasks["hand_over"]["trigger_rule"] == "none_failed"
    assert "hand_over" in tasks["per_source.ingest"]["downstream"]


def test_files_are_put_away_whatever_became_of_them_and_only_a_failed_step_stops_the_day(
    bag: dict[str, Any],
) -> None:
    tasks = bag["dags"]["ingest_deliveries"]["tasks"]
    assert tasks["per_source.ingest"]["downstream"] == ["hand_over", "per_source.put_away"]
    assert tasks["per_source.put_away"]["trigger_rule"] == "all_done_setup_success"
    assert tasks["per_source.put_away"]["is_teardown"]  # neither the day nor the run fails with it
    assert tasks["per_source.put_away"]["downstream"] == []


@pytest.mark.thorough
def test_a_failed_detection_does_not_stop_the_features_and_failed_labels_do(
    airflow_environment: dict[str, str],
) -> None:
    ended = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("features_run.py")), str(DAGS)],
        env=airflow_environment | {"PYTHONPATH": f"{PROJECT / 'plugins'}:{PROJECT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    failed = json.loads(ended.stdout.splitlines()[-1])
    assert failed["none"] == {"run": "success", "detect": "success", "build": "success"}
    assert failed["detect"] == {"run": "success", "detect": "failed", "build": "success"}
    assert failed["label"] == {"run": "failed", "detect": "success", "build": "failed"}


def test_scores_that_are_not_published_in_time_raise_an_alert(bag: dict[str, Any]) -> None:
    assert bag["dags"]["score_customers"]["deadlines"] == [
        {
            "reference": "DagRunQueuedAtDeadline",
            "hours": 2.0,
            "told": "retention_airflow.alerts.LatenessAlert",
        }
    ]


def test_a_question_that_waits_for_an_answer_does_not_stop_the_following_days(
    bag: dict[str, Any],
) -> None:
    dag = bag["dags"]["measure_outcomes"]
    assert dag["max_active_runs"] > 1
    assert dag["tasks"]["watch"]["downstream"] == ["alert"]
    assert dag["tasks"]["watch"]["trigger_rule"] == "all_done"
    assert "watch" not in dag["tasks"]["decide"]["downstream"]


def test_every_run_can_be_given_its_day(bag: dict[str, Any]) -> None:
    for dag_id in set(EXPECTED) - {
        "watch_inbox",
        "follow_aliases",
        "maintain_warehouse",
        "keep_promises",
    }:
        assert "as_of" in bag["dags"][dag_id]["params"]


def test_parsing_reaches_every_file_and_imports_nothing_heavy(bag: dict[str, Any]) -> None:
    assert bag["heavy"] == []
    assert sorted(bag["seconds"]) == FILES


@pytest.mark.parametrize("name", FILES)
def test_a_dag_file_only_wires(name: str) -> None:
    text = (DAGS / name).read_text("utf-8")
    assert len(text.splitlines()) <= 100, f"{name} is long: move logic to the library or plugins."
    assert not re.search(r"\b(SELECT|INSERT|UPDATE|DELETE)\b", text), f"{name} holds SQL."
    top = [node for node in ast.parse(text).body if isinstance(node, ast.Import | ast.ImportFrom)]
    modules = {
        node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in top
    }
    allowed = {"pathlib", "retention_ml", "retention_ml.errors"}
    foreign = {
        module
        for module in modules - allowed
        if module and not module.startswith(("airflow.", "retention_airflow"))
    }
    assert not foreign, f"{name} imports {foreign} while it is parsed; import doors inside a task."


def test_the_check_for_thinness_catches_a_fat_file(tmp_path: Path) -> None:
    fat = "import pandas\nprint(pandas.read_sql('SELECT 1', None))\n"
    assert re.search(r"\bSELECT\b", fat)
    assert ast.parse(fat).body[0].names[0].name == "pandas"  # type: ignore[attr-defined]
