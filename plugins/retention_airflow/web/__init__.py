"""The pages inside Airflow: `pages_app` answers, `pages_plugin` tells Airflow where."""
