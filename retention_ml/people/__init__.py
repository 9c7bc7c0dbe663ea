"""Persons behind the customers: who has which number, and keys that lead from one to the other."""
