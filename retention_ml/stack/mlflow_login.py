"""The login of the local stack's MLflow, where `mlflow.login` asks for one."""

import os
from importlib.util import find_spec

from retention_ml import atomic_files
from retention_ml.errors import StackError
from retention_ml.settings import Settings
from retention_ml.stack import keys

USER = "admin"
_NEEDED = "flask_wtf"
# Whoever has a login may read; what is a person's to change is granted on MLflow's page.
_CONFIGURATION = """\
[mlflow]
default_permission = READ
database_uri = sqlite:///{logins}
admin_username = {user}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
grant_default_workspace_access = false
"""


def prepare(settings: Settings) -> None:
    """Write how MLflow keeps its logins; nothing without a login.

    Raises
    ------
    StackError
        The package that the login needs is not installed.
    """
    if not settings.mlflow.login:
        return
    if find_spec(_NEEDED) is None:
        raise StackError(
            "MLflow's login needs the package flask-wtf, which is not installed. Install the extra "
            "`login` of this project (`pip install 'retention-ml[login]'`), or set login = false "
            "under [mlflow] in retention.toml."
        )
    folder = settings.home / "mlflow"
    atomic_files.make_folder(folder)
    text = _CONFIGURATION.format(logins=folder.resolve() / "logins.db", user=USER)
    atomic_files.write_text(folder / "login.ini", text)


def server_arguments(settings: Settings) -> tuple[str, ...]:
    """What the command of MLflow's server says about the login."""
    return ("--app-name", "basic-auth") if settings.mlflow.login else ()


def server_variables(settings: Settings) -> dict[str, str]:
    """What only MLflow's server needs to know: where logins are, and the first one."""
    if not settings.mlflow.login:
        return {}
    secrets = keys.load(settings.home)
    return {
        "MLFLOW_AUTH_CONFIG_PATH": str(settings.home / "mlflow" / "login.ini"),
        "MLFLOW_AUTH_ADMIN_USERNAME": USER,
        "MLFLOW_AUTH_ADMIN_PASSWORD": secrets["mlflow_admin"],
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets["mlflow_session"],
    }


def client_variables(settings: Settings) -> dict[str, str]:
    """With which every part of the stack signs in; none where MLflow is somebody else's."""
    if not settings.mlflow.login or settings.tracking_uri is not None:
        return {}
    password = keys.load(settings.home)["mlflow_admin"]
    return {"MLFLOW_TRACKING_USERNAME": USER, "MLFLOW_TRACKING_PASSWORD": password}


def sign_in(settings: Settings) -> None:
    """Let MLflow's client in this process sign in; variables that are set already count."""
    for name, value in client_variables(settings).items():
        os.environ.setdefault(name, value)
