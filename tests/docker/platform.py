"""docker/compose.yaml, started by the tests' own engine with stand-in images and small settings."""

import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from retention_ml.stack.airflow_api import AirflowApi
from retention_ml.stack.postgres import free_port
from retention_ml.warehouse import Warehouse
from tests.docker.compose_file import ALWAYS, DOCKER, OPTIONAL
from tests.docker.engine import Engine, run
from tests.docker.stand_ins import IMAGES

PROFILES = ["--profile", "metrics", "--profile", "tls"]
_PORTS = (
    "POSTGRES_PORT",
    "MLFLOW_PORT",
    "AIRFLOW_PORT",
    "PROMETHEUS_PORT",
    "HTTP_PORT",
    "HTTPS_PORT",
)
LASTING = (ALWAYS | set(OPTIONAL)) - {"prepare"}


@dataclass
class Platform:
    """The containers, with what tests ask of them."""

    engine: Engine
    program: Path
    folder: Path
    variables: dict[str, str]
    seconds: dict[str, float] = field(default_factory=dict)

    def compose(self, *arguments: str, check: bool = True, wait: float = 1800) -> str:
        """What Docker Compose prints."""
        command = [str(self.program), "--file", str(DOCKER / "compose.yaml")]
        command += ["--file", str(self.folder / "small.yaml"), *PROFILES, *arguments]
        environment = {**self.engine.environment, **self.variables}
        return run(command, environment, check=check, wait=wait)

    def timed(self, name: str, *arguments: str) -> str:
        """The same, with how long it took noted under the name."""
        started = time.monotonic()
        printed = self.compose(*arguments)
        self.note(name, time.monotonic() - started)
        return printed

    def note(self, name: str, seconds: float) -> None:
        """Keep a measured time, with the load of the machine, in measured.json."""
        self.seconds[name] = round(seconds, 1)
        document = {"seconds": self.seconds, "load": os.getloadavg()[1]}
        (self.folder / "measured.json").write_text(json.dumps(document, indent=2), "utf-8")

    def secret(self, name: str) -> str:
        """A secret's text."""
        return (self.folder / "secrets" / name).read_text(encoding="utf-8")

    def inside(self, service: str, *command: str, check: bool = True) -> str:
        """What a command prints in a running container."""
        return self.engine.docker("exec", f"retention-{service}-1", *command, check=check)

    def inspected(self, service: str) -> dict[str, Any]:
        """What the engine knows of a container."""
        [document] = json.loads(self.engine.docker("inspect", f"retention-{service}-1"))
        assert isinstance(document, dict)
        return document

    def health(self) -> dict[str, str]:
        """How each lasting container is; its probe's word where it runs."""
        states = {name: self.inspected(name)["State"] for name in sorted(LASTING)}
        return {
            name: state["Health"]["Status"] if state["Running"] else state["Status"]
            for name, state in states.items()
        }

    def url(self, name: str) -> str:
        """The address of a published port."""
        return f"http://127.0.0.1:{self.variables[f'{name}_PORT']}"

    @cached_property
    def airflow(self) -> AirflowApi:
        """Airflow's REST API, as its administrator."""
        return AirflowApi(self.url("AIRFLOW"), "admin", self.secret("airflow_admin_password"))

    def warehouse(self) -> Warehouse:
        """A session with the warehouse from outside, by its published port."""
        port = self.variables["POSTGRES_PORT"]
        url = self.secret("retention_warehouse_url").replace("@postgres:5432", f"@127.0.0.1:{port}")
        return Warehouse(url)


def prepare(engine: Engine, program: Path, folder: Path, settings: dict[str, str]) -> Platform:
    """The platform with new secrets, free ports and those settings; nothing runs yet."""
    shutil.rmtree(folder / "secrets", ignore_errors=True)
    subprocess.run(["sh", str(DOCKER / "make_secrets.sh"), str(folder / "secrets")], check=True)
    small = {
        name: {"environment": settings, "build": {"network": "host"}}
        for name in sorted((ALWAYS | {"metrics"}) - {"postgres", "mlflow"})
    }
    document = {"services": {**small, "mlflow": {"build": {"network": "host"}}}}
    # JSON is YAML.
    (folder / "small.yaml").write_text(json.dumps(document), encoding="utf-8")
    variables = {name: str(free_port()) for name in _PORTS}
    variables |= {**IMAGES, "SECRETS_FOLDER": str(folder / "secrets"), "METRICS": "True"}
    return Platform(engine, program, folder, variables)
