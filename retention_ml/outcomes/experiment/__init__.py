"""Experiments with actions, looked at: what became of the customers decided about."""
