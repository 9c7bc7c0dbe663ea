"""Files beside Postgres that hold what Postgres holds, and are made from it at any time."""
