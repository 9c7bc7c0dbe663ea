"""The server: one answer whatever is down, and what is pushed without bound is refused."""

import gzip
import http.server
import json
import resource
import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from typer.testing import CliRunner

from retention_ml.cli import app
from retention_ml.metrics.catalogue import CATALOGUE, SERIES_MAX
from retention_ml.metrics.families import Family, Sample
from retention_ml.metrics.looks import within_bounds
from retention_ml.metrics.server import BODY_BYTES_MAX, CONNECTIONS_MAX
from retention_ml.settings import Settings
from retention_ml.stack.postgres import free_port
from retention_ml.warehouse import Warehouse
from tests.metrics import otlp_requests
from tests.metrics.serving import ask, push, serving, values
from tests.worlds import threads

SECONDS_MAX = 4.0


def test_a_look_holds_ledgers_components_and_what_was_pushed(
    shop: Warehouse, figures_settings: Settings
) -> None:
    with serving(figures_settings, shop.url) as server:
        assert push(server, otlp_requests.airflow()) == (200, "")
        status, text = ask(server)
        figures = values(text)
        assert status == 200
        assert figures["retention_warehouse_up"] == 1
        assert figures['retention_rows_read_total{stage="stage"}'] == 1_500
        assert figures['retention_component_up{component="mlflow"}'] == 0
        name = 'airflow_dagrun_duration_failed_seconds_count{dag_id="score_customers",run_type="manual"}'
        assert figures[name] == 1
        assert figures['retention_pushes_total{result="accepted"}'] == 1
        assert figures["retention_last_push_timestamp_seconds"] > 0
        assert ask(server, "/health") == (200, "ok\n")
        assert ask(server, "/other")[0] == 404
        assert ask(server, "/other", b"")[0] == 404


def test_every_family_of_the_answer_is_described(
    shop: Warehouse, figures_settings: Settings
) -> None:
    with serving(figures_settings, shop.url) as server:
        text = ask(server)[1]
    named = {line.split(" ")[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert named <= set(CATALOGUE)
    absent = {"retention_alerts_open", "retention_last_push_timestamp_seconds"}  # nothing to say
    assert set(CATALOGUE) - named <= absent | {
        "retention_model_roc_auc",
        "retention_model_recency_roc_auc",
        "retention_backup_age_seconds",
        "retention_backup_unproved_seconds",
    }


def test_promtool_has_nothing_to_say_about_an_answer(
    shop: Warehouse, figures_settings: Settings, promtool: Path
) -> None:
    with serving(figures_settings, shop.url) as server:
        push(server, otlp_requests.airflow())
        text = ask(server)[1]
    assert "airflow_ti_finish_total{" in text
    done = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@contextmanager
def _silent_server() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield listener.getsockname()[1]


def test_a_warehouse_that_is_down_is_said_in_time(figures_settings: Settings) -> None:
    url = f"postgresql://retention:secret@127.0.0.1:{free_port()}/retention"
    with serving(figures_settings, url) as server:
        began = monotonic()
        status, text = ask(server)
        assert (status, values(text)["retention_warehouse_up"]) == (200, 0)
        assert monotonic() - began < SECONDS_MAX
        assert "retention_scores_age_seconds" not in text
        assert "secret" not in text


def test_a_warehouse_and_components_that_hang_are_said_in_time_and_asked_by_one_thread(
    figures_settings: Settings,
) -> None:
    with _silent_server() as port:
        url = f"postgresql://retention:secret@127.0.0.1:{port}/retention"
        address = f"http://127.0.0.1:{port}"
        with serving(figures_settings, url, mlflow=address, airflow=address) as server:
            before = threading.active_count()
            for _ in range(3):
                began = monotonic()
                figures = values(ask(server)[1])
                assert monotonic() - began < SECONDS_MAX
                assert figures["retention_warehouse_up"] == 0
                assert figures['retention_component_up{component="mlflow"}'] == 0
                assert figures['retention_component_up{component="scheduler"}'] == 0
            assert threading.active_count() <= before + 6
            began = monotonic()
            with ThreadPoolExecutor(4) as pool:
                texts = list(pool.map(lambda _: ask(server)[1], range(4)))
            assert monotonic() - began < 2 * SECONDS_MAX, "they share a look, or two"
            assert {values(text)["retention_warehouse_up"] for text in texts} == {0}


def test_where_there_is_no_warehouse_the_answer_says_so(figures_settings: Settings) -> None:
    with serving(figures_settings, None) as server:
        assert values(ask(server)[1])["retention_warehouse_up"] == 0


def test_a_warehouse_that_comes_back_is_read_again(
    shop: Warehouse, figures_settings: Settings
) -> None:
    with serving(figures_settings, None) as server:
        places = iter([None, shop.url, f"postgresql://a:b@127.0.0.1:{free_port()}/c", shop.url])
        server.looks._ledgers._ask.__self__.address = lambda: next(places)  # type: ignore[attr-defined]
        states = [values(ask(server)[1])["retention_warehouse_up"] for _ in range(4)]
    assert states == [0, 1, 0, 1]


class _Airflow(http.server.BaseHTTPRequestHandler):
    report: Any = None

    def do_GET(self) -> None:
        body = self.report if isinstance(self.report, bytes) else json.dumps(self.report).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.mark.parametrize(
    ("report", "well"),
    [
        (
            {
                "metadatabase": {"status": "healthy"},
                "scheduler": {"status": "healthy"},
                "dag_processor": {"status": "unhealthy"},
                "triggerer": {"status": None},
            },
            {"mlflow", "api-server", "scheduler"},
        ),
        ([], {"mlflow", "api-server"}),
        (b"no json", {"mlflow"}),
    ],
)
def test_components_are_what_airflow_says_of_them(
    shop: Warehouse, figures_settings: Settings, report: Any, well: set[str]
) -> None:
    handler = type("Handler", (_Airflow,), {"report": report})
    with threads.serving(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)) as answering:
        address = f"http://127.0.0.1:{answering.server_port}"
        with serving(figures_settings, shop.url, mlflow=address, airflow=address) as server:
            figures = values(ask(server)[1])
    states = {
        name.split('"')[1]: value
        for name, value in figures.items()
        if name.startswith("retention_component_up")
    }
    assert set(states) == {"mlflow", "api-server", "scheduler", "dag-processor", "triggerer"}
    assert {name for name, value in states.items() if value} == well


def test_garbage_is_refused_and_counted(figures_settings: Settings) -> None:
    with serving(figures_settings, None) as server:
        status, sentence = push(server, b"garbage")
        assert (status, "ExportMetricsServiceRequest" in sentence) == (400, True)
        packed = gzip.compress(otlp_requests.airflow())
        assert push(server, packed, Content_Encoding="gzip")[0] == 200
        assert push(server, b"garbage", Content_Encoding="gzip")[0] == 400
        assert push(server, b"", Content_Encoding="br")[0] == 415
        assert push(server, b"{}", Content_Type="application/json")[0] == 415
        assert push(server, b"\x00" * (BODY_BYTES_MAX + 1))[0] == 413
        bomb = gzip.compress(b"\x00" * (20 * BODY_BYTES_MAX))
        assert len(bomb) < BODY_BYTES_MAX
        assert push(server, bomb, Content_Encoding="gzip")[0] == 413
        figures = values(ask(server)[1])
        assert figures['retention_pushes_total{result="accepted"}'] == 1
        assert figures['retention_pushes_total{result="malformed"}'] == 4
        assert figures['retention_pushes_total{result="too_large"}'] == 2


def test_a_hundred_thousand_label_values_are_refused_and_memory_stays(
    shop: Warehouse, figures_settings: Settings
) -> None:
    with serving(figures_settings, shop.url) as server:
        push(server, otlp_requests.airflow())
        memory_before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        statuses = set()
        for first in range(0, 100_000, 20_000):
            metrics = [
                otlp_requests.counter("airflow.ti.start", 1, dag_id=f"d{number}", task_id="t")
                for number in range(first, first + 20_000)
            ]
            statuses.add(push(server, otlp_requests.body(*metrics))[0])
        grown_megabytes = (
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory_before
        ) / 1024
        text = ask(server)[1]
        figures = values(text)
        assert statuses == {400}
        assert figures["retention_pushed_points_refused_total"] > 99_000
        assert figures['retention_pushes_total{result="points_refused"}'] == 5
        assert figures["retention_warehouse_up"] == 1
        assert len(figures) < SERIES_MAX
        assert grown_megabytes < 200, "the client's own requests included"
        # What was known before goes on.
        assert push(server, otlp_requests.airflow())[0] == 200


def test_an_answer_leaves_out_whole_families_rather_than_grow() -> None:
    def family(name: str, count: int) -> Family:
        samples = tuple(Sample(labels=(("n", str(n)),), value=1) for n in range(count))
        return Family(name=name, kind="gauge", text="T.", samples=samples)

    selected = within_bounds([family("a", 900)], [family("b", 1_200), family("c", 1_097)])
    assert [each.name for each in selected] == ["a", "c", "retention_series_left_out"]
    assert selected[-1].samples[0].value == 1_200
    assert sum(len(each.samples) for each in selected) == SERIES_MAX - 2


def test_a_page_of_another_host_gets_nothing(figures_settings: Settings) -> None:
    with serving(figures_settings, None) as server:
        for name, status in (
            ("evil.example", 403), ("evil.example:9464", 403), ("", 403),
            ("localhost:1", 200), ("127.0.0.1", 200), ("[::1]:9464", 200),
        ):  # fmt: skip
            assert ask(server, headers={"Host": name})[0] == status, name
        assert push(server, otlp_requests.airflow(), Host="evil.example")[0] == 403


def test_callers_that_say_nothing_do_not_keep_others_out_for_ever(
    figures_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(figures_settings, None) as server:
        monkeypatch.setattr(server.RequestHandlerClass, "timeout", 0.2)
        silent = [
            socket.create_connection(("127.0.0.1", server.server_port))
            for _ in range(CONNECTIONS_MAX)
        ]
        deadline, status = monotonic() + 10, 0
        while status != 200 and monotonic() < deadline:
            try:
                status = ask(server, "/health")[0]
            except OSError:
                continue
        for each in silent:
            each.close()
        assert status == 200


def test_an_address_that_is_taken_is_a_sentence(
    figures_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETENTION_HOME", str(figures_settings.home))
    with serving(figures_settings, None) as server:
        monkeypatch.setenv("RETENTION_METRICS__PORT", str(server.server_port))
        done = CliRunner().invoke(app, ["metrics", "serve"])
    assert done.exit_code == 1
    sentence = " ".join(done.stderr.split())
    assert f"Nothing can be served at 127.0.0.1:{server.server_port}" in sentence
    assert "Set another host or port under [metrics]" in sentence
