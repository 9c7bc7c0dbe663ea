"""Tests of `retention_ml.profiles.personas`."""
