"""Actions drawn by how likely each is to bring the most money: action-centred Thompson sampling.

What is learned is the effect of each action on the probability of an order, by stage and features.
Money follows from what is known: the margin of an order, the discount, the cost of the contact.
Each decision's probabilities are computed, floored, drawn by lot and logged, so that any other
policy can be evaluated afterwards (`retention_ml.statistics.off_policy`). Pure arrays; the state is
text.
"""
