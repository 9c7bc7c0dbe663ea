"""The databases and roles of the embedded server: warehouse, Airflow and MLflow apart."""

from contextlib import closing
from pathlib import Path

from retention_ml.schema.assistant_rights import ASSISTANT
from retention_ml.schema.rights import MIGRATOR, PUBLIC, SERVICES
from retention_ml.stack import keys
from retention_ml.stack.postgres import EmbeddedPostgres
from retention_ml.warehouse import Warehouse

OWNED = ("retention", "airflow", "mlflow")
READER, SCIENTIST, CRM, _ = READERS = ("retention_bi", "retention_ds", "retention_crm", PUBLIC)
ROLES = (*OWNED, *READERS, ASSISTANT, MIGRATOR, *SERVICES)
# Of the role itself, whoever connects by it.
ASSISTANT_SETTINGS = (
    "SET default_transaction_read_only = on",
    "SET statement_timeout = '3s'",
    "SET temp_file_limit = '256MB'",
    "SET search_path = reports",
    "CONNECTION LIMIT 10",
)
_PREPARED = "6"  # raise it with every change of what `prepare` makes


def server(home: Path) -> EmbeddedPostgres:
    """The embedded server of a home, running or not."""
    return EmbeddedPostgres(home / "postgres")


def address(home: Path, role: str, database: str | None = None, driver: str = "") -> str:
    """`postgresql://role:password@127.0.0.1:port/database`; the role's own database by default.

    SQLAlchemy 2.1 takes a bare `postgresql://` for psycopg 3, so it is given a driver.
    """
    url = server(home).url(database or role, role, keys.load(home)[role])
    return url.replace("postgresql", f"postgresql+{driver}", 1) if driver else url


def prepare(home: Path) -> None:
    """Create the roles and databases that are missing on the running server.

    Each of `OWNED` owns the database of its name, and nobody else may connect to it; `READERS` and
    `ASSISTANT` may connect to the warehouse, where migrations let `READER` and `ASSISTANT` read the
    schema `reports`, `SCIENTIST` what models are made of and made, `CRM` whom it may contact, and
    `PUBLIC` counts with noise.
    `SERVICES` have the rights of the matrix there, and `MIGRATOR` works as the owner.
    """
    secrets = keys.load(home)
    done = home / "postgres" / "prepared"
    if done.exists() and done.read_text("utf-8") == _PREPARED:
        return
    with closing(Warehouse(server(home).url())) as admin:
        with admin.transaction() as transaction:
            roles = {row[0] for row in transaction.execute("SELECT rolname FROM pg_roles")}
            for role in ROLES:
                verb = "ALTER" if role in roles else "CREATE"
                transaction.execute(f"{verb} ROLE {role} LOGIN PASSWORD '{secrets[role]}'")
            for role in READERS:
                transaction.execute(f"ALTER ROLE {role} SET default_transaction_read_only = on")
                transaction.execute(f"ALTER ROLE {role} SET statement_timeout = '5min'")
            for role in (READER, PUBLIC):
                transaction.execute(f"ALTER ROLE {role} SET search_path = reports")
            for setting in ASSISTANT_SETTINGS:
                transaction.execute(f"ALTER ROLE {ASSISTANT} {setting}")
            transaction.execute(f"GRANT {OWNED[0]} TO {MIGRATOR}")
            transaction.execute(f"ALTER ROLE {MIGRATOR} SET role = '{OWNED[0]}'")
            existing = {row[0] for row in transaction.execute("SELECT datname FROM pg_database")}
        with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for name in OWNED:
                if name not in existing:
                    connection.exec_driver_sql(f"CREATE DATABASE {name} OWNER {name}")
                connection.exec_driver_sql(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
            connection.exec_driver_sql(
                f"GRANT CONNECT ON DATABASE retention TO {', '.join((*READERS, ASSISTANT, MIGRATOR))}"
            )
            connection.exec_driver_sql(
                f"GRANT CONNECT, TEMPORARY ON DATABASE retention TO {', '.join(SERVICES)}"
            )
    done.write_text(_PREPARED, "utf-8")


def add(home: Path, name: str) -> None:
    """Create the role and the database of an optional part on the running server, if missing.

    The role owns the database of its name, and nobody else may connect to it.
    """
    password = keys.load(home)[name]
    with closing(Warehouse(server(home).url())) as admin:
        with admin.transaction() as transaction:
            is_role = transaction.execute(f"SELECT 1 FROM pg_roles WHERE rolname = '{name}'")
            verb = "ALTER" if is_role else "CREATE"
            transaction.execute(f"{verb} ROLE {name} LOGIN PASSWORD '{password}'")
            exists = transaction.execute(f"SELECT 1 FROM pg_database WHERE datname = '{name}'")
        with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if not exists:
                connection.exec_driver_sql(f"CREATE DATABASE {name} OWNER {name}")
            connection.exec_driver_sql(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
