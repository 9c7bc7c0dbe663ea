"""Tests of `retention_ml.abnormal`."""
