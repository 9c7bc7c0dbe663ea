"""Scores: probability, tier, value and reasons of every active customer, published by pointer."""
