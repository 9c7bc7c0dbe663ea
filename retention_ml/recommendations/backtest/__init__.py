"""Past days are recommended for with what was known then, and compared with what was bought."""
