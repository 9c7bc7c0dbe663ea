"""Checks of batches and tables by Great Expectations, with severity, and the report of them."""
