"""Customers that are none: who they are, what a person decided, and who is excluded on a day."""
