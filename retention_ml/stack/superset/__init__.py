"""Superset beside the local stack: an environment, a database and a login of its own."""
