"""Products that are bought together, shown on earlier weeks and again on later ones."""
