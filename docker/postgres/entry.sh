#!/bin/sh
# Sees that every secret is there before the server is made: the image would not make the roles later.
set -eu
for name in postgres retention_db retention_bi retention_ds retention_crm retention_assistant airflow_db mlflow_db; do
    file=/run/secrets/${name}_password
    if [ ! -r "$file" ] || [ ! -s "$file" ]; then
        echo "The secret file $file is missing, empty, or may not be read by user $(id -u). See docs/containers.md." >&2
        exit 78
    fi
done
exec docker-entrypoint.sh "$@"
