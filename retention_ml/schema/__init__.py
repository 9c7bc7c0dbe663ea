"""The tables and views of the warehouse: which exist, and how they come up to date."""
