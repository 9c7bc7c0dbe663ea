"""Uplift: the effect of a contact on each customer, and when it may rank them."""
