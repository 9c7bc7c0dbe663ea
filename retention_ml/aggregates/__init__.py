"""Counts that anybody may see: drawn with noise once, stored, and paid from a budget per person."""
