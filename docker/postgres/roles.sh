#!/bin/sh
# Run once by the empty server: the roles of roles.sql, with their passwords from files.
set -eu
for name in retention_db retention_bi retention_ds retention_crm retention_assistant airflow_db mlflow_db; do
    export "$(echo "${name}_password" | tr '[:lower:]' '[:upper:]')=$(cat "/run/secrets/${name}_password")"
done
psql --no-psqlrc --set ON_ERROR_STOP=1 --quiet --username postgres --dbname postgres --file /opt/retention/roles.sql
