"""Tests of `retention_ml.profiles.forecast`."""
