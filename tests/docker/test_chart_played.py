"""Pods of the chart, played by podman with the image that `make containers` has built.

Podman 4.3 plays Deployments, ConfigMaps and claims. It knows no Jobs and no Services, and does not decode a
Secret's files: the Job is played as a pod, the network is the machine's, and secrets are a folder.
"""

import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from retention_ml.schema.migrate import missing_migrations
from retention_ml.stack.postgres import EmbeddedPostgres, free_port
from retention_ml.warehouse import Warehouse
from tests.docker import engine as engines
from tests.docker.compose_file import DOCKER
from tests.docker.kubernetes import Kubernetes, objects
from tests.docker.podman import Podman, podman

FOLDER = os.environ.get("RETENTION_CONTAINERS")
pytestmark = pytest.mark.skipif(not FOLDER, reason="make containers")

_IMAGE = "retention-ml:local"
_PATIENCE_SECONDS = 300.0


class Played:
    """The objects of the chart, fitted to podman, and the database that its secrets name."""

    def __init__(self, program: Podman, server: EmbeddedPostgres, secrets: Path) -> None:
        self.podman, self.server, self._secrets = program, server, secrets
        self.mlflow_port = free_port()
        rendered = Kubernetes(Path(str(FOLDER)).resolve() / "kubernetes").render(
            "--set", f"environment.MLFLOW_TRACKING_URI=http://127.0.0.1:{self.mlflow_port}"
        )
        self.objects = objects(rendered)
        self.seconds: dict[str, float] = {}

    def play(self, *names: tuple[str, str]) -> None:
        """Start objects of these kinds and names."""
        self.podman.play(names[-1][1], [self._fitted(self.objects[name]) for name in names])

    def _fitted(self, of: dict[str, Any]) -> dict[str, Any]:
        of = deepcopy(of)
        if of["kind"] not in ("Deployment", "Job"):
            return of
        template = of["spec"]["template"]
        pod = template["spec"]
        pod["hostNetwork"] = True
        for container in pod["containers"]:
            container.pop("ports", None)
            container["args"] = [
                argument.replace("--host=0.0.0.0", "--host=127.0.0.1").replace(
                    "--port=5000", f"--port={self.mlflow_port}"
                )
                for argument in container["args"]
            ]
        for volume in pod["volumes"]:
            if secret := volume.pop("secret", None):
                volume["hostPath"] = {"path": self._folder(secret), "type": "Directory"}
        if of["kind"] == "Job":
            metadata = {**template["metadata"], "name": of["metadata"]["name"]}
            return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod}
        return of

    def _folder(self, secret: dict[str, Any]) -> str:
        """A folder with those keys alone that a pod may see."""
        folder = self._secrets.with_name(f"{secret['secretName']}-{len(secret['items'])}")
        folder.mkdir(exist_ok=True)
        for item in secret["items"]:
            path = folder / item["path"]
            path.write_text((self._secrets / item["key"]).read_text("utf-8"), "utf-8")
            path.chmod(0o444)
        folder.chmod(0o755)
        return str(folder)

    def wait(self, name: str, is_so: Callable[[], bool]) -> None:
        """Until it is so; how long that took is noted beside what `make containers` measured."""
        started = time.monotonic()
        while not is_so():
            assert time.monotonic() - started < _PATIENCE_SECONDS, self.podman.logs()
            time.sleep(0.3)
        self.seconds[name] = round(time.monotonic() - started, 1)
        path = Path(str(FOLDER)) / "measured.json"
        document = json.loads(path.read_text("utf-8")) if path.exists() else {"seconds": {}}
        document["seconds"] |= self.seconds
        path.write_text(json.dumps(document | {"load": os.getloadavg()[1]}, indent=2), "utf-8")

    def ended(self, container: str) -> bool:
        """Whether a container has ended; AssertionError with what it printed if not well."""
        state = json.loads(self.podman.run("inspect", "--format", "{{json .State}}", container))
        assert not state["ExitCode"], self.podman.logs()
        return bool(state["Status"] == "exited")

    def read(self, database: str, sql: str) -> list[dict[str, Any]]:
        """Rows of one of the three databases."""
        with closing(Warehouse(self.server.url(database))) as warehouse:
            return warehouse.read(sql).to_pylist()


@pytest.fixture(scope="module")
def image() -> Iterator[Path]:
    """The image as an archive."""
    folder = Path(str(FOLDER)).resolve()
    path = folder / "image.tar"
    with engines.running(folder / "engine") as engine:
        assert engine.docker("images", "--quiet", _IMAGE), (
            f"There is no image {_IMAGE}; tests/docker/test_running.py builds it, run both."
        )
        engine.docker("save", "--output", str(path), _IMAGE)
    yield path
    path.unlink()


@pytest.fixture(scope="module")
def played(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    folder = tmp_path_factory.mktemp("played")
    secrets = folder / "secrets"
    subprocess.run(["sh", str(DOCKER / "make_secrets.sh"), str(secrets)], check=True)
    server = EmbeddedPostgres(folder / "server")
    server.start()
    try:
        with closing(Warehouse(server.url())) as admin, admin.engine.connect() as connection:
            single = connection.execution_options(isolation_level="AUTOCOMMIT")
            for name in ("retention", "airflow", "mlflow"):
                single.exec_driver_sql(f"CREATE DATABASE {name}")
        for key, database, driver in (
            ("retention_warehouse_url", "retention", "postgresql"),
            ("airflow_database_url", "airflow", "postgresql+psycopg2"),
            ("airflow_database_url_async", "airflow", "postgresql+asyncpg"),
            ("mlflow_database_url", "mlflow", "postgresql+psycopg2"),
        ):
            (secrets / key).chmod(0o644)
            url = server.url(database)
            (secrets / key).write_text(f"{driver}{url[url.index(':') :]}", "utf-8")
        with podman(Path(str(FOLDER)).resolve() / "podman") as program:
            program.run("load", "--input", str(image), wait=600)
            yield Played(program, server, secrets)
    finally:
        server.stop("immediate")


def test_mlflow_answers(played: Played) -> None:
    played.play(
        ("PersistentVolumeClaim", "retention-artifacts"), ("Deployment", "retention-mlflow")
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def answers() -> bool:
        try:
            with opener.open(f"http://127.0.0.1:{played.mlflow_port}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    played.wait("played_mlflow", answers)
    assert played.read("mlflow", "SELECT count(*) AS n FROM experiments") == [{"n": 1}]


def test_the_scheduler_waits_for_prepare_and_has_a_heartbeat(played: Played) -> None:
    [job] = [key for key in played.objects if key[0] == "Job"]
    environment = ("ConfigMap", "retention-environment")
    played.play(("PersistentVolumeClaim", "retention-home"), environment, job)
    played.wait("played_prepare", lambda: played.ended(f"{job[1]}-prepare"))
    with closing(Warehouse(played.server.url("retention"))) as warehouse:
        assert missing_migrations(warehouse) == []
    played.play(environment, ("Deployment", "retention-scheduler"))

    def beats() -> bool:
        rows = played.read(
            "airflow",
            "SELECT count(*) AS n FROM job WHERE job_type = 'SchedulerJob' AND state = 'running' "
            "AND latest_heartbeat > start_date",
        )
        return bool(rows[0]["n"])

    played.wait("played_scheduler", beats)
    inspected = played.podman.run("inspect", "retention-scheduler-pod-0-scheduler")
    [container] = json.loads(inspected)
    assert container["Config"]["User"].startswith("10001")
    assert container["HostConfig"]["ReadonlyRootfs"] is True
    assert not container["EffectiveCaps"]
