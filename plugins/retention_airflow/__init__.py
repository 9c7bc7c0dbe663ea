"""What the DAG files share: hand-overs, the day of a run, doors, defaults and the inbox."""
