"""What the service answers: who may ask, how often, and what is said."""
