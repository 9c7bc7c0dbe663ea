"""Tests of `retention_ml.recommendations`."""
