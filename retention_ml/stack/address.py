"""Where the warehouse and the model registry of some settings are; both are started if need be."""

from collections.abc import Callable

from retention_ml.errors import StackError, UsageError
from retention_ml.limits import of_sessions
from retention_ml.schema.migrate import migrate
from retention_ml.settings import Settings
from retention_ml.stack import databases, environment, local, mlflow_login
from retention_ml.warehouse import Warehouse


def require_warehouse(settings: Settings) -> None:
    """Check that there is a warehouse, without making one.

    Raises
    ------
    UsageError
        The embedded one of `settings.home` was never made.
    """
    if settings.warehouse_url is None and not databases.server(settings.home).is_created:
        raise UsageError(
            f"There is no warehouse in {settings.home}, and this command makes none. Change to the "
            "folder in which it was made, or set RETENTION_HOME to that warehouse's folder. To "
            "begin a new one there: `retention ingest` or `retention stack up`."
        )


def warehouse(settings: Settings) -> Warehouse:
    """The migrated warehouse: `settings.warehouse_url`, else the embedded one of `settings.home`.

    Raises
    ------
    StackError
        The embedded server cannot be started.
    WarehouseError
        The given one does not answer.
    """
    url = settings.warehouse_url
    if url is None:
        try:
            local.start_postgres(settings)
        except OSError as error:
            raise StackError(
                f"The embedded Postgres cannot keep its files in {settings.home}: {error}. "
                "Make that folder writable, set RETENTION_HOME to another one, or set "
                "RETENTION_WAREHOUSE_URL to a Postgres of yours."
            ) from error
        url = databases.address(settings.home, "retention")
    opened = Warehouse(url, **of_sessions(settings))
    migrate(opened)
    return opened


def now(settings: Settings) -> dict[str, Callable[[], str | None]]:
    """What says where `warehouse`, `mlflow` and `airflow` are at a moment, without starting them.

    None where there is none, or for MLflow none to ask over HTTP.
    """

    def warehouse() -> str | None:
        is_local = settings.warehouse_url is None and databases.server(settings.home).is_created
        return databases.address(settings.home, "retention") if is_local else settings.warehouse_url

    def mlflow() -> str | None:
        at = environment.remembered_ports(settings.home)
        url = settings.tracking_uri or (at.mlflow_url if at else None)
        return url if url and url.startswith("http") else None

    def airflow() -> str | None:
        at = environment.remembered_ports(settings.home)
        return settings.metrics.airflow_url or (at.airflow_url if at else None)

    return {"warehouse": warehouse, "mlflow": mlflow, "airflow": airflow}


def complete(settings: Settings) -> Settings:
    """The settings with the registry's address: theirs, else MLflow of the local stack.

    Raises
    ------
    StackError
        MLflow ended or did not answer in time.
    """
    mlflow_login.sign_in(settings)
    url = settings.tracking_uri or local.start_mlflow(settings)
    return settings.model_copy(update={"tracking_uri": url})
