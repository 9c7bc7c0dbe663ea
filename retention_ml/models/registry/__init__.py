"""Registered versions in MLflow: runs, tags, aliases."""
