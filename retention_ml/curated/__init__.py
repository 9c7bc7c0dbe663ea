"""Rows that passed: versioned, deduplicated, traceable to the delivered line."""
