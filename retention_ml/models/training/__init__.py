"""Training: data, candidates, selection, registration."""
