"""The methods that a ranker has to beat, from the literature and from common sense."""
