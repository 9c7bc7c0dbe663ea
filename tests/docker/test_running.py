"""The containers themselves: built from the lock, started, used by a shop, killed, stopped, started again.

`make containers` runs this. Nothing comes from a container registry; a part that cannot be had is a
failure that names it.
"""

import base64
import hashlib
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from retention_ml.maintenance.invariants import violations
from retention_ml.settings import PROJECT
from retention_ml.simulate import simulate
from retention_ml.stack import demo
from retention_ml.warehouse import Warehouse
from tests.docker import engine as engines
from tests.docker import platform as platforms
from tests.docker import stand_ins
from tests.docker.platform import LASTING, Platform

FOLDER = os.environ.get("RETENTION_CONTAINERS")
pytestmark = pytest.mark.skipif(not FOLDER, reason="make containers")

_IMAGE = "retention-ml:local"
_IMAGE_BYTES_MAX = 1_650_000_000
_FIRST_DAY = date(2024, 1, 1)
_SHOP_DAYS = 430
_DAY = _FIRST_DAY + timedelta(days=_SHOP_DAYS)
_KILLED = ("postgres", "mlflow", "api-server", "scheduler", "dag-processor", "triggerer")
_QUICK = {
    "RETENTION_TRAINING__CANDIDATES": "recency,rfm_logistic",
    "RETENTION_TRAINING__TUNING_TRIALS": "1",
    "RETENTION_TRAINING__BOOTSTRAP_DRAWS": "100",
    "RETENTION_READINESS__CUSTOMERS_MIN": "50",
}
# Without what says when and by which run.
_RISK = (
    "SELECT customer_id, as_of, churn_probability, risk_percentile, risk_tier, tier_since, "
    "expected_value_at_risk, reason_1_code, reason_1, reason_2_code, reason_2, reason_3_code, reason_3, "
    "model_name, arm, no_order_probability_7d, no_order_probability_30d, no_order_probability_90d, "
    "next_order_expected_on, is_calibrated, is_forecast "
    "FROM reports.customer_risk ORDER BY customer_id"
)
_RECEIPTS = (
    "SELECT door, read_count, written_count + quarantined_count + left_out_count + duplicate_count "
    "AS outcomes FROM ops.receipts"
)
_PATIENCE_SECONDS = 900.0


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    folder = Path(str(FOLDER)).resolve()
    with engines.running(folder / "engine") as engine:
        started = time.monotonic()
        program = stand_ins.make(engine, folder / "stand_ins")
        platform = platforms.prepare(engine, program, folder, _QUICK)
        platform.note("bases", time.monotonic() - started)
        try:
            yield platform
        finally:
            platform.compose("down", "--volumes", "--timeout", "10", check=False)


@pytest.fixture(scope="module")
def built(platform: Platform) -> Platform:
    platform.timed("image", "build", "scheduler")
    return platform


@pytest.fixture(scope="module")
def up(built: Platform) -> Platform:
    hashed = built.engine.docker(
        "run", "--rm", "--network", "none", stand_ins.IMAGES["CADDY_IMAGE"],
        "caddy", "hash-password", "--plaintext", "dummy-people",
    )  # fmt: skip
    (built.folder / "secrets" / "mlflow_login").write_text(f"people {hashed.strip()}\n", "utf-8")
    (built.folder / "secrets" / "mlflow_login").chmod(0o444)
    built.timed("up", "up", "--detach", "--no-build", "--wait")
    return built


def _wait(what: Callable[[], bool], patience: float = _PATIENCE_SECONDS) -> float:
    """Seconds until it is so."""
    started = time.monotonic()
    while not what():
        assert time.monotonic() - started < patience
        time.sleep(0.5)
    return time.monotonic() - started


def _digest(warehouse: Warehouse) -> str:
    rows = warehouse.read(_RISK).to_pylist()
    assert len(rows) > 50
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def test_the_image_is_small_enough_and_carries_no_secret(built: Platform) -> None:
    [image] = json.loads(built.engine.docker("inspect", _IMAGE))
    assert image["Size"] <= _IMAGE_BYTES_MAX
    assert image["Config"]["User"] == "10001:10001"
    history = built.engine.docker("history", "--no-trunc", _IMAGE)
    for path in (built.folder / "secrets").iterdir():
        assert path.read_text("utf-8") not in history + json.dumps(image), path.name


def test_the_image_runs_on_a_root_that_nobody_may_write(built: Platform) -> None:
    printed = built.engine.docker(
        "run", "--rm", "--read-only", "--cap-drop", "ALL", "--network", "none", _IMAGE,
        "retention", "--help",
    )  # fmt: skip
    assert "Usage: retention" in printed


def test_a_container_without_its_secret_ends_at_once_and_names_it(built: Platform) -> None:
    printed = built.engine.docker(
        "run", "--rm", "--network", "none",
        "--env", "MLFLOW_BACKEND_STORE_URI_FILE=/run/secrets/mlflow_database_url", _IMAGE,
        "mlflow", "server", check=False,
    )  # fmt: skip
    assert "The secret file /run/secrets/mlflow_database_url is missing" in printed


def test_everything_comes_up_healthy(up: Platform) -> None:
    assert up.health() == dict.fromkeys(sorted(LASTING), "healthy")
    assert up.inspected("prepare")["State"]["ExitCode"] == 0


def test_no_secret_is_shown_by_the_engine(up: Platform) -> None:
    shown = "".join(json.dumps(up.inspected(name)) for name in (*LASTING, "prepare"))
    for path in (up.folder / "secrets").iterdir():
        assert path.read_text("utf-8").strip() not in shown, path.name


def test_every_process_is_nobody_special_without_a_capability(up: Platform) -> None:
    for name in sorted(LASTING):
        container = up.inspected(name)
        assert container["HostConfig"]["ReadonlyRootfs"] is True, name
        pids = up.engine.docker("top", f"retention-{name}-1", "-eo", "pid").split()[1:]
        assert pids, name
        for pid in pids:
            status = dict(
                line.split(":\t", 1)
                for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
                if ":\t" in line
            )
            user = "999" if name == "postgres" else "10001"
            assert set(status["Uid"].split()) == {user}, (name, status["Name"])
            for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                assert int(status[kind], 16) == 0, (name, kind)
            assert int(status["CapBnd"], 16) == (1 << 10 if name == "caddy" else 0), name
            assert status["NoNewPrivs"] == "1", name


def test_a_root_cannot_be_written(up: Platform) -> None:
    for name in sorted(LASTING):
        printed = up.inside(name, "touch", "/usr/x", check=False)
        assert "Read-only file system" in printed, name


def test_commands_find_their_secrets_in_a_running_container(up: Platform) -> None:
    assert "published days count" in up.inside("scheduler", "retention", "status")
    assert "warehouse" in up.inside("scheduler", "airflow", "pools", "list", "--output", "plain")


def _over_tls(up: Platform, host: str, path: str, login: str | None = None) -> int:
    """The status of an answer, the certificate checked against Caddy's own authority."""
    root = up.inside("caddy", "cat", "/data/caddy/pki/authorities/local/root.crt")
    port = int(up.variables["HTTPS_PORT"])
    raw = socket.create_connection(("127.0.0.1", port), timeout=120)
    secured = ssl.create_default_context(cadata=root).wrap_socket(raw, server_hostname=host)
    connection = http.client.HTTPConnection(host, port)
    connection.sock = secured
    headers = {"Host": host}
    if login:
        headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
    connection.request("GET", path, headers=headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_the_proxy_shows_both_pages_over_tls_and_mlflow_only_with_a_login(up: Platform) -> None:
    assert _over_tls(up, "airflow.localhost", "/api/v2/monitor/health") == 200
    assert _over_tls(up, "mlflow.localhost", "/health") == 401
    assert _over_tls(up, "mlflow.localhost", "/health", "people:wrong") == 401
    assert _over_tls(up, "mlflow.localhost", "/health", "people:dummy-people") == 200


@pytest.fixture(scope="module")
def shop(up: Platform, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A simulated shop, and the names of its files that a delivery brings later."""
    folder = tmp_path_factory.mktemp("shop") / "shop"
    simulate(customers=600, days=_SHOP_DAYS, seed=7, out=folder, first_day=_FIRST_DAY)
    names = sorted(path.name for path in folder.glob("*.csv"))
    later = [name for name in names if name.startswith("events_")][-len(_KILLED) :]
    assert len(later) == len(_KILLED)
    return folder, later


@pytest.fixture(scope="module")
def published(up: Platform, shop: tuple[Path, list[str]]) -> Platform:
    folder, later = shop
    up.engine.docker("cp", str(folder), "retention-scheduler-1:/var/lib/retention/shop")
    files = [
        f"/var/lib/retention/shop/{path.name}"
        for path in sorted(folder.glob("*.csv"))
        if path.name not in later
    ]
    started = time.monotonic()
    conf = {"source": "simulated", "files": files, "history": True}
    up.airflow.start(demo.CHAIN[0], f"test__{_DAY}", _DAY, conf)
    demo.follow(up.airflow, _DAY, lambda _: None)
    up.note("shop", time.monotonic() - started)
    return up


def test_a_shop_goes_through_airflow_and_every_receipt_adds_up(published: Platform) -> None:
    warehouse = published.warehouse()
    receipts = warehouse.read(_RECEIPTS).to_pylist()
    published_days = warehouse.read("SELECT as_of FROM scores.published").to_pylist()
    warehouse.close()
    assert {row["door"] for row in receipts} >= {
        "stage",
        "curate",
        "build",
        "models.select",
        "score",
        "publish",
    }
    assert [row for row in receipts if row["read_count"] != row["outcomes"]] == []
    assert published_days == [{"as_of": _DAY}]


def test_scores_are_those_of_the_local_stack(
    published: Platform, shop: tuple[Path, list[str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, later = shop
    home = tmp_path_factory.mktemp("local") / "home"
    files = [str(path) for path in sorted(folder.glob("*.csv")) if path.name not in later]
    environment = {
        **{name: text for name, text in os.environ.items() if not name.startswith("RETENTION_")},
        **_QUICK,
        "RETENTION_HOME": str(home),
    }
    retention = str(Path(sys.executable).with_name("retention"))
    day = ["--as-of", _DAY.isoformat()]
    try:
        for command in (
            ["ingest", "--source", "simulated", "--history", *files],
            ["build-features", *day],
            ["train", *day],
            ["score", *day],
        ):
            engines.run([retention, *command], environment, wait=1800, folder=PROJECT)
        secrets = json.loads((home / "secrets.json").read_text("utf-8"))
        port = (home / "postgres" / "port").read_text("utf-8")
        local = Warehouse(
            f"postgresql://retention:{secrets['retention']}@127.0.0.1:{port}/retention"
        )
        expected = _digest(local)
        local.close()
    finally:
        subprocess.run([retention, "stack", "down"], env=environment, check=False)
    warehouse = published.warehouse()
    assert _digest(warehouse) == expected
    warehouse.close()


def _asked(up: Platform, query: str) -> list[dict[str, Any]]:
    url = f"{up.url('PROMETHEUS')}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=20) as answer:
        result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return result


def test_prometheus_reads_the_figures_and_what_airflow_pushes(published: Platform) -> None:
    for query in (
        'up{job="retention"} == 1',
        "retention_warehouse_up == 1",
        "min(retention_component_up) == 1",
        "sum(retention_scores_customers) > 0",
        "airflow_scheduler_heartbeat_total > 0",
    ):
        _wait(lambda query=query: bool(_asked(published, query)))  # type: ignore[misc]


def test_a_killed_part_is_back_and_nothing_is_lost_or_doubled(
    published: Platform, shop: tuple[Path, list[str]]
) -> None:
    _, later = shop
    # A delivery each; what follows from it was seen above.
    published.inside("scheduler", "airflow", "dags", "pause", "build_features")
    for number, (service, name) in enumerate(zip(_KILLED, later, strict=True)):
        day = _DAY + timedelta(days=1 + number)
        conf = {
            "source": "simulated",
            "files": [f"/var/lib/retention/shop/{name}"],
            "history": True,
        }
        published.airflow.start(demo.CHAIN[0], f"test__{day}", day, conf)
        _wait(lambda day=day: _tasks(published, day, "running"))  # type: ignore[misc]
        # The process: a container that is killed through the engine counts as stopped by hand.
        before = published.inspected(service)["State"]
        os.kill(before["Pid"], signal.SIGKILL)
        _wait(lambda service=service, before=before: _is_new(published, service, before["Pid"]))  # type: ignore[misc]
        back = _wait(lambda: set(published.health().values()) == {"healthy"})
        published.note(f"back_{service}", back)
        _wait(lambda day=day: _run_state(published, day) in ("success", "failed"))  # type: ignore[misc]
        assert _run_state(published, day) == "success", (service, name)
    warehouse = published.warehouse()
    assert violations(warehouse) == []
    receipts = warehouse.read(_RECEIPTS).to_pylist()
    rows = warehouse.read(
        f"SELECT file_name, status FROM raw.deliveries WHERE file_name IN {tuple(later)}"
    ).to_pylist()
    warehouse.close()
    assert [row for row in receipts if row["read_count"] != row["outcomes"]] == []
    assert sorted(row["file_name"] for row in rows) == sorted(later)
    assert {row["status"] for row in rows} == {"accepted"}


def _is_new(up: Platform, service: str, pid: int) -> bool:
    state = up.inspected(service)["State"]
    return bool(state["Running"] and state["Pid"] != pid)


def _tasks(up: Platform, day: date, state: str) -> bool:
    runs = up.airflow.runs(demo.CHAIN[0], day)
    tasks = up.airflow.tasks(demo.CHAIN[0], runs[-1]["dag_run_id"]) if runs else []
    return any(task["state"] == state and "ingest" in task["task_id"] for task in tasks)


def _run_state(up: Platform, day: date) -> str:
    runs = up.airflow.runs(demo.CHAIN[0], day)
    return str(runs[-1]["state"]) if runs else "none"


def test_a_stop_and_a_second_start_lose_nothing(published: Platform) -> None:
    warehouse = published.warehouse()
    before = (
        _digest(warehouse),
        warehouse.read("SELECT count(*) AS n FROM ops.receipts").to_pylist(),
    )
    warehouse.close()
    published.timed("down", "down")
    published.timed("up_again", "up", "--detach", "--no-build", "--wait")
    warehouse = published.warehouse()
    after = _digest(warehouse), warehouse.read("SELECT count(*) AS n FROM ops.receipts").to_pylist()
    warehouse.close()
    assert after == before
    assert published.inside("scheduler", "ls", "/var/lib/retention/shop")


def test_a_container_whose_secret_is_empty_does_not_start(published: Platform) -> None:
    path = published.folder / "secrets" / "mlflow_database_url"
    text = path.read_text("utf-8")
    try:
        path.unlink()
        path.touch(0o444)
        published.compose("up", "--detach", "--no-build", "--no-deps", "--force-recreate", "mlflow")
        words = "The secret file /run/secrets/mlflow_database_url is missing, empty"
        _wait(lambda: words in published.compose("logs", "mlflow"), 60)
    finally:
        path.unlink()
        path.write_text(text, "utf-8")
        path.chmod(0o444)
