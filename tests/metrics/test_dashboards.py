"""The dashboards: the files are what the code makes, and every expression returns data."""

import json
import re
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
import yaml

from retention_ml import clock
from retention_ml.metrics.catalogue import CATALOGUE
from retention_ml.metrics.dashboards import PIPELINE, SHOP, dashboards
from retention_ml.metrics.panels import Panel
from retention_ml.metrics.write_dashboards import FOLDER, texts, write
from retention_ml.settings import PROJECT, Settings
from retention_ml.stack.postgres import free_port
from retention_ml.warehouse import Warehouse
from tests.metrics import otlp_requests, prometheus
from tests.metrics.airflow_series import AIRFLOW_SERIES
from tests.metrics.serving import ask, push, serving, values

PANELS = (*SHOP, *PIPELINE)
_SERIES = re.compile(r"\b(?:retention|airflow)_\w+")


def test_the_files_are_what_the_code_makes(tmp_path: Path) -> None:
    files = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*")}
    assert files == texts(), "Run `make pages`: the dashboards of docker/grafana are older."
    write(tmp_path)
    assert {path.name for path in tmp_path.glob("*")} == set(files)


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.title)
def test_an_expression_uses_only_series_that_are_offered(panel: Panel) -> None:
    for expression in panel.queries.values():
        named = set(_SERIES.findall(expression))
        assert named
        assert named <= set(CATALOGUE) | AIRFLOW_SERIES


def test_panels_neither_overlap_nor_leave_the_grid() -> None:
    for made in dashboards().values():
        cells = [
            (column, row)
            for panel in made["panels"]
            for place in [panel["gridPos"]]
            for column in range(place["x"], place["x"] + place["w"])
            for row in range(place["y"], place["y"] + place["h"])
        ]
        assert len(cells) == len(set(cells))
        assert max(column for column, _ in cells) < 24
        assert len({panel["id"] for panel in made["panels"]}) == len(made["panels"]) >= 10


def test_a_panel_says_what_it_shows_and_names_no_address() -> None:
    for name, text in texts().items():
        assert "http" not in text, name
        made = json.loads(text)
        assert {panel["datasource"]["uid"] for panel in made["panels"]} == {"${datasource}"}
        assert all(panel["title"] and panel["description"] for panel in made["panels"])


def test_the_provisioning_names_the_data_source_of_the_dashboards() -> None:
    folder = PROJECT / "docker" / "grafana" / "provisioning"
    [source] = yaml.safe_load((folder / "datasources" / "prometheus.yaml").read_text("utf-8"))[
        "datasources"
    ]
    [provider] = yaml.safe_load((folder / "dashboards" / "retention.yaml").read_text("utf-8"))[
        "providers"
    ]
    for made in dashboards().values():
        [variable] = made["templating"]["list"]
        assert variable["current"] == {"text": source["name"], "value": source["uid"]}
        assert variable["query"] == source["type"] == "prometheus"
    assert provider["options"]["path"] == "/etc/grafana/dashboards"
    assert "/etc/grafana/dashboards" in (PROJECT / "docs" / "metrics.md").read_text("utf-8")


class _Prometheus:
    """A running one, by its API."""

    def __init__(self, port: int) -> None:
        self._address = f"http://127.0.0.1:{port}"

    def get(self, path: str, **parameters: str) -> Any:
        """What it answers."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        url = f"{self._address}{path}?{urllib.parse.urlencode(parameters)}"
        with opener.open(url, timeout=10) as answer:
            return json.load(answer)["data"]

    def rows(self, expression: str) -> list[Any]:
        """The series of an expression as they are now."""
        data = self.get("/api/v1/query", query=expression)["result"]
        return list(data)

    def wait_for(self, expression: str) -> None:
        """Until the expression has a series; fails after a minute."""
        deadline = monotonic() + 60
        while monotonic() < deadline:
            try:
                if self.rows(expression):
                    return
            except OSError:
                pass
            sleep(0.2)  # there is nothing else to wait for: it asks on its own clock
        pytest.fail(f"{expression} has no series after a minute.")


@contextmanager
def _running(program: Path, target: int, folder: Path) -> Iterator[_Prometheus]:
    """Prometheus with the shipped configuration, asking that port each second."""
    shipped = PROJECT / "docker" / "prometheus"
    configuration = yaml.safe_load((shipped / "prometheus.yaml").read_text(encoding="utf-8"))
    configuration["global"] = {
        "scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s",
    }  # fmt: skip
    configuration["rule_files"] = [str(shipped / "rules.yaml")]
    configuration["scrape_configs"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{target}"]}]
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(configuration), encoding="utf-8")
    port = free_port()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                program, f"--config.file={folder / 'prometheus.yaml'}",
                f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log, stderr=log,
        )  # fmt: skip
        try:
            yield _Prometheus(port)
        finally:
            process.terminate()
            process.wait(30)


def _complete(warehouse: Warehouse) -> None:
    """An alert and a grade by outcomes, so that no panel is rightly empty."""
    with warehouse.transaction() as transaction:
        transaction.execute(
            "INSERT INTO ops.alerts (as_of, kind, subject, severity, sentence, runbook, evidence, "
            "run_id, raised_at) VALUES ('2026-03-01', 'input_drift', 'x', 'warning', 's', 'r', "
            "'{}', 'test', :at)",
            at=clock.now() - timedelta(hours=1),
        )
        for metric, value in (("roc_auc", 0.8), ("roc_auc_minus_recency", 0.1)):
            transaction.execute(
                "INSERT INTO outcomes.performance (as_of, snapshot_id, role, model_version, segment, "
                "metric, value, lower, upper, customers_count, contacted_count, definition_hash, "
                "known_as_of, measured_at) SELECT as_of, snapshot_id, 'champion', model_version, "
                "'all', :metric, :value, :value - 0.05, :value + 0.05, 100, 0, definition_hash, "
                "as_of, :at FROM scores.snapshots ORDER BY as_of DESC LIMIT 1",
                metric=metric,
                value=value,
                at=clock.now(),
            )


@pytest.mark.slow
def test_every_expression_returns_data_from_a_running_prometheus(
    shop: Warehouse, figures_settings: Settings, debian: Path, tmp_path: Path
) -> None:
    program = prometheus.program("prometheus", debian)
    _complete(shop)
    with serving(figures_settings, shop.url) as server:
        assert push(server, otlp_requests.airflow())[0] == 200
        with _running(program, server.server_port, tmp_path) as running:
            # Two looks, so that what is about change has something to compare.
            running.wait_for("count_over_time(airflow_scheduler_heartbeat_total[1m]) >= 3")
            counts = {
                expression: len(running.rows(expression))
                for panel in PANELS
                for expression in panel.queries.values()
            }
            running.wait_for('ALERTS{alertname="RetentionRunsFailed", alertstate="firing"}')
            figures = values(ask(server)[1])
            for name in ("retention_rows_read_total", "retention_scores_customers"):
                rows = running.rows(name)
                assert len(rows) == sum(series.startswith(f"{name}{{") for series in figures) > 2
            assert running.rows('min(up{job="retention"})')[0]["value"][1] == "1"
    assert len(counts) >= 25
    assert not [expression for expression, count in counts.items() if count == 0]
