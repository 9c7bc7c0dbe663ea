"""Airflow's REST API, as far as the platform starts runs and follows them."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from retention_ml import clock
from retention_ml.errors import StackError

RUNNING = frozenset({"queued", "running"})
_TIMEOUT_SECONDS = 30


@dataclass(slots=True)
class AirflowApi:
    """A session with one Airflow; the token is fetched on first use and when it has run out."""

    url: str
    user: str
    password: str = field(repr=False)
    _token: str | None = field(default=None, repr=False)

    def dags(self) -> dict[str, bool]:
        """Each DAG and whether it has no import error."""
        rows = self._call("GET", "/api/v2/dags?limit=100")["dags"]
        return {dag["dag_id"]: not dag.get("has_import_errors") for dag in rows}

    def import_errors(self) -> list[str]:
        """What Airflow could not import, with the reason."""
        rows = self._call("GET", "/api/v2/importErrors")["import_errors"]
        return [f"{error['filename']}: {error['stack_trace']}" for error in rows]

    def make_pools(self, pools: Mapping[str, tuple[int, str]]) -> None:
        """Make the pools that are missing, by name with their slots and what they are for."""
        rows = self._call("GET", "/api/v2/pools?limit=100")["pools"]
        present = {pool["name"] for pool in rows}
        for name, (slots, description) in pools.items():
            if name not in present:
                body = {"name": name, "slots": slots, "description": description}
                self._call("POST", "/api/v2/pools", body)

    def start(self, dag_id: str, run_id: str, day: date, conf: Mapping[str, Any]) -> None:
        """Start a run of a partitioned DAG for a day."""
        body = {
            "dag_run_id": run_id,
            "logical_date": None,
            "partition_key": day.isoformat(),
            "conf": {"as_of": day.isoformat(), **conf},
        }
        self._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)

    def backfill(self, dag_id: str, first: date, last: date, timezone: str = "UTC") -> None:
        """Run a DAG again for every day of the shop's calendar from `first` to `last`, inclusive."""
        # An hour on either side: whether Airflow dates a run by the shop's clock or in UTC.
        hour = timedelta(hours=1)
        body = {
            "dag_id": dag_id,
            "from_date": (clock.midnight(first, timezone) - hour).isoformat(),
            "to_date": (clock.midnight(last, timezone) + hour).isoformat(),
            "reprocess_behavior": "completed",
            "max_active_runs": 1,
        }
        self._call("POST", "/api/v2/backfills", body)

    def runs(self, dag_id: str, day: date) -> list[dict[str, Any]]:
        """The runs of a DAG for a day, oldest first."""
        query = urlencode(
            {"partition_key_pattern": day.isoformat(), "order_by": "run_after", "limit": 100}
        )
        rows = self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns?{query}")["dag_runs"]
        return [run for run in rows if run["partition_key"] == day.isoformat()]

    def runs_of_day(self, day: date) -> dict[str, list[dict[str, Any]]]:
        """The runs of all DAGs for a day, by DAG, oldest first; asked once."""
        runs: dict[str, list[dict[str, Any]]] = {}
        for run in self.runs("~", day):
            runs.setdefault(run["dag_id"], []).append(run)
        return runs

    def newest_runs(self, dag_id: str, limit: int = 50) -> list[dict[str, Any]]:
        """The newest runs of a DAG, whatever their day, newest first."""
        query = urlencode({"order_by": "-run_after", "limit": limit})
        rows: list[dict[str, Any]] = self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns?{query}")[
            "dag_runs"
        ]
        return rows

    def failed_runs(self, since: datetime, limit: int = 50) -> list[dict[str, Any]]:
        """The runs of all DAGs that failed since an instant, newest first; asked once."""
        query = urlencode(
            {
                "state": "failed",
                "run_after_gte": since.isoformat(),
                "order_by": "-run_after",
                "limit": limit,
            }
        )
        rows: list[dict[str, Any]] = self._call(
            "GET", f"/api/v2/dags/~/dagRuns?{query}", readings=1
        )["dag_runs"]
        return rows

    def answer(self, dag_id: str, run_id: str, task_id: str, *, option: str, why: str) -> None:
        """Answer a question of *Required Actions* as the user of this session."""
        path = (
            f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}"
            f"/taskInstances/{task_id}/-1/hitlDetails"
        )
        self._call("PATCH", path, {"chosen_options": [option], "params_input": {"why": why}})

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The task instances of a run."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances?limit=200"
        rows: list[dict[str, Any]] = self._call("GET", path)["task_instances"]
        return rows

    def log(self, task: Mapping[str, Any]) -> list[str]:
        """What a task instance logged in its last try, the reason of its failure included."""
        path = (
            f"/api/v2/dags/{task['dag_id']}/dagRuns/{quote(task['dag_run_id'], safe='')}"
            f"/taskInstances/{quote(task['task_id'], safe='')}/logs/{max(1, task['try_number'])}"
            f"?map_index={task['map_index']}&full_content=true"
        )
        lines = []
        for line in self._call("GET", path).get("content") or []:
            entry = line if isinstance(line, dict) else {"event": line}
            if not str(entry.get("event", "")).startswith("::"):
                lines.append(str(entry.get("event", "")))
            lines += [f"{e['exc_type']}: {e['exc_value']}" for e in entry.get("error_detail") or ()]
        return lines

    def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        again: bool = True,
        readings: int = 5,
    ) -> dict[str, Any]:
        try:
            if self._token is None:
                login = {"username": self.user, "password": self.password}
                self._token = str(self._send("POST", "/auth/token", login, {})["access_token"])
            return self._send(method, path, body, {"Authorization": f"Bearer {self._token}"})
        except urllib.error.HTTPError as error:
            with error:
                message = error.read().decode("utf-8", errors="replace")[:600]
            if self._token is None:
                raise StackError(
                    f"Airflow at {self.url} did not let {self.user} in: {error}. "
                    "Run `retention stack status`."
                ) from error
            if error.code == 401 and again:
                self._token = None
                return self._call(method, path, body, again=False, readings=readings)
            raise StackError(
                f"Airflow answered {method} {path.split('?')[0]} with {error.code}: {message}. "
                "Run `retention stack status`; its log is logs/api-server.log."
            ) from error
        except TimeoutError as error:
            # A busy machine may take longer to answer than it is waited for; reading changes nothing.
            if method == "GET" and readings > 1:
                return self._call(method, path, body, again, readings - 1)
            raise StackError(
                f"Airflow at {self.url} did not answer within {_TIMEOUT_SECONDS} s. Is the machine "
                "very busy? Run `retention stack status`."
            ) from error
        except OSError as error:
            raise StackError(
                f"Airflow does not answer at {self.url}: {error}. Run `retention stack up`."
            ) from error

    def _send(
        self, method: str, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310  (the address of our own Airflow)
            f"{self.url}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Accept": "application/json", **headers},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
            document: dict[str, Any] = json.load(answer)
        return document
