"""Keeping the platform well: examination, and later backup, repair and erasure."""
