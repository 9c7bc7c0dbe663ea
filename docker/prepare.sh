#!/bin/sh
# Runs once before the other containers: migrates both databases, makes pools and folders.
set -eu
umask 077
mkdir -p "$AIRFLOW_HOME" "$RETENTION_HOME/logs/tasks"
for description in "$RETENTION_SOURCES"/*.toml; do
    mkdir -p "$RETENTION_HOME/inbox/$(basename "$description" .toml)"
done
printf '{"admin": "%s"}' "$AIRFLOW_ADMIN_PASSWORD" > "$AIRFLOW_HOME/passwords.json"
airflow db migrate
airflow pools set warehouse 2 "tasks that write to the warehouse at the same time"
python - <<'PYTHON'
from retention_ml.schema.migrate import migrate
from retention_ml.settings import load
from retention_ml.warehouse import Warehouse

migrate(Warehouse(load().warehouse_url))
PYTHON
