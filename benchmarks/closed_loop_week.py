"""One decision day of the closed loop: files are dropped, Airflow does the rest, a person answers."""

import shutil
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from benchmarks.closed_loop_shop import SOURCE, LivingShop
from benchmarks.shifted_clock import shift
from retention_ml import clock
from retention_ml.errors import StackError
from retention_ml.settings import Settings
from retention_ml.stack.airflow_api import RUNNING, AirflowApi
from retention_ml.warehouse import Warehouse

INGEST, ACTIONS, DISPATCH = "ingest_deliveries", "assign_actions", "dispatch_messages"
CHAIN = ("build_features", "train_models", "score_customers", "measure_outcomes")
_EVENING, _MORNING, _HOUR = timedelta(hours=-1), timedelta(hours=8), timedelta(minutes=61)
_WAITS_MAX = 12
_LOOKS_BEFORE_ANSWER = 5
_PATIENCE_SECONDS = 3600.0
_WAITING = ("awaiting_input", "deferred")

_DAY = (
    "SELECT status, reason, policy_id, "
    "(SELECT count(*) FROM actions.assignments AS a WHERE a.as_of = day.as_of) + "
    "(SELECT coalesce(sum(customers_count), 0) FROM actions.exclusions AS e "
    "WHERE e.as_of = day.as_of) AS active, "
    "(SELECT count(*) FROM actions.assignments AS a WHERE a.as_of = day.as_of "
    "AND action_id <> 'none') AS contacts FROM actions.days AS day WHERE as_of = :day"
)
_MESSAGES = "SELECT count(*) FROM actions.outbox WHERE as_of = :day AND state = ANY (:states)"


@dataclass(slots=True, kw_only=True)
class WeekRun:
    """What happened on a decision day; seconds by the scheduler's own stamps."""

    day: date
    status: str = ""
    policy: str = ""
    active: int = 0
    contacts: int = 0
    sent: int = 0
    sent_later: int = 0
    asked: int = 0
    chain_seconds: float = 0.0
    action_seconds: float = 0.0


@dataclass(slots=True, kw_only=True)
class Week:
    """A decision day of a shop whose stack runs, with a clock that is moved.

    Parameters
    ----------
    waited : dict
        How often a question, by run and try, was seen to wait.
    """

    airflow: AirflowApi
    warehouse: Warehouse
    settings: Settings
    shop: LivingShop
    day: date
    waited: Counter[tuple[str, int]] = field(default_factory=Counter, init=False)

    def run(self) -> WeekRun:
        """Let the day go through; returns when no run of it is left."""
        done = WeekRun(day=self.day)
        self._move_clock(_EVENING)  # files that come now count from the next day's start on
        self._drop()
        for _ in self._polls("the files to be taken in"):
            ingested = self._ingestions()
            if ingested and not RUNNING & {run["state"] for run in ingested}:
                break
        self._move_clock(_MORNING)
        quiet = 0
        for _ in self._polls("the chain to end"):
            runs = self._chain_runs()
            done.asked += self._answer(runs[ACTIONS])
            states = {run["state"] for one in runs.values() for run in one}
            is_quiet = all(runs.values()) and not RUNNING & states
            quiet = quiet + 1 if is_quiet else 0
            if quiet == 3:
                break
        self._require_success({INGEST: self._ingestions(), **runs})
        done.chain_seconds = _seconds(
            [*self._ingestions(), *(run for dag_id in CHAIN for run in runs[dag_id])]
        )
        done.action_seconds = _seconds(runs[ACTIONS])
        done.sent = self._count("sent")
        self._send_the_rest()
        done.sent_later = self._count("sent") - done.sent
        with self.warehouse.transaction() as transaction:
            [row] = transaction.execute(_DAY, day=self.day)
        done.status, done.policy = str(row.status), str(row.policy_id)
        done.active, done.contacts = int(row.active), int(row.contacts)
        return done

    def _move_clock(self, after_midnight: timedelta) -> None:
        midnight = clock.midnight(self.day, self.settings.calendar.timezone)
        shift.write(self.settings.home, midnight + after_midnight)

    def _drop(self) -> None:
        """Put the shop's files into the watched folder, each whole or not at all."""
        folder = self.settings.home / "inbox" / SOURCE / "history"
        folder.mkdir(parents=True, exist_ok=True)
        for path in self.shop.files_until(self.day):
            shutil.copyfile(path, folder / f".{path.name}")
            (folder / f".{path.name}").replace(folder / path.name)

    def _polls(self, what: str) -> Iterator[None]:
        started = time.monotonic()
        while time.monotonic() - started < _PATIENCE_SECONDS:
            yield
            time.sleep(1.0)
        raise StackError(
            f"{self.day}: waited {_PATIENCE_SECONDS / 60:.0f} minutes for {what}. "
            f"Look at {self.airflow.url}, then run the same command again."
        )

    def _ingestions(self) -> list[dict[str, Any]]:
        """Runs that the watched folder started for the day: they have no partition of their own."""
        runs = self.airflow.newest_runs(INGEST)
        return [run for run in runs if (run["conf"] or {}).get("as_of") == self.day.isoformat()]

    def _chain_runs(self) -> dict[str, list[dict[str, Any]]]:
        return {dag_id: self.airflow.runs(dag_id, self.day) for dag_id in (*CHAIN, ACTIONS)}

    def _answer(self, runs: list[dict[str, Any]]) -> int:
        """Agree to what Airflow asks, as a person who has looked at it; how many answers were given.

        Nobody answers within a second: Airflow takes that for a task that ended in the wrong state,
        forgets the answer and asks again.
        """
        count = 0
        for run in runs:
            if run["state"] not in RUNNING:
                continue
            for task in self.airflow.tasks(ACTIONS, run["dag_run_id"]):
                if task["task_id"] != "approve" or task["state"] not in _WAITING:
                    continue
                question = (run["dag_run_id"], task["try_number"])
                self.waited[question] += 1
                if self.waited[question] == _LOOKS_BEFORE_ANSWER:
                    self.airflow.answer(
                        ACTIONS, run["dag_run_id"], "approve", option="Approve", why="Looked at."
                    )
                    count += 1
        return count

    def _require_success(self, runs: dict[str, list[dict[str, Any]]]) -> None:
        failed = [
            (dag_id, run)
            for dag_id, of_dag in runs.items()
            for run in of_dag
            if run["state"] == "failed"
        ]
        for dag_id, run in failed:
            for task in self.airflow.tasks(dag_id, run["dag_run_id"]):
                if task["state"] == "failed":
                    words = "\n".join(f"    {line}" for line in self.airflow.log(task)[-15:])
                    raise StackError(
                        f"{self.day}: {dag_id} › {task['task_id']} failed. Its last words:\n{words}"
                    )

    def _send_the_rest(self) -> None:
        """Hour by hour, until nothing waits any more: what a quota put off goes with DAG 75."""
        for wait in range(1, _WAITS_MAX + 1):
            if not self._count("pending", "sending"):
                return
            self._move_clock(_MORNING + wait * _HOUR)
            run_id = f"loop__{self.day}__{wait}__{int(time.time())}"
            self.airflow.start(DISPATCH, run_id, self.day, {})
            for _ in self._polls("waiting messages to be sent"):
                runs = [
                    r for r in self.airflow.runs(DISPATCH, self.day) if r["dag_run_id"] == run_id
                ]
                if runs and runs[0]["state"] not in RUNNING:
                    break
            self._require_success({DISPATCH: runs})
        left = self._count("pending", "sending")
        if left:
            raise StackError(f"{self.day}: after {_WAITS_MAX} hours {left} messages still wait.")

    def _count(self, *states: str) -> int:
        with self.warehouse.transaction() as transaction:
            [(count,)] = transaction.execute(_MESSAGES, day=self.day, states=list(states))
        return int(count)


def _seconds(runs: list[dict[str, Any]]) -> float:
    """From the first start to the last end."""
    stamps = [
        datetime.fromisoformat(run[name])
        for run in runs
        for name in ("start_date", "end_date")
        if run[name]
    ]
    return (max(stamps) - min(stamps)).total_seconds() if stamps else 0.0
