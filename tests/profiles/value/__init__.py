"""Tests of `retention_ml.profiles.value`."""
