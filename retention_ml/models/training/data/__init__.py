"""The data of a training: what was known on a day of customers on past days, and what followed."""
