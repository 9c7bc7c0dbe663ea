#!/bin/sh
# Runs once before the other containers: migrates both databases, makes pools and folders.
set -eu
umask 077
mkdir -p "$AIRFLOW_HOME" "$RETENTION_HOME/logs/tasks"
for description in "$RETENTION_SOURCES"/*.toml; do
    mkdir -p "$RETENTION_HOME/inbox/$(basename "$description" .toml)"
done
# admin has the password of the secret; those of the other logins are made once.
python - <<'PYTHON'
import json, os, pathlib, secrets

path = pathlib.Path(os.environ["AIRFLOW_HOME"], "passwords.json")
stored = json.loads(path.read_text()) if path.exists() else {}
users = os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"].split(",")
made = {user.split(":")[0]: secrets.token_hex(16) for user in users}
path.write_text(json.dumps(made | stored | {"admin": os.environ["AIRFLOW_ADMIN_PASSWORD"]}))
PYTHON
# Both at once: each is mostly imports and waiting.
python - <<'PYTHON' &
from retention_ml.schema.migrate import migrate
from retention_ml.settings import load
from retention_ml.warehouse import Warehouse

migrate(Warehouse(load().warehouse_url))
PYTHON
warehouse=$!
airflow db migrate
airflow pools set warehouse 2 "tasks that write to the warehouse at the same time"
wait "$warehouse"
