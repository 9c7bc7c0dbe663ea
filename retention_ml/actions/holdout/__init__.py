"""Customers whom the platform never contacts: who they are, and for how long."""
