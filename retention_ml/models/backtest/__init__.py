"""Backtests: models of past days, each evaluated on the outcome."""
