"""The profiles of a day as rows: what is written, and what must hold."""
