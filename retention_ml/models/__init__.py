"""Churn models: kinds, bundles, registry, promotion, evaluation, training, backtests."""
