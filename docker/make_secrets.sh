#!/bin/sh
# Makes the secrets that are missing, one file each, in docker/secrets/ or the folder named; needs
# openssl. What is there stays. The folder is for its owner alone; the files are readable, because
# Docker Compose shows them to the containers as they are, whose users are others.
set -eu
umask 077
folder=${1:-$(dirname "$0")/secrets}
mkdir -p "$folder"
chmod 0700 "$folder"

write() { # NAME VALUE: nothing where the file is there
    [ -s "$folder/$1" ] && return
    printf '%s' "$2" >"$folder/$1.new"
    chmod 0444 "$folder/$1.new"
    mv "$folder/$1.new" "$folder/$1"
    echo "made $folder/$1"
}
password() { # NAME BYTES: letters and digits only, because it stands in addresses
    write "$1" "$(openssl rand -hex "$2")"
}

for name in postgres retention_db retention_bi retention_ds retention_crm retention_assistant airflow_db mlflow_db; do
    password "${name}_password" 24
done
password airflow_admin_password 16
password airflow_secret_key 24
password airflow_jwt_secret 32
write airflow_fernet_key "$(openssl rand -base64 32 | tr '+/' '-_')"
write retention_warehouse_url "postgresql://retention:$(cat "$folder/retention_db_password")@postgres:5432/retention"
write airflow_database_url "postgresql+psycopg2://airflow:$(cat "$folder/airflow_db_password")@postgres:5432/airflow"
write airflow_database_url_async "postgresql+asyncpg://airflow:$(cat "$folder/airflow_db_password")@postgres:5432/airflow"
write mlflow_database_url "postgresql+psycopg2://mlflow:$(cat "$folder/mlflow_db_password")@postgres:5432/mlflow"
