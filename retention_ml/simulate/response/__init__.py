"""A simulated shop whose customers answer to actions, with every potential outcome in closed form.

worlds               what actions do, by kind of customer; the harm and the no-effect world
responding_shop      the shop in arrays, day by day; potential_outcomes: the truth about it
decision_features    what was known before a decision; decision_log: decisions to learn from
contact_log          what reached the customers of a shop on disk
newcomers            who joins it; continued_shop: the shop after its last simulated day
day_tables           the files of one day; respond: the door that writes them
"""
