"""Kinds of models: log-odds of feature values, with exact contributions."""
