"""A ranker proves itself on a past day before lists are made with it."""
