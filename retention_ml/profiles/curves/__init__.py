"""How long customers stay: cohorts, survival, and the funnel that brings them."""
