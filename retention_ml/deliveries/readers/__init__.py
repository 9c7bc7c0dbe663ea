"""Bytes of a delivered file to rows of text."""
