"""Feature families: pure functions from known rollups to columns of the catalogue.

A family offers `sums` (aggregates of `inputs.known_days`) and `features` (columns computed from
those sums); all families share one pass over the days. `breadth` looks at products instead and
offers a table `per_customer`.
"""
