"""Rows of a file to rows of a table, where that is not one to one: between reading and casting.

cells       the lines that are written in one cell
fill_down   fields that only the first row of an order carries
headless    orders whose first row may have been rejected
per_order   money that stands once per order, as a line of its own
parts       a row that has several parts is one row: counted once, quarantined whole
texts       which cells are empty, and which rows belong to one order
"""
