"""Backtests: models of past days, each judged by what followed."""
