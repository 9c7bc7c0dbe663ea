"""Tests of rows that are left out for good."""
