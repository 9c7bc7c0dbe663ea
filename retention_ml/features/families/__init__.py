"""Feature families: what is computed together, from what was known of a customer.

A family offers `aggregates` (of a customer's `inputs.known_days`; all families share one pass over
the days) and `FEATURES`: name, unit, window, meaning and, where a feature is not simply an
aggregate, its expression. A new feature is one entry there. `breadth` looks at products instead
of days and offers a table `per_customer`.
"""
