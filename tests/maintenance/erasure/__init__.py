"""Tests of forgetting persons."""
