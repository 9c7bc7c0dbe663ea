"""The lists of a day as rows: what they are made from, what is written, and what must hold."""
