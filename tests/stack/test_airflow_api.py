"""The calls to Airflow, against a tiny server that answers as Airflow does."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from retention_ml.errors import StackError
from retention_ml.stack.airflow_api import AirflowApi
from retention_ml.stack.postgres import free_port
from tests.worlds.threads import serving

DAY = date(2026, 3, 1)
Answer = tuple[int, Any]


@dataclass
class Airflow:
    """What the server was asked, and what it answers by method and path (without the query)."""

    url: str = ""
    answers: dict[tuple[str, str], Callable[[], Answer]] = field(default_factory=dict)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    bearers: list[str | None] = field(default_factory=list)
    valid: set[str] = field(default_factory=set)
    logins: int = 0

    def answer(self, method: str, path: str, body: Any) -> Answer:
        if path == "/auth/token":
            if body["password"] != "right":
                return 401, {"detail": "Invalid credentials"}
            self.logins += 1
            self.valid.add(f"token{self.logins}")
            return 201, {"access_token": f"token{self.logins}"}
        self.asked.append((method, path, body))
        if (self.bearers[-1] or "").removeprefix("Bearer ") not in self.valid:
            return 401, {"detail": "Token expired"}
        return self.answers.get((method, urlsplit(path).path), lambda: (200, {}))()

    def session(self, password: str = "right") -> AirflowApi:
        return AirflowApi(url=self.url, user="admin", password=password)


@pytest.fixture
def server() -> Iterator[Airflow]:
    fake = Airflow()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            fake.bearers.append(self.headers.get("Authorization"))
            status, reply = fake.answer(self.command, self.path, body)
            text = json.dumps(reply).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = _serve

        def log_message(self, *_: Any) -> None:
            return

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as listening:
        fake.url = f"http://127.0.0.1:{listening.server_address[1]}"
        yield fake


def test_pools_that_are_missing_are_made_and_the_others_are_left_as_they_are(
    server: Airflow,
) -> None:
    server.answers["GET", "/api/v2/pools"] = lambda: (200, {"pools": [{"name": "there"}]})
    server.session().make_pools({"there": (9, "is left"), "warehouse": (2, "tasks that write")})
    assert [asked for asked in server.asked if asked[0] == "POST"] == [
        (
            "POST",
            "/api/v2/pools",
            {"name": "warehouse", "slots": 2, "description": "tasks that write"},
        )
    ]


def test_one_token_serves_all_calls(server: Airflow) -> None:
    server.answers["GET", "/api/v2/dags"] = lambda: (
        200,
        {"dags": [{"dag_id": "good"}, {"dag_id": "bad", "has_import_errors": True}]},
    )
    airflow = server.session()
    assert airflow.dags() == airflow.dags() == {"good": True, "bad": False}
    assert server.logins == 1
    assert server.bearers[1:] == ["Bearer token1"] * 2


def test_a_token_that_ran_out_is_fetched_again_and_the_call_repeated(server: Airflow) -> None:
    server.answers["GET", "/api/v2/importErrors"] = lambda: (200, {"import_errors": []})
    airflow = server.session()
    airflow.import_errors()
    server.valid.clear()
    assert airflow.import_errors() == []
    assert server.logins == 2
    assert server.bearers[-1] == "Bearer token2"


def test_a_call_that_is_never_allowed_ends_after_one_more_login(server: Airflow) -> None:
    server.answers["GET", "/api/v2/dags"] = lambda: (401, {"detail": "no"})
    with pytest.raises(StackError, match="GET /api/v2/dags with 401"):
        server.session().dags()
    assert server.logins == 2
    assert len(server.asked) == 2


def test_a_wrong_password_is_said_without_the_password(server: Airflow) -> None:
    airflow = server.session(password="wrong-secret")
    with pytest.raises(StackError, match=r"did not let admin in.*401") as refusal:
        airflow.dags()
    assert "wrong-secret" not in str(refusal.value) + repr(airflow)


def test_an_airflow_that_does_not_run_is_to_be_started() -> None:
    airflow = AirflowApi(url=f"http://127.0.0.1:{free_port()}", user="admin", password="x")
    with pytest.raises(StackError, match=r"does not answer at http.*retention stack up"):
        airflow.dags()


def test_what_is_only_read_is_asked_for_again_when_the_answer_takes_too_long(
    server: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    delays = iter([True, True, False])
    released = threading.Event()

    def answer() -> Answer:
        if next(delays):
            released.wait(5)
        return 200, {"dags": []}

    server.answers["GET", "/api/v2/dags"] = answer
    airflow = server.session()
    monkeypatch.setattr("retention_ml.stack.airflow_api._TIMEOUT_SECONDS", 0.3)
    assert airflow.dags() == {}
    released.set()
    assert [path.partition("?")[0] for _, path, _ in server.asked] == ["/api/v2/dags"] * 3


def test_what_changes_something_is_not_repeated_when_the_answer_takes_too_long(
    server: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()

    def answer() -> Answer:
        released.wait(5)
        return 200, {}

    server.answers["POST", "/api/v2/dags/score_customers/dagRuns"] = answer
    monkeypatch.setattr("retention_ml.stack.airflow_api._TIMEOUT_SECONDS", 0.3)
    with pytest.raises(StackError, match=r"did not answer within 0.3 s.*busy"):
        server.session().start("score_customers", "run", DAY, {})
    released.set()
    assert len(server.asked) == 1


def test_a_question_is_answered_with_an_option_and_a_reason(server: Airflow) -> None:
    server.session().answer(
        "assign_actions", "manual__2026-03-01T00:00:00+00:00", "approve", option="Approve", why="ok"
    )
    [(method, path, body)] = server.asked
    assert method == "PATCH"
    assert unquote(path).endswith(
        "/assign_actions/dagRuns/manual__2026-03-01T00:00:00+00:00/taskInstances/approve/-1/hitlDetails"
    )
    assert body == {"chosen_options": ["Approve"], "params_input": {"why": "ok"}}


def test_the_newest_runs_are_those_of_any_day(server: Airflow) -> None:
    rows = [{"dag_run_id": "b"}, {"dag_run_id": "a"}]
    server.answers["GET", "/api/v2/dags/ingest_deliveries/dagRuns"] = lambda: (
        200,
        {"dag_runs": rows},
    )
    assert server.session().newest_runs("ingest_deliveries") == rows
    [(_, path, _)] = server.asked
    assert parse_qs(urlsplit(path).query) == {"order_by": ["-run_after"], "limit": ["50"]}


def test_a_refusal_is_told_in_airflows_own_words(server: Airflow) -> None:
    server.answers["POST", "/api/v2/backfills"] = lambda: (409, {"detail": "already running"})
    with pytest.raises(StackError, match=r"POST /api/v2/backfills with 409: .*already running"):
        server.session().backfill("ingest_deliveries", DAY, DAY)


def test_a_proxy_of_the_machine_is_not_asked(
    server: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    server.answers["GET", "/api/v2/dags"] = lambda: (200, {"dags": []})
    assert server.session().dags() == {}


def test_a_run_is_started_for_its_day(server: Airflow) -> None:
    server.session().start("ingest_deliveries", "mine", DAY, {"source": "shop"})
    method, path, body = server.asked[-1]
    assert (method, path) == ("POST", "/api/v2/dags/ingest_deliveries/dagRuns")
    assert body == {
        "dag_run_id": "mine",
        "logical_date": None,
        "partition_key": "2026-03-01",
        "conf": {"as_of": "2026-03-01", "source": "shop"},
    }


def test_a_backfill_names_both_days_and_runs_again_what_ran(server: Airflow) -> None:
    server.session().backfill("ingest_deliveries", DAY, date(2026, 3, 3))
    _, path, body = server.asked[-1]
    assert path == "/api/v2/backfills"
    assert body["from_date"] == "2026-02-28T23:00:00+00:00"
    assert body["to_date"] == "2026-03-03T01:00:00+00:00"
    assert body["reprocess_behavior"] == "completed"


def test_the_runs_of_a_day_are_those_with_exactly_its_key(server: Airflow) -> None:
    runs = [{"dag_run_id": key, "partition_key": key} for key in ("2026-03-01", "2026-03-01x")]
    server.answers["GET", "/api/v2/dags/d/dagRuns"] = lambda: (200, {"dag_runs": runs})
    assert [run["dag_run_id"] for run in server.session().runs("d", DAY)] == ["2026-03-01"]
    query = parse_qs(urlsplit(server.asked[-1][1]).query)
    assert query["partition_key_pattern"] == ["2026-03-01"]
    assert query["order_by"] == ["run_after"]


def test_the_runs_of_all_dags_for_a_day_are_asked_for_once(server: Airflow) -> None:
    runs = [
        {"dag_id": dag_id, "dag_run_id": run_id, "partition_key": "2026-03-01"}
        for dag_id, run_id in (("a", "1"), ("b", "1"), ("a", "2"))
    ]
    server.answers["GET", "/api/v2/dags/~/dagRuns"] = lambda: (200, {"dag_runs": runs})
    by_dag = server.session().runs_of_day(DAY)
    assert {dag_id: [run["dag_run_id"] for run in some] for dag_id, some in by_dag.items()} == {
        "a": ["1", "2"],
        "b": ["1"],
    }
    assert len(server.asked) == 1


def test_a_run_id_with_signs_of_its_own_stays_one_part_of_the_path(server: Airflow) -> None:
    run_id = "scheduled__2026-03-01T00:00:00+00:00/a b?c"
    asked = "/api/v2/dags/d/dagRuns/"
    with pytest.raises(KeyError):  # the server knows no such path and answers {}
        server.session().tasks("d", run_id)
    path = urlsplit(server.asked[-1][1]).path
    assert path.startswith(asked)
    assert unquote(path.removeprefix(asked).removesuffix("/taskInstances")) == run_id
    assert path.count("/") == asked.count("/") + 1


def test_a_log_ends_with_the_reason_of_the_failure(server: Airflow) -> None:
    task = {
        "dag_id": "d", "dag_run_id": "r", "task_id": "t", "try_number": 0, "map_index": -1,
    }  # fmt: skip
    content = [
        {"event": "::group::Log message source details"},
        "a plain line",
        {"event": "Task failed", "error_detail": [{"exc_type": "NotReady", "exc_value": "why"}]},
    ]
    path = "/api/v2/dags/d/dagRuns/r/taskInstances/t/logs/1"
    server.answers["GET", path] = lambda: (200, {"content": content})
    assert server.session().log(task) == ["a plain line", "Task failed", "NotReady: why"]


def test_a_log_that_was_never_written_is_empty(server: Airflow) -> None:
    task = {
        "dag_id": "d", "dag_run_id": "r", "task_id": "t", "try_number": 2, "map_index": 3,
    }  # fmt: skip
    server.answers["GET", "/api/v2/dags/d/dagRuns/r/taskInstances/t/logs/2"] = lambda: (
        200,
        {"content": None},
    )
    assert server.session().log(task) == []
    assert "map_index=3" in server.asked[-1][1]
