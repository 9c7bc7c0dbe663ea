"""Shops whose truth is known: customers, orders, clicks, campaigns and planted defects."""

from retention_ml.simulate.shop import simulate

__all__ = ["simulate"]
