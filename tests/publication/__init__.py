"""Tests of `retention_ml.publication`."""
