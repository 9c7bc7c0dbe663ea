"""Customers of a simulated shop who are none: bots, brushers, return abusers, resellers."""
