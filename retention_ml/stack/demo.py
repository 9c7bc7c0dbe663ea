"""The demonstration: a grocer's year through Airflow, day after day, and what came out of it.

Safe to repeat: days that are published are not run again.
"""

import time
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import closing, contextmanager
from datetime import date
from typing import Any

from rich.console import Console
from rich.text import Text

from retention_ml.errors import StackError
from retention_ml.settings import Settings
from retention_ml.stack import address, demo_data, demo_report, local
from retention_ml.stack.airflow_api import RUNNING, AirflowApi
from retention_ml.stack.demo_data import SOURCE, Delivery

CHAIN = (
    "ingest_deliveries",
    "build_features",
    "train_models",
    "score_customers",
    "profile_customers",
    "recommend_products",
    "measure_outcomes",
)
_HANDING_ON = CHAIN[:4]  # whose end may start other runs
_POLL_SECONDS = 0.5
_QUIET_LOOKS = 5
_PATIENCE_SECONDS = 1800.0

Say = Callable[[str], None]


def run(settings: Settings, show: bool = True) -> dict[str, Any]:
    """Start the stack, run the demonstration's days, and return what came out.

    With `show` it is printed as tables too; progress goes to standard error either way.

    Raises
    ------
    StackError
        The stack does not start, or a task failed; the message ends with the task's last words.
    """
    clock = Steps()
    with clock.step("the local stack"):
        local.up(settings, clock.say)
    settings = address.complete(settings)
    with clock.step("the shop's files"):
        deliveries = demo_data.prepare(settings)
        clock.say(f"{sum(len(d.files) for d in deliveries)} files in {settings.home / 'demo'}")
    airflow = connect(settings)
    with clock.step("Airflow's view of the DAGs"):
        wait_for_dags(airflow)
    with closing(address.warehouse(settings)) as warehouse:
        published = demo_report.published_days(warehouse)
        for delivery in deliveries:
            with clock.step(f"the day {delivery.day}"):
                if delivery.day in published:
                    clock.say("is published already")
                    continue
                earlier = start(airflow, delivery)
                follow(airflow, delivery.day, clock.say, earlier)
        outcome = demo_report.collect(warehouse, settings)
    outcome |= {"seconds": clock.seconds, **local.addresses(settings)}
    if show:
        out = Console(highlight=False)
        demo_report.show(outcome, out if out.is_terminal else Console(highlight=False, width=150))
    return outcome


def connect(settings: Settings) -> AirflowApi:
    """A session with the Airflow of the local stack."""
    at = local.addresses(settings)
    if at["airflow_url"] is None:
        raise StackError("Airflow is not running. Run `retention stack up`.")
    return AirflowApi(
        url=str(at["airflow_url"]),
        user=str(at["airflow_user"]),
        password=str(at["airflow_password"]),
    )


def start(airflow: AirflowApi, delivery: Delivery) -> set[str]:
    """Start the day's run of `ingest_deliveries`; the ids of the day's runs there were before."""
    earlier = {run["dag_run_id"] for runs in _runs(airflow, delivery.day).values() for run in runs}
    attempts = sum(run_id.startswith("demo__") for run_id in earlier)
    run_id = f"demo__{delivery.day}" + (f"__{attempts + 1}" if attempts else "")
    conf = {"source": SOURCE, "files": [str(path) for path in delivery.files], "history": True}
    airflow.start(CHAIN[0], run_id, delivery.day, conf)
    return earlier


def follow(
    airflow: AirflowApi, day: date, say: Say, earlier: AbstractSet[str] = frozenset()
) -> None:
    """Wait until the day went through the whole chain, saying each task that ends.

    The chain is through when every DAG of it ran for the day and nothing of the day runs any more:
    its features led to a look at training and to scores, and a new champion scored it again. What
    a hand-over starts is waited for at several looks. Runs in `earlier` are not looked at.

    Raises
    ------
    StackError
        A task failed, or half an hour passed.
    """
    reported: set[tuple[Any, ...]] = set()
    ended: set[str] = set()  # runs whose tasks have all been told
    started = time.monotonic()
    quiet, is_through = 0, False
    while not is_through:
        if time.monotonic() - started > _PATIENCE_SECONDS:
            raise StackError(
                f"The day {day} did not get through within {_PATIENCE_SECONDS / 60:.0f} minutes. "
                f"Look at {airflow.url}, then run the same command again."
            )
        time.sleep(_POLL_SECONDS)
        latest = {
            dag_id: [run for run in runs if run["dag_run_id"] not in earlier]
            for dag_id, runs in _runs(airflow, day).items()
        }
        for dag_id, runs in latest.items():
            for one in runs:
                run = f"{dag_id}/{one['dag_run_id']}"
                if one["state"] in RUNNING:
                    ended.discard(run)
                if run in ended:
                    continue
                for task in airflow.tasks(dag_id, one["dag_run_id"]):
                    _report(airflow, task, reported, say)
                if one["state"] not in RUNNING:
                    ended.add(run)
        states = {dag_id: runs[-1]["state"] for dag_id, runs in latest.items() if runs}
        is_quiet = all(states.get(dag_id, "queued") not in RUNNING for dag_id in _HANDING_ON)
        quiet = quiet + 1 if is_quiet else 0
        has_ended = len(states) == len(CHAIN) and not RUNNING & set(states.values())
        is_through = has_ended and quiet >= _QUIET_LOOKS


def _runs(airflow: AirflowApi, day: date) -> dict[str, list[dict[str, Any]]]:
    """The runs of each DAG of the chain for a day, oldest first: one request for all."""
    runs = airflow.runs_of_day(day)
    return {dag_id: runs.get(dag_id, []) for dag_id in CHAIN}


def _report(
    airflow: AirflowApi, task: dict[str, Any], reported: set[tuple[Any, ...]], say: Say
) -> None:
    state = task["state"]
    key = (task["dag_id"], task["dag_run_id"], task["task_id"], task["map_index"], str(state))
    if state not in {"success", "failed", "skipped", "up_for_retry"} or key in reported:
        return
    reported.add(key)
    name = task["rendered_map_index"] or task["map_index"]
    is_one_of_many = task["map_index"] >= 0 and "per_source" not in task["task_id"]
    label = f"{task['dag_id']} › {task['task_id']}" + (f" ({name})" if is_one_of_many else "")
    if state == "failed":
        words = "\n".join(f"    {line}" for line in airflow.log(task)[-12:])
        raise StackError(f"{label} failed. Its last words:\n{words}")
    if state == "skipped" and is_one_of_many:
        return
    seconds = f"{task['duration']:.1f} s" if task["duration"] else ""
    mark = {"success": "✓", "skipped": "–", "up_for_retry": "↻"}[state]
    say(f"{mark} {label} {seconds if state == 'success' else state}")


def wait_for_dags(airflow: AirflowApi, seconds: float = 120.0) -> None:
    """Wait until Airflow knows every DAG of the chain.

    Raises
    ------
    StackError
        A DAG file cannot be imported, or the time is over.
    """
    started = time.monotonic()
    while True:
        imported = airflow.dags()
        missing = [dag_id for dag_id in CHAIN if not imported.get(dag_id)]
        if not missing:
            return
        if errors := airflow.import_errors():
            raise StackError(f"Airflow cannot import a DAG file. {errors[0][-1500:]}")
        if time.monotonic() - started > seconds:
            raise StackError(
                f"Airflow did not find {', '.join(missing)} within {seconds:.0f} s. "
                "Look at logs/dag-processor.log."
            )
        time.sleep(0.5)


class Steps:
    """Says what happens, and how long each step took."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._began = time.monotonic()
        self.seconds: dict[str, float] = {}

    def say(self, sentence: str, style: str = "") -> None:
        """Print a sentence with the seconds since the beginning."""
        elapsed = time.monotonic() - self._began
        line = Text.assemble((f"{elapsed:6.0f} s", "dim"), "    ", (sentence, style))
        self._console.print(line, soft_wrap=True)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """A block that is announced and measured."""
        started = time.monotonic()
        self.say(name, "bold")
        yield
        self.seconds[name] = round(time.monotonic() - started, 1)
