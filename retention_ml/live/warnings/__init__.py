"""What a person should know of a customer before the next daily run, and who is told."""
