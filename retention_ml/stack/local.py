"""The local stack: Postgres, MLflow and Airflow on this machine, up, down and how they are.

`up` is safe to repeat: what runs is left alone, what died is started again.
"""

import fcntl
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from retention_ml import atomic_files, clock
from retention_ml.errors import StackError
from retention_ml.limits import of_sessions
from retention_ml.schema.migrate import migrate
from retention_ml.settings import Settings
from retention_ml.stack import components, databases, environment, keys, mlflow_login
from retention_ml.stack.airflow_api import AirflowApi
from retention_ml.stack.backups.wal import archiving
from retention_ml.stack.environment import Ports
from retention_ml.stack.processes import run_to_end
from retention_ml.stack.superset import server as superset
from retention_ml.warehouse import Warehouse

POOLS = {"warehouse": (2, "tasks that write to the warehouse at the same time")}
ACTIONS_DEMO = Path("demo") / "actions"
"""The home of the demonstration of actions, below that of the platform: it has its own Postgres."""
_PATIENCE_SECONDS = 180.0

Say = Callable[[str], None]


def _silent(_: str) -> None:
    return None


def up(settings: Settings, say: Say = _silent) -> list[dict[str, object]]:
    """Start what does not run, wait until all of it answers, and say how it is.

    Parameters
    ----------
    settings : Settings
    say : callable of str
        Told one sentence per step, for a person who waits.

    Raises
    ------
    StackError
        A part ended or did not answer in time; the message ends with its last log lines.
    """
    home = settings.home
    if sentence := new_home(settings):
        say(sentence)
    _make(home)
    for folder in ("run", "logs", "airflow", "mlflow/artifacts", "inbox"):
        atomic_files.make_folder(home / folder)
    for source in sorted(settings.sources.glob("*.toml")):
        atomic_files.make_folder(home / "inbox" / source.stem)

    start_postgres(settings)
    say(f"postgres answers on port {databases.server(home).port}")
    at = _ports(settings)
    mlflow_login.prepare(settings)
    if components.component(settings, "mlflow", at).start():
        say("mlflow is starting")
    url = settings.warehouse_url or databases.address(home, "retention")
    with closing(Warehouse(url, **of_sessions(settings))) as warehouse:
        applied = migrate(warehouse)
    say(f"the warehouse is up to date ({len(applied)} migrations applied)")
    _prepare_airflow(settings, at, say)
    names = components.names(settings)
    for name in names[1:]:
        if components.component(settings, name, at).start():
            say(f"{name} is starting")
    _wait(settings, at, names, say)
    # By a request: a command of Airflow would first import all of it. Tasks wait for their pool.
    _api(settings, at).make_pools(POOLS)
    return status(settings)


def down(settings: Settings, say: Say = _silent) -> list[dict[str, object]]:
    """Stop everything `up` started, also what a crash left behind, and say how it is.

    Raises
    ------
    StackError
        If something cannot be stopped.
    """
    parts = [
        components.component(settings, name) for name in (*components.NAMES, *components.OPTIONAL)
    ]
    parts.append(superset.component(settings))
    names = [part.name for part in parts]
    with ThreadPoolExecutor(len(names)) as pool:
        ended = pool.map(lambda part: part.stop(), parts)
        stopped = [name for name, pids in zip(names, ended, strict=True) if pids]
    for home, name in ((settings.home, "postgres"), (settings.home / ACTIONS_DEMO, "demo-actions")):
        server = databases.server(home)
        if server.is_running():
            server.stop()
            stopped.append(name)
    for name in stopped:
        say(f"{name} is stopped")
    return status(settings)


def new_home(settings: Settings) -> str | None:
    """The sentence that a home is about to be made; None where there is one."""
    server = databases.server(settings.home)
    is_there = settings.home.exists() if settings.warehouse_url else server.is_created
    return None if is_there else f"A new home is made in {settings.home} (RETENTION_HOME)."


def status(settings: Settings) -> list[dict[str, object]]:
    """How every part is right now; starts nothing.

    Each part has `name`, `state` (stopped, starting, healthy, or without postgres: it runs, and
    can do nothing), `pid` and `address`. Superset is a part only while it runs.
    """
    server = databases.server(settings.home)
    is_running = server.is_running()
    at = environment.remembered_ports(settings.home)
    healthy = components.healthy(settings, at) if at else set()
    parts: list[dict[str, object]] = [
        {
            "name": "postgres",
            "state": "healthy" if is_running else "stopped",
            "pid": server.pid if is_running else None,
            "address": f"127.0.0.1:{server.port}" if is_running else None,
        }
    ]
    urls = {"mlflow": at.mlflow_url, "api-server": at.airflow_url} if at else {}
    urls[components.METRICS] = environment.metrics_url(settings)
    urls[components.LIVE] = environment.live_url(settings)
    for name in components.names(settings):
        pid = components.component(settings, name).pid()
        runs = "healthy" if name in healthy else "starting" if is_running else "without postgres"
        state = "stopped" if pid is None else runs
        address = urls.get(name) if pid is not None else None
        parts.append({"name": name, "state": state, "pid": pid, "address": address})
    if optional := superset.status(settings):
        parts.append(optional)
    return parts


def addresses(settings: Settings) -> dict[str, object]:
    """What a person needs to look at the platform; what does not run has None.

    `airflow_password`, `bi_dsn` and `ds_dsn` are secrets: show them to whoever started the stack, never
    log them.
    """
    home = settings.home
    at = environment.remembered_ports(home)
    has_secrets = (home / "secrets.json").exists()
    running = components.running(settings)
    has_reader = (
        settings.warehouse_url is None and has_secrets and databases.server(home).is_running()
    )
    return {
        "home": str(home),
        "airflow_url": at.airflow_url if at and "api-server" in running else None,
        "airflow_user": "admin" if has_secrets else None,
        "airflow_password": keys.load(home)["airflow_admin"] if has_secrets else None,
        "mlflow_url": settings.tracking_uri
        or (at.mlflow_url if at and "mlflow" in running else None),
        **_mlflow_login(settings),
        **{
            name: databases.address(home, role, "retention") if has_reader else None
            for name, role in (("bi_dsn", databases.READER), ("ds_dsn", databases.SCIENTIST))
        },
        "inbox": str(home / "inbox"),
    }


def _mlflow_login(settings: Settings) -> dict[str, object]:
    login = mlflow_login.client_variables(settings)
    return (
        {
            "mlflow_user": login["MLFLOW_TRACKING_USERNAME"],
            "mlflow_password": login["MLFLOW_TRACKING_PASSWORD"],
        }
        if login
        else {}
    )


def failed_runs(settings: Settings, *, days: int = 7) -> dict[str, str]:
    """Runs that failed in the last days and were not made good since, newest first.

    By DAG and day, with the time of the failure; empty where Airflow does not run here. Where it
    does not answer, that is said instead.
    """
    at = environment.remembered_ports(settings.home)
    if at is None or "api-server" not in components.running(settings):
        return {}
    api = _api(settings, at)
    shown: dict[str, str] = {}
    try:
        for run in api.failed_runs(clock.now() - timedelta(days=days)):
            day = run.get("partition_key")
            name = f"{run['dag_id']} {day or run['dag_run_id']}"
            if name not in shown and not (day and _is_made_good(api, run, str(day))):
                shown[name] = f"failed {run.get('end_date') or run['run_after']}"
    except StackError as error:
        return {"Airflow": str(error)}
    return shown


def _api(settings: Settings, at: Ports) -> AirflowApi:
    return AirflowApi(at.airflow_url, "admin", _passwords(settings.home)["admin"])


def _is_made_good(api: AirflowApi, failed: Mapping[str, Any], day: str) -> bool:
    """Whether a later run of the DAG for the day succeeded."""
    return any(
        run["state"] == "success" and str(run["run_after"]) > str(failed["run_after"])
        for run in api.runs(str(failed["dag_id"]), date.fromisoformat(day))
    )


def standstill(settings: Settings) -> str | None:
    """The sentence that no day runs by itself, because a part of Airflow is missing that would.

    None where it runs, and where Airflow is not that of the local stack.
    """
    running = components.running(settings)
    stopped = [name for name in components.DRIVING if name not in running]
    is_elsewhere = settings.warehouse_url and not environment.remembered_ports(settings.home)
    if is_elsewhere or not stopped:
        return None
    verb = "does" if len(stopped) == 1 else "do"
    return (
        f"No day will run by itself: {' and '.join(stopped)} {verb} not run. Start with `make up`."
    )


def start_postgres(settings: Settings) -> None:
    """Start the embedded server with its roles and databases; nothing if it runs.

    Commands that come at the same moment wait for the first of them.
    """
    _make(settings.home)
    with (settings.home / "postgres.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        databases.server(settings.home).start(*archiving(settings))
        databases.prepare(settings.home)


def _make(home: Path) -> None:
    """Make the home where there is none, for its owner alone: it holds deliveries and secrets."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)


def start_mlflow(settings: Settings) -> str:
    """Start MLflow alone, with Postgres, and wait for it; its address."""
    at = environment.remembered_ports(settings.home)
    if at and "mlflow" in components.healthy(settings, at):
        return at.mlflow_url
    start_postgres(settings)
    atomic_files.make_folder(settings.home / "mlflow" / "artifacts")
    at = _ports(settings)
    mlflow_login.prepare(settings)
    components.component(settings, "mlflow", at).start()
    _wait(settings, at, ("mlflow",), _silent)
    return at.mlflow_url


def _ports(settings: Settings) -> Ports:
    """Ports for this start; parts of Airflow that use other ones are stopped first."""
    before = environment.remembered_ports(settings.home)
    running = {name.replace("api-server", "airflow") for name in components.running(settings)}
    at = environment.ports(settings.home, running)
    if before and before != at:
        for name in (*components.AIRFLOW, *components.OPTIONAL):
            components.component(settings, name).stop()
    return at


def _prepare_airflow(settings: Settings, at: Ports, say: Say) -> None:
    """Airflow's logins and database; the latter once per version of Airflow."""
    home = settings.home
    _write_passwords(home)
    done = home / "airflow" / f"migrated-{version('apache-airflow-core')}"
    if done.exists():
        return
    say("airflow's own database is being prepared")
    run_to_end(
        "`airflow db migrate`",
        [sys.executable, "-m", "airflow", "db", "migrate"],
        environment=environment.build(settings, at),
        folder=home,
        log=home / "logs" / "airflow-prepare.log",
    )
    done.touch()


def _write_passwords(home: Path) -> None:
    """The passwords of Airflow's logins; one that a person has changed is kept."""
    path, passwords = home / "airflow" / "passwords.json", _passwords(home)
    if not path.exists() or json.loads(path.read_text("utf-8")) != passwords:
        atomic_files.write_text(path, json.dumps(passwords), mode=0o600)


def _passwords(home: Path) -> dict[str, str]:
    """The password of each login of Airflow: as a person has set it, else as it was made."""
    path, secrets = home / "airflow" / "passwords.json", keys.load(home)
    stored: dict[str, str] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return {name: secrets[key] for name, key in keys.LOGINS.items()} | stored


def _wait(settings: Settings, at: Ports, names: Sequence[str], say: Say) -> None:
    """Until all of `names` answer; refuses at once when one of them has ended."""
    started = time.monotonic()
    waiting = list(names)
    while True:
        healthy = components.healthy(settings, at)
        for name in [each for each in waiting if each in healthy]:
            waiting.remove(name)
            say(f"{name} answers after {time.monotonic() - started:.0f} s")
        if not waiting:
            return
        ended = [each for each in waiting if components.component(settings, each).pid() is None]
        if ended or time.monotonic() - started > _PATIENCE_SECONDS:
            what = (
                f"{ended[0]} ended while the stack was starting."
                if ended
                else f"{', '.join(waiting)} did not answer within {_PATIENCE_SECONDS:.0f} s."
            )
            part = components.component(settings, (ended or waiting)[0])
            raise StackError(
                f"{what} {part.last_words()}\nCorrect what it names (`retention doctor` may know "
                "more), then run `retention stack up` again."
            )
        time.sleep(0.25)
