"""The passwords and signing keys of the local stack, made once, readable by the owner only."""

import base64
import json
import secrets
from pathlib import Path

from retention_ml import atomic_files

NAMES = (
    "retention",  # owner of the warehouse
    "retention_bi",  # may read the schema reports, nothing else
    "retention_ds",  # may read features, models, scores and outcomes, nothing else
    "retention_crm",  # may read the list of whom it may contact, nothing else
    "retention_public",  # may read counts with noise, nothing else
    "retention_assistant",  # may read reports for `retention mcp`
    "retention_migrator",  # works as the owner of the warehouse
    "retention_loader",  # the rights of one step each, and of the auditor: docs/rights.md
    "retention_trainer",
    "retention_scorer",
    "retention_auditor",
    "assistant_token",  # asked of who connects to it over HTTP
    "airflow",  # owner of Airflow's metadata database
    "mlflow",  # owner of MLflow's database
    "airflow_admin",  # the logins of Airflow's page
    "airflow_engineer",
    "airflow_approver",
    "airflow_viewer",
    "mlflow_admin",  # that of MLflow's, where it has one
    "mlflow_session",
    "superset",  # owner of Superset's database, where it was started
    "superset_admin",  # the login of its page
    "superset_session",  # signs its cookies, encrypts the address of the warehouse
    "airflow_jwt",
    "airflow_session",
    "airflow_fernet",
)

LOGINS = {name: f"airflow_{name}" for name in ("admin", "engineer", "approver", "viewer")}
"""The logins of Airflow's page, with the name of their password."""
_TYPED = (*LOGINS.values(), "mlflow_admin", "superset_admin")  # by people, so they are shorter


def load(home: Path) -> dict[str, str]:
    """Every name of `NAMES` with its secret; those that are missing are made and stored.

    The file is `<home>/secrets.json`, mode 0600.
    """
    path = home / "secrets.json"
    stored: dict[str, str] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    missing = [name for name in NAMES if name not in stored]
    if missing:
        stored |= {name: _new(name) for name in missing}
        atomic_files.write_text(path, json.dumps(stored, indent=2), mode=0o600)
    return stored


def _new(name: str) -> str:
    if name == "airflow_fernet":
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    # No leading dash, no character that an address or a shell would take amiss.
    return secrets.token_hex(16 if name in _TYPED else 24)
