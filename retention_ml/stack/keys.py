"""The passwords and signing keys of the local stack, made once, readable by the owner only."""

import base64
import json
import os
import secrets
from pathlib import Path

NAMES = (
    "retention",  # owner of the warehouse
    "retention_bi",  # may read the schema reports, nothing else
    "airflow",  # owner of Airflow's metadata database
    "mlflow",  # owner of MLflow's database
    "airflow_admin",  # the login of Airflow's page
    "airflow_jwt",
    "airflow_session",
    "airflow_fernet",
)


def load(home: Path) -> dict[str, str]:
    """Every name of `NAMES` with its secret; those that are missing are made and stored.

    The file is `<home>/secrets.json`, mode 0600.
    """
    path = home / "secrets.json"
    known: dict[str, str] = {}
    if path.exists():
        known = json.loads(path.read_text(encoding="utf-8"))
    missing = [name for name in NAMES if name not in known]
    if missing:
        known |= {name: _new(name) for name in missing}
        home.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".part")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(known, file, indent=2)
        draft.replace(path)
    return known


def _new(name: str) -> str:
    if name == "airflow_fernet":
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    # No leading dash, no character that an address or a shell would take amiss.
    return secrets.token_hex(16 if name == "airflow_admin" else 24)
