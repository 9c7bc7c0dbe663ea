"""What Airflow shows of a run besides its tasks: its day and result, and where to look."""
