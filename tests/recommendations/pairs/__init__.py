"""Tests of `retention_ml.recommendations.pairs`."""
