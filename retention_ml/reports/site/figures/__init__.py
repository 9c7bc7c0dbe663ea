"""Figures that several pages need, and those that take work: each from one snapshot."""
