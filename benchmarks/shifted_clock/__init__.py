"""A clock for a stack whose shop lives through half a year in an hour.

`sitecustomize.py` beside this file moves the clock of the platform in every Python that has the
folder on its path. Airflow, MLflow and Postgres keep the real one.
"""
