"""Figures about the platform itself, for Prometheus: ledgers, health, what Airflow pushes."""
