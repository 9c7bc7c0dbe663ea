"""Pseudonyms and sealed numbers: how a customer's number is kept out of the warehouse's tables."""
