"""Loops compiled by numba; a model that serves elsewhere has its code without them."""
