"""Arrays in, figures out: metrics with intervals, profit, sequential tests, power, distances."""
