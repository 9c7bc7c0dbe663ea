"""The local stack: embedded Postgres, MLflow and Airflow as supervised process groups."""
