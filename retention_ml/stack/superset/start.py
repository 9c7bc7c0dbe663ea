"""Starts Superset with the dashboards of `docker/superset`. Safe to repeat."""

import time
from collections.abc import Callable

from retention_ml.errors import StackError, UsageError
from retention_ml.settings import Settings
from retention_ml.stack import components, databases, keys
from retention_ml.stack.processes import run_to_end
from retention_ml.stack.superset import server

DASHBOARDS = {
    "retention": "Retention",
    "model-health": "Model health",
    "pipeline-health": "Pipeline health",
}
"""By the end of their address, as the files in `docker/superset/assets/dashboards` say."""
_PATIENCE_SECONDS = 180.0

Say = Callable[[str], None]


def require(settings: Settings) -> None:
    """Check that Superset is installed, and that its reader's address is known.

    Raises
    ------
    UsageError
        It is not, or the warehouse is a Postgres of the shop's own.
    """
    if not (server.ENVIRONMENT / ".installed").exists():
        raise UsageError(
            f"Superset is not installed in {server.ENVIRONMENT}. Run `make superset`, which makes "
            "that environment and then starts it."
        )
    if settings.warehouse_url is not None:
        raise UsageError(
            "RETENTION_WAREHOUSE_URL is set, and Superset is started beside the embedded warehouse "
            "only. Import the dashboards into a Superset of yours: docs/superset.md."
        )


def start(settings: Settings, say: Say) -> dict[str, object]:
    """Bring database, login and dashboards up to date, start the server, wait until it answers.

    Parameters
    ----------
    settings : Settings
        Of a home whose Postgres runs with a migrated warehouse.
    say : callable of str
        Told one sentence per step, for a person who waits.

    Returns
    -------
    dict
        `url`, `user`, `password`, one address per dashboard, seconds and memory taken. The
        password is a secret: show it to whoever started it, never log it.

    Raises
    ------
    UsageError
        It is not installed, or the warehouse is a Postgres of the shop's own.
    StackError
        It ended or did not answer in time; the message ends with its last log lines.
    """
    require(settings)
    began = time.monotonic()
    home = settings.home
    for folder in ("run", "logs", "superset"):
        (home / folder).mkdir(parents=True, exist_ok=True)
    databases.add(home, server.NAME)
    say("superset's database, login and dashboards are being brought up to date")
    _prepare(settings)
    prepared = time.monotonic() - began
    say(f"they are, after {prepared:.0f} s")
    is_running = server.component(settings).pid() is not None
    port = server.port(home, is_running=is_running)
    if server.component(settings, port).start():
        say("superset is starting")
    pid = _wait(settings, port)
    seconds = time.monotonic() - began
    say(f"superset answers after {seconds:.0f} s")
    return {
        "url": server.url(port),
        "user": server.USER,
        "password": keys.load(home)["superset_admin"],
        **{
            title: f"{server.url(port)}/superset/dashboard/{slug}/"
            for slug, title in DASHBOARDS.items()
        },
        "seconds": round(seconds, 1),
        "memory_megabytes": server.memory_megabytes(pid),
    }


def _prepare(settings: Settings) -> None:
    run_to_end(
        "The preparation of Superset",
        [str(server.ENVIRONMENT / "bin" / "python"), str(server.FOLDER / "prepare.py")],
        environment=server.variables(settings),
        folder=settings.home,
        log=settings.home / "logs" / "superset-prepare.log",
    )


def _wait(settings: Settings, port: int) -> int:
    """Its process id, once it answers; refuses at once when it has ended."""
    started = time.monotonic()
    part = server.component(settings)
    while not components.answers(f"{server.url(port)}/health"):
        is_late = time.monotonic() - started > _PATIENCE_SECONDS
        if is_late or part.pid() is None:
            what = f"did not answer within {_PATIENCE_SECONDS:.0f} s" if is_late else "ended"
            raise StackError(
                f"superset {what}. {part.last_words()}\n"
                "Correct what it names, then run `make superset` again."
            )
        time.sleep(0.25)
    pid = part.pid()
    if pid is None:
        raise StackError(
            f"Something else answers on port {port}, and superset has ended. {part.last_words()}\n"
            "Run `make superset` again: another port is taken then."
        )
    return pid
