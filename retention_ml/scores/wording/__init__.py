"""Features in words: what a value is called, and when it reads as a risk."""
