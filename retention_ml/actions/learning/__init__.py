"""What contacts did, learned from the platform's own decisions, and the policy that follows.

evidence     decisions drawn by lot, and how probable each action was among those drawn
load_evidence  the same from the ledger, with outcomes and features as known on a day
measurement  the effect of each action, and which rung of the ladder it allows
replay       a bandit over the evidence, knowing on each day what was known then
policy_values  what policies would have earned, against the best action for everybody
bandit_result  both: what the bandit has learned and would have earned
proposal     the policy that follows from all of them
policy_effects  policies and their figures, to be read
card         a model's card
evaluate_policies  the comparison, to be read
train_uplift  the door
"""
