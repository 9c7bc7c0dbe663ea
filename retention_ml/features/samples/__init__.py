"""Features of some customers, the same ones on every day: what trainings of large shops read."""
