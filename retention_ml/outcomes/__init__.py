"""What became of the scores: matured outcomes, trials of challengers, drift, alerts."""
